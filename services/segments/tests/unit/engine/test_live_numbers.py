"""Any sequence of changes of numbers comes to what a column has that is built from the last numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SIZE = 1 << 16
POOLS = (
    (0, 10_000, 20_000, 30_000),
    tuple(range(-30_000, 30_000, 10_000)),
    (5, 5 + 3 * 10**12, 5 + 7 * 10**12),
    (-(2**63), 0, 2**63 - 1),
    tuple(2**each for each in range(0, 62, 7)),
)


@st.composite
def steps(draw):
    """(persons, whether they have a number from now on, which)"""
    random = np.random.default_rng(draw(st.integers(0, 99)))
    count = draw(st.sampled_from([1, 3, 40, 900, 30_000]))
    first, last = draw(st.sampled_from([(0, 2 * SIZE), (0, SIZE), (SIZE, 2 * SIZE), (60_000, 61_000)]))
    whose = np.unique(random.integers(first, last, count))
    known = random.random(len(whose)) < draw(st.sampled_from([0.0, 0.7, 1.0]))
    pool = np.asarray(draw(st.sampled_from(POOLS)), np.int64)
    return whose, known, random.choice(pool, len(whose))


def changes_of(known, numbers, whose, new_known, new_numbers):
    from segments.engine.live.changes import Changes, Codes

    before = Codes(known[whose].astype(np.int64), numbers[whose][known[whose]])
    return Changes(whose, before, Codes(new_known.astype(np.int64), new_numbers[new_known]))


def column_of(known, numbers, blocks, threads):
    from segments.engine.numbers import NumberBlock, number_column

    parts = []
    for block in range(blocks):
        offsets = np.flatnonzero(known[block * SIZE : (block + 1) * SIZE])
        part = numbers[block * SIZE : (block + 1) * SIZE][offsets]
        parts.append(NumberBlock(part, offsets.astype(np.uint16)) if len(part) else None)
    return number_column(parts, threads)


def check(column, known, numbers, threads):
    from segments.engine.algebra import InRange, InSet
    from segments.engine.answers import members
    from segments.engine.program import program_of
    from segments.engine.sets import CodedBlock, set_column

    universe = set_column([CodedBlock(np.zeros(SIZE, np.uint16))] * 2, 1, threads)
    seen = np.unique(numbers[known])
    ends = [(int(each), int(each)) for each in seen[:2]]
    ends += [(int(seen[len(seen) // 2]), 2**63 - 1), (-(2**63), int(seen[-1]) - 1)] if len(seen) else [(0, 1)]
    ends = [(low, high) for low, high in ends if low <= high]
    sets = [InSet(column.knowns, 0), *(InRange(column, low, high) for low, high in ends)]
    expected = [known, *(known & (numbers >= low) & (numbers <= high) for low, high in ends)]
    for found, wanted in zip(members(program_of(sets, universe), threads), expected, strict=True):
        assert np.array_equal(found.ids(), np.flatnonzero(wanted))


@given(data=st.data())
def test_changes_come_to_what_is_built_from_the_last_numbers(threads, data):
    from segments.engine.live.compaction import compacted_numbers
    from segments.engine.live.versions import changed

    known, numbers = np.zeros(2 * SIZE, np.bool_), np.zeros(2 * SIZE, np.int64)
    column = compacted_numbers(column_of(known, numbers, 1, threads), threads)
    kept = [(column, known, numbers)]
    for whose, new_known, new_numbers in data.draw(st.lists(steps(), min_size=1, max_size=4)):
        column = changed(column, changes_of(known, numbers, whose, new_known, new_numbers), threads)
        known, numbers = known.copy(), numbers.copy()
        known[whose], numbers[whose] = new_known, new_numbers
        kept.append((column, known, numbers))
        if data.draw(st.booleans()):
            kept.pop(0)
    for version in kept:
        check(*version, threads)
    compact = compacted_numbers(column, threads)
    scratch = column_of(known, numbers, column.blocks, threads)
    assert np.array_equal(compact.frames, scratch.frames)
    assert np.array_equal(compact.words[: len(scratch.words)], scratch.words)
    forms = (1 << 20) - 1
    assert np.array_equal(compact.knowns.entries & forms, scratch.knowns.entries & forms)


@pytest.mark.parametrize("number", [9_999, 655_359_999, -(2**63)])
def test_a_person_who_changes_several_times_has_the_last_number(threads, number):
    from engine_changes import joined
    from segments.engine.live.compaction import compacted_numbers
    from segments.engine.live.versions import changed

    known, numbers = np.ones(2 * SIZE, np.bool_), np.arange(2 * SIZE) * 10_000
    column = compacted_numbers(column_of(known, numbers, 2, threads), threads)
    whose, yes, no = np.asarray([77]), np.asarray([True]), np.asarray([False])
    path = [(yes, 30_000), (no, 0), (yes, 5), (yes, number)]
    changes, before, had = [], numbers.copy(), known.copy()
    for has, each in path:
        new = np.asarray([each])
        changes.append(changes_of(had, before, whose, has, new))
        before[whose], had[whose] = new, has
    check(changed(column, joined(changes), threads), had, before, threads)
