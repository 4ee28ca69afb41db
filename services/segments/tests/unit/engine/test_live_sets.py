"""Any sequence of changes of value sets comes to what a column has that is built from the last values."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SIZE = 1 << 16
EDGES = (0, 1, 63, 64, 4_095, 4_096, 65_535, 65_536, 131_071)


@st.composite
def persons(draw):
    """Who changes: a few, those at edges, a stretch, everybody."""
    random = np.random.default_rng(draw(st.integers(0, 99)))
    match draw(st.sampled_from(["few", "edges", "stretch", "many", "everybody"])):
        case "few":
            return np.unique(random.integers(0, 2 * SIZE, draw(st.integers(1, 30))))
        case "edges":
            return np.asarray(EDGES)
        case "stretch":
            first = int(random.integers(0, SIZE))
            return np.arange(first, first + int(random.integers(1, SIZE)))
        case "many":
            return np.flatnonzero(random.random(2 * SIZE) < 0.04)
        case _:
            return np.arange(2 * SIZE)


@st.composite
def steps(draw, values, single):
    """(persons, the values that they have from now on as rows of a table, or which of them)"""
    whose = draw(persons())
    random = np.random.default_rng(draw(st.integers(0, 99)))
    having = np.zeros((values, len(whose)), np.bool_)
    if draw(st.booleans()):
        rows = np.full(len(whose), draw(st.integers(-1, values - 1)))
    else:
        rows = random.integers(-1, values, len(whose))
    having[rows[rows >= 0], np.flatnonzero(rows >= 0)] = True
    if not single:
        having[random.integers(0, values), :] = True
    return whose, having


def check(column, having, threads):
    from engine_changes import having_of

    found = having_of(column, 2, threads)
    missing = column.values - len(having)
    assert np.array_equal(found[: len(having)], having)
    assert not found[len(having) : column.values].any()
    assert np.array_equal(found[-1], having.any(axis=0))
    counted = [*having.sum(axis=1).tolist(), *[0] * missing, int(having.any(axis=0).sum())]
    assert column.cardinalities.tolist() == counted
    if column.codes is not None:
        check_distribution(column, having, threads)


def check_distribution(column, having, threads):
    from segments.engine.distributions import distributions
    from segments.engine.members import Members

    everybody = Members(np.full(2 * SIZE // 64, 2**64 - 1, np.uint64), np.full(2, SIZE))
    (counted,) = distributions(everybody, [column], threads)
    assert counted.tolist() == column.cardinalities.tolist()
    rows = np.where(having.any(axis=0), having.argmax(axis=0) + 1, 0)
    for block in range(column.blocks):
        for page, place in enumerate(column.codes[block].tolist()):
            width = np.uint16 if column.wide else np.uint8
            codes = column.words[place:].view(width)[:4_096] if place >= 0 else np.zeros(4_096)
            start = block * SIZE + page * 4_096
            assert np.array_equal(codes, rows[start : start + 4_096])


@given(data=st.data())
@pytest.mark.parametrize(("values", "single"), [(3, True), (12, True), (5, False)])
def test_changes_come_to_what_is_built_from_the_last_values(threads, values, single, data):
    from engine_changes import changes_of, column_of
    from segments.engine.live.compaction import compacted_sets
    from segments.engine.live.versions import changed

    having = np.zeros((values, 2 * SIZE), np.bool_)
    column = compacted_sets(column_of(having[:, :SIZE], threads, single=single), threads)
    kept = [(column, having)]
    for whose, new in data.draw(st.lists(steps(values, single), min_size=1, max_size=4)):
        after = having.copy()
        after[:, whose] = new
        others = np.asarray(data.draw(st.sampled_from([(), (5, 70_000)])), np.int64)
        column = changed(column, changes_of(having, after, others), threads)
        having = after
        kept.append((column, having))
        if data.draw(st.booleans()):
            kept.pop(0)
            gc.collect(0)
    for version, expected in kept:
        check(version, expected, threads)
    compact = compacted_sets(column, threads)
    scratch = column_of(having, threads, single=single)
    if column.blocks == scratch.blocks:
        assert np.array_equal(compact.entries, scratch.entries)
        assert np.array_equal(compact.words[: len(scratch.words)], scratch.words)
    check(compact, having, threads)
