"""Containers of every kind hold who they were given, and sets go out and in again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

SIZE = 1 << 16


@st.composite
def stretches(draw):
    """Codes of one block, UNKNOWN among them, in stretches of drawn lengths, so that all kinds of containers occur."""
    random = np.random.default_rng(draw(st.integers(0, 999)))
    length = draw(st.sampled_from([1, 3, 100, 9_000, SIZE]))
    values = draw(st.sampled_from([1, 2, 40]))
    choice = np.asarray([*range(values), 0xFFFF], np.uint16)
    weights = np.asarray([draw(st.sampled_from([0, 1, 1, 200])) for _ in choice], float) + 1e-6
    runs = random.choice(choice, SIZE // length + 1, p=weights / weights.sum())
    return np.repeat(runs, length)[:SIZE]


@given(codes=st.lists(stretches(), min_size=1, max_size=2))
def test_a_column_holds_who_has_which_value(threads, codes):
    from segments.engine.algebra import InSet, Not
    from segments.engine.answers import members
    from segments.engine.program import program_of
    from segments.engine.sets import CodedBlock, set_column

    blocks = [CodedBlock(codes[0]), None, *(CodedBlock(each[:60_000]) for each in codes[1:])]
    column = set_column(blocks, 40, threads)
    universe = set_column([CodedBlock(np.zeros(SIZE, np.uint16))] * 4, 1, threads)
    ids, values = [], []
    for place, block in enumerate(blocks):
        if block is not None:
            known = np.flatnonzero(block.codes != 0xFFFF)
            ids.append(known + place * SIZE)
            values.append(block.codes[known])
    everyone, whose = np.concatenate(ids), np.concatenate(values)
    cardinalities = column.cardinalities
    assert cardinalities[:40].tolist() == np.bincount(whose, minlength=40).tolist()
    assert cardinalities[column.known] == len(everyone)
    for row in (0, 1, 39, column.known):
        found, rest = members(program_of([InSet(column, row), Not(InSet(column, row))], universe), threads)
        expected = everyone if row == column.known else everyone[whose == row]
        assert np.array_equal(found.ids(), expected)
        assert len(found) + len(rest) == 4 * SIZE


@given(codes=stretches())
def test_members_go_out_as_ids_and_bitmaps_and_come_back(codes):
    from segments.engine.members import members_of

    ids = np.flatnonzero(codes == 0).astype(np.uint32) + SIZE
    bitmap = BitMap(ids)
    members = members_of(bitmap, 3)
    assert np.array_equal(members.ids(), ids)
    assert members.bitmap() == bitmap
    asked = np.asarray([0, SIZE, *ids[:50], *(ids[:50] + 1), 3 * SIZE, 2**40, -1], np.int64)
    assert members.contains(asked).tolist() == [
        0 <= each < 3 * SIZE and each in bitmap for each in asked.tolist()
    ]


def test_a_column_of_sets_takes_so_many_values_and_no_more(threads):
    from segments.engine.sets import VALUES_MOST, set_column

    set_column([None], VALUES_MOST, threads)
    with pytest.raises(ValueError, match="too many"):
        set_column([None], VALUES_MOST + 1, threads)
