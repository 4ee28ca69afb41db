"""What may be promised of the services to the left, over lanes and paths, and how it is stored."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.revision import LANES, Lane, Revision
from servicekit.upstream import Point, UpstreamRow, advance, cursor, forget, reset, revisions, settle
from toy import ToyStore

OLD, NEW = "6a00000000000000", "6b00000000000000"
DIAMOND = {"identity": ("identity",), "segments": ("segments", "identity")}


def rows(*points):
    return [
        UpstreamRow(consumer, service, 1, epoch, position) for consumer, service, epoch, position in points
    ]


def test_of_several_paths_the_least_counts():
    settled = settle(
        DIAMOND,
        rows(
            ("identity", "identity", OLD, 90),
            ("segments", "identity", OLD, 40),
            ("segments", "segments", OLD, 7),
        ),
    )
    assert settled == {
        ("identity", Lane.LIVE): Point(OLD, 40),
        ("segments", Lane.LIVE): Point(OLD, 7),
    }


def test_a_path_that_has_not_reported_promises_nothing():
    assert settle(DIAMOND, rows(("identity", "identity", OLD, 90))) == {}


def test_paths_in_different_epochs_promise_the_later_from_its_start():
    settled = settle(DIAMOND, rows(("identity", "identity", NEW, 5), ("segments", "identity", OLD, 40)))
    assert settled["identity", Lane.LIVE] == Point(NEW, 0)


def test_rows_of_undeclared_consumers_are_ignored():
    assert settle({}, rows(("identity", "identity", OLD, 90))) == {}


def test_as_revisions_lanes_in_one_epoch_are_joined():
    upstream = {
        ("a", Lane.LIVE): Point(OLD, 1),
        ("a", Lane.BULK): Point(OLD, 2),
        ("b", Lane.LIVE): Point(NEW, 3),
    }
    assert revisions(upstream) == (Revision("a", OLD, 1, 2), Revision("b", NEW, 3, 0))
    upstream["a", Lane.BULK] = Point(NEW, 2)
    assert set(revisions(upstream)) == {
        Revision("a", OLD, 1, 0),
        Revision("a", NEW, 0, 2),
        Revision("b", NEW, 3, 0),
    }


@given(
    st.lists(
        st.tuples(st.sampled_from(["identity", "segments"]), st.sampled_from([OLD, NEW]), st.integers(1, 9))
    )
)
def test_a_settled_promise_is_covered_by_every_path(points):
    stored = {}
    for consumer, epoch, position in points:
        stored[consumer] = Point(epoch, position)
    found = settle(DIAMOND, rows(*((c, "identity", *point) for c, point in stored.items())))
    promise = found.get(("identity", Lane.LIVE))
    if promise is not None and promise.position:
        assert all(stored[c].epoch == promise.epoch for c in DIAMOND)
        assert all(stored[c].position >= promise.position for c in DIAMOND)


@pytest.fixture
def store(database_url):
    opened = ToyStore.open(database_url, "right", {"c": ("left", "further")})
    yield opened
    opened.database.close_now()


def test_a_cursor_exists_after_a_bootstrap_only(store):
    write, read = store.database.write_now, store.database.read_now
    write(advance, "c", Lane.LIVE, Revision("left", OLD, 3), ())
    assert read(cursor, "c", "left") is None, "one lane is no cursor"
    write(reset, "c", Revision("left", OLD, 5, 5), (Revision("further", OLD, 2, 1),))
    assert read(cursor, "c", "left") == Revision("left", OLD, 5, 5)
    write(forget, "c")
    assert read(cursor, "c", "left") is None


def test_progress_never_goes_back_but_into_a_later_epoch(store):
    write = store.database.write_now
    write(reset, "c", Revision("left", OLD, 5, 5), ())
    for live in (9, 7):
        write(advance, "c", Lane.LIVE, Revision("left", OLD, live, 99), (Revision("further", OLD, live, 99),))
    write(advance, "c", Lane.BULK, Revision("left", OLD, 99, 6), (Revision("further", OLD, 99, 0),))
    head = store.database.read_now(store.changelog.head)
    assert head.upstream == {
        ("left", Lane.LIVE): Point(OLD, 9),
        ("left", Lane.BULK): Point(OLD, 6),
        ("further", Lane.LIVE): Point(OLD, 9),
    }
    write(advance, "c", Lane.LIVE, Revision("left", NEW, 1), ())
    write(advance, "c", Lane.LIVE, Revision("left", OLD, 50), ())
    head = store.database.read_now(store.changelog.head)
    assert head.upstream["left", Lane.LIVE] == Point(NEW, 1)


def test_finishing_a_bootstrap_may_go_back_and_begins_an_epoch(store):
    write = store.database.write_now
    write(reset, "c", Revision("left", OLD, 50, 50), ())
    before = store.database.read_now(store.changelog.head)
    progress = replace(before, position=4, epoch=OLD, upstream={}).progress("left")
    write(store.changelog.finish_bootstrap, "c", progress)
    after = store.database.read_now(store.changelog.head)
    assert after.epoch > before.epoch
    assert {after.upstream["left", lane].position for lane in LANES} == {4}
