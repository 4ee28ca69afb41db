"""A live column is read, changed and merged at once."""

from itertools import pairwise
from threading import Event, Lock, Thread

import numpy as np
import pytest

SIZE = 1 << 16


def made(random, values, count):
    having = np.zeros((values, count), np.bool_)
    rows = random.integers(-1, values, count)
    having[rows[rows >= 0], np.flatnonzero(rows >= 0)] = True
    return having


def moved(random, having):
    """After some persons changed."""
    after = having.copy()
    whose = np.unique(random.integers(0, having.shape[1], 300))
    after[:, whose] = made(random, len(having), len(whose))
    return after


NOBODY = np.zeros(0, np.int64)


def test_readers_see_whole_versions_while_it_changes_and_merges(threads):
    from engine_changes import changes_of, column_of, having_of
    from segments.engine.live.merging import caught_up
    from segments.engine.live.versions import changed, compacted

    random = np.random.default_rng(3)
    states = [made(random, 10, SIZE)]
    for _ in range(40):
        states.append(moved(random, states[-1]))
    live = [compacted(column_of(states[0], threads, single=True), threads)]
    changing, versions, seen, over = Lock(), [], [], Event()

    def merge():
        while not over.is_set():
            pinned = live[0]
            settled = compacted(pinned, threads)
            with changing:
                live[0], _ = caught_up(settled, pinned, live[0], threads)

    def read():
        while not over.is_set():
            version = live[0]
            seen.append((version, having_of(version, 1, threads)))
            del seen[:-5]

    others = [Thread(target=merge), Thread(target=read)]
    for each in others:
        each.start()
    try:
        for before, after in pairwise(states):
            with changing:
                live[0] = changed(live[0], changes_of(before, after, NOBODY), threads)
            versions.append(live[0])
            del versions[:-4]
    finally:
        over.set()
        for each in others:
            each.join()
    for version, state in zip(versions, states[-4:], strict=True):
        assert np.array_equal(having_of(version, 1, threads)[:-1], state)
    for version, found in seen:
        assert np.array_equal(having_of(version, 1, threads), found)
    assert np.array_equal(having_of(compacted(live[0], threads), 1, threads)[:-1], states[-1])


def test_places_that_nobody_reads_are_written_over(threads):
    from engine_changes import changes_of, column_of
    from segments.engine.live.versions import changed, compacted, footprint, is_crowded

    random = np.random.default_rng(4)
    having = made(random, 10, SIZE)
    live = compacted(column_of(having, threads, single=True), threads)
    written = []
    for _ in range(60):
        after = moved(random, having)
        live = changed(live, changes_of(having, after, NOBODY), threads)
        having = after
        written.append(live.hold.room.written)
    assert written[9] == written[-1]
    assert not is_crowded(live)
    small = footprint(live)
    assert small < live.bytes
    assert footprint(compacted(live, threads)) == small - 8 * written[-1]


def test_nothing_is_made_of_a_version_that_was_given_up(threads):
    from engine_changes import changes_of, column_of, having_of
    from segments.engine.live.versions import changed, compacted

    random = np.random.default_rng(5)
    states = [made(random, 10, SIZE)]
    for _ in range(3):
        states.append(moved(random, states[-1]))
    first = compacted(column_of(states[0], threads, single=True), threads)
    given_up = changed(first, changes_of(states[0], states[1], NOBODY), threads)
    second = changed(first, changes_of(states[0], states[2], NOBODY), threads)
    with pytest.raises(ValueError, match="given up"):
        changed(given_up, changes_of(states[1], states[3], NOBODY), threads)
    third = changed(second, changes_of(states[2], states[3], NOBODY), threads)
    for version, state in zip((first, given_up, second, third), (*states,), strict=True):
        assert np.array_equal(having_of(version, 1, threads)[:-1], state)


def test_whoever_reads_a_version_that_was_given_up_goes_on(threads):
    from engine_changes import changes_of, column_of, having_of
    from segments.engine.live.versions import changed, compacted

    random = np.random.default_rng(7)
    states = [made(random, 10, SIZE)]
    for _ in range(3):
        states.append(moved(random, states[-1]))
    settled = compacted(column_of(states[0], threads, single=True), threads)
    first = changed(settled, changes_of(states[0], states[1], NOBODY), threads)
    nothing = states[1].copy()
    nothing[0] = False
    given_up = changed(first, changes_of(states[1], nothing, NOBODY), threads)
    live = changed(first, changes_of(states[1], states[2], NOBODY), threads)
    del settled, first
    for before, after in pairwise([states[2], states[3], states[2]]):
        live = changed(live, changes_of(before, after, NOBODY), threads)
    assert np.array_equal(having_of(given_up, 1, threads)[:-1], nothing)
    assert np.array_equal(having_of(live, 1, threads)[:-1], states[2])


@pytest.mark.parametrize("values", [3, 12])
def test_changes_that_do_not_fit_change_nothing(threads, values):
    from engine_changes import changes_of, column_of, having_of
    from segments.engine.live.changes import Misfit
    from segments.engine.live.versions import changed, compacted

    random = np.random.default_rng(values)
    having, wrong = made(random, values, SIZE), made(random, values, SIZE)
    column = compacted(column_of(having, threads, single=True), threads)
    with pytest.raises(Misfit):
        changed(column, changes_of(wrong, having, NOBODY), threads)
    assert column.hold.room.written == 0 or np.array_equal(having_of(column, 1, threads)[:-1], having)
    after = moved(random, having)
    found = changed(column, changes_of(having, after, NOBODY), threads)
    assert np.array_equal(having_of(found, 1, threads)[:-1], after)


def test_a_column_takes_more_values_until_codes_need_two_bytes(threads):
    from engine_changes import changes_of, column_of, having_of
    from segments.engine.live.versions import changed, compacted

    random = np.random.default_rng(6)
    having = np.zeros((300, SIZE), np.bool_)
    having[:200] = made(random, 200, SIZE)
    column = compacted(column_of(having[:200], threads, single=True), threads)
    for values in (201, 254, 255, 300):
        after = having.copy()
        after[:, : 10 * values] = False
        after[values - 1, : 10 * values] = True
        column = changed(column, changes_of(having, after, NOBODY), threads, values)
        having = after
        assert np.array_equal(having_of(column, 1, threads)[:-1], having[:values])
        assert (column.codes is None) == (values > 254)
    compact = compacted(column, threads)
    assert compact.wide
    assert compact.codes is not None
