"""The changelog on both dialects: no gap under concurrent writers, filters, limits, retention, epochs."""

import asyncio
import threading
import time

import pytest
from servicekit import retention
from servicekit.changelog import Entry
from servicekit.database import DatabaseBusy
from servicekit.driver_sql import execute
from servicekit.errors import HistoryGone, RevisionForeign
from servicekit.retention import Spared, keep_trimmed, trim
from servicekit.revision import Lane, Revision
from servicekit.telemetry.context import TraceContext, within
from toy import ToyStore


@pytest.fixture
def store(database_url):
    opened = ToyStore.open(database_url)
    yield opened
    opened.database.close_now()


def entries(count, kind="item", tenant="t1", size=8):
    return [Entry(kind, tenant, b"x" * size) for _ in range(count)]


def append(store, lane, listed):
    return store.database.write_now(store.changelog.append, lane, listed)


def page(store, lane, after=0, **options):
    return store.database.read_now(store.changelog.page, lane, after, **options)


def test_positions_are_shared_by_both_lanes(store):
    assert append(store, Lane.LIVE, entries(2)).live == 2
    revision = append(store, Lane.BULK, entries(3))
    assert (revision.live, revision.bulk) == (0, 5)
    assert append(store, Lane.LIVE, entries(1)).live == 6
    assert [e.position for e in page(store, Lane.LIVE).entries] == [1, 2, 6]
    assert [e.position for e in page(store, Lane.BULK).entries] == [3, 4, 5]


def test_a_payload_may_carry_its_own_position(store):
    made = [Entry("item", "t1", lambda position: str(position).encode()), *entries(1)]
    append(store, Lane.LIVE, entries(4))
    append(store, Lane.LIVE, made)
    assert [e.payload for e in page(store, Lane.LIVE, 4).entries] == [b"5", b"x" * 8]


def test_an_append_of_nothing_returns_the_end_of_its_lane(store):
    append(store, Lane.BULK, entries(3))
    append(store, Lane.LIVE, entries(1))
    assert append(store, Lane.BULK, []).bulk == 3


def test_a_failed_transaction_leaves_no_position(store):
    def fail(connection):
        store.changelog.append(connection, Lane.LIVE, entries(5))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.database.write_now(fail)
    assert append(store, Lane.LIVE, entries(1)).live == 1


def test_no_entry_is_skipped_under_concurrent_writers(store):
    """A reader that follows with "position > cursor" while 6 threads write sees every entry once, in
    order."""
    writers, rounds = 6, 25
    finished = threading.Event()
    seen = {Lane.LIVE: [], Lane.BULK: []}

    def write(number):
        for turn in range(rounds):
            lane = Lane.LIVE if (number + turn) % 2 else Lane.BULK

            def work(connection, lane=lane, turn=turn):
                store.changelog.append(
                    connection, lane, [Entry("item", "t1", f"{number}/{turn}".encode())] * (1 + turn % 3)
                )
                time.sleep(0.001 * (number % 3))  # holds some commits back

            store.database.write_now(work)

    def read():
        after = {Lane.LIVE: 0, Lane.BULK: 0}
        while True:
            last_round = finished.is_set()
            for lane, cursor in after.items():
                found = page(store, lane, cursor, limit=7)
                while found.entries:
                    seen[lane] += found.entries
                    found = page(store, lane, found.through, limit=7)
                after[lane] = found.through
            if last_round:
                return

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in [reader, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    finished.set()
    reader.join()
    expected = sum(1 + turn % 3 for turn in range(rounds)) * writers
    positions = sorted(entry.position for lane in seen for entry in seen[lane])
    assert positions == list(range(1, expected + 1))
    for lane, read_entries in seen.items():
        in_order = [entry.position for entry in read_entries]
        assert in_order == sorted(in_order), lane


def test_a_page_is_bounded_by_count_and_bytes_and_says_how_far_it_came(store):
    append(store, Lane.LIVE, entries(10, size=100))
    first = page(store, Lane.LIVE, 0, limit=4)
    assert (len(first.entries), first.through) == (4, 4)
    by_bytes = page(store, Lane.LIVE, 4, max_bytes=250)
    assert (len(by_bytes.entries), by_bytes.through) == (2, 6)
    assert len(page(store, Lane.LIVE, 6, max_bytes=1).entries) == 1, "one at least"
    assert page(store, Lane.LIVE, 6).through == 10
    assert page(store, Lane.BULK, 0).through == 10, "an empty lane is read to the end"


def test_a_page_filters_by_kind_and_tenant(store):
    append(store, Lane.LIVE, entries(2, kind="event") + entries(2, kind="person", tenant="t2"))
    assert [e.position for e in page(store, Lane.LIVE, kinds=("person",)).entries] == [3, 4]
    assert [e.position for e in page(store, Lane.LIVE, tenant="t1").entries] == [1, 2]
    nothing = page(store, Lane.LIVE, kinds=("tag",))
    assert (nothing.entries, nothing.through) == ((), 4)


def test_entries_keep_the_trace_of_a_sampled_call_only(store):
    sampled = TraceContext("a" * 32, "b" * 16, sampled=True)
    with within(sampled):
        append(store, Lane.LIVE, entries(1))
    with within(TraceContext("c" * 32, "d" * 16, sampled=False)):
        append(store, Lane.LIVE, entries(1))
    assert [e.traceparent for e in page(store, Lane.LIVE).entries] == [sampled.traceparent(), None]


def test_trimmed_history_is_gone(store):
    append(store, Lane.LIVE, entries(5))
    append(store, Lane.BULK, entries(5))
    in_the_future = int(time.time() * 1000) + 60_000
    trimmed = store.database.write_now(
        trim, store.changelog, keep_after_machine_time_ms=in_the_future, not_beyond=7
    )
    assert (trimmed.entries, trimmed.more) == (7, False)
    for lane in (Lane.LIVE, Lane.BULK):
        with pytest.raises(HistoryGone) as gone:
            page(store, lane, 6)
        assert gone.value.oldest == 7
    assert [e.position for e in page(store, Lane.BULK, 7).entries] == [8, 9, 10]


def test_what_is_spared_outlives_its_history(store):
    append(store, Lane.LIVE, [Entry(kind, "t1", b"x") for kind in ("fact", "note", "fact", "note")])

    def trim_all(after):
        spared = Spared(("fact",), after)
        store.database.write_now(trim, store.changelog, keep_after_machine_time_ms=2**60, spared=spared)

        def left(connection):
            first = store.changelog.first(connection, Lane.LIVE)
            found = store.changelog.page(connection, Lane.LIVE, max(first - 1, 0), spared=True)
            return [entry.position for entry in found.entries]

        return store.database.read_now(left)

    assert trim_all(0) == [1, 3]
    with pytest.raises(HistoryGone):
        page(store, Lane.LIVE, 3)
    assert trim_all(1) == [3]
    assert trim_all(4) == []


def test_trimming_by_size_keeps_the_newest(store):
    append(store, Lane.LIVE, entries(10, size=100))
    trimmed = store.database.write_now(trim, store.changelog, keep_after_machine_time_ms=0, max_bytes=300)
    assert trimmed.entries == 7
    again = store.database.write_now(trim, store.changelog, keep_after_machine_time_ms=0, max_bytes=300)
    assert again.entries == 0
    assert len(page(store, Lane.LIVE, 7).entries) == 3


def test_a_new_epoch_is_later_and_ends_old_cursors(store):
    old = append(store, Lane.LIVE, entries(3))
    epoch = store.database.write_now(store.changelog.new_epoch)
    assert epoch > old.epoch
    head = store.database.read_now(store.changelog.head)
    assert (head.epoch, head.position) == (epoch, 3)
    with pytest.raises(HistoryGone):
        store.changelog.require_cursor(head, old)
    with pytest.raises(HistoryGone):
        page(store, Lane.LIVE, 3, epoch=old.epoch)
    assert append(store, Lane.LIVE, entries(1)) == Revision("toy", epoch, live=4)


def test_a_cursor_of_another_service_or_beyond_the_end_is_refused(store):
    head = store.database.read_now(store.changelog.head)
    with pytest.raises(RevisionForeign):
        store.changelog.require_cursor(head, Revision("other", head.epoch))
    with pytest.raises(HistoryGone):
        store.changelog.require_cursor(head, Revision("toy", head.epoch, live=1))


def test_creating_the_head_again_changes_nothing(store):
    before = append(store, Lane.LIVE, entries(1))
    store.database.write_now(store.changelog.create)
    assert append(store, Lane.LIVE, entries(1)).epoch == before.epoch


def test_processes_that_trim_together_count_the_bytes_once(postgres_url):
    """Two processes of one service on one store: while one trims, the other leaves it to that."""
    store = ToyStore.open(postgres_url)
    append(store, Lane.LIVE, entries(10, size=100))

    def head_bytes(connection):
        return execute(connection, "SELECT payload_bytes FROM changelog_head").scalar_one()

    def trim_while_another_does(connection):
        first = trim(connection, store.changelog, keep_after_machine_time_ms=0, max_bytes=300)
        other = threading.Thread(target=trim_in_another)
        other.start()
        other.join(0.5)
        return first, other

    others = []

    def trim_in_another():
        others.append(
            store.database.write_now(trim, store.changelog, keep_after_machine_time_ms=0, max_bytes=300)
        )

    first, other = store.database.write_now(trim_while_another_does)
    other.join(10)
    assert (first.entries, [trimmed.entries for trimmed in others]) == (7, [0])
    assert store.database.read_now(head_bytes) == 300
    store.database.close_now()


async def test_a_trim_that_fails_is_tried_again(sqlite_url, monkeypatch):
    """A busy store must not end the worker, and with it the process."""
    monkeypatch.setattr(retention, "RETRY_S", 0.01)
    store = ToyStore.open(sqlite_url)
    append(store, Lane.LIVE, entries(10, size=100))
    asked = []

    def spared(connection):
        asked.append(None)
        if len(asked) < 3:
            raise DatabaseBusy("the store is busy: repeat", service="database")

    worker = asyncio.ensure_future(
        keep_trimmed(store.database, store.changelog, max_bytes=300, spared=spared)
    )
    async with asyncio.timeout(10):
        while len(asked) < 3 or store.database.read_now(store.changelog.head).oldest < 7:
            assert not worker.done()
            await asyncio.sleep(0.01)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    store.database.close_now()
