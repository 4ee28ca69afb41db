"""Columns of the index answer as those of the rule language's own memory index do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from rules.evaluate import bitmaps as oracle
from rules.evaluate.meaning import Value
from rules.values import Kind, ValueType
from segments.index.bitmap_blocks import bitmap_of
from segments.index.memory import MemoryColumn
from segments.index.plain import column_of
from segments_changes import PERSONS, block_change, values_of

TYPES = (
    *(ValueType(kind) for kind in (Kind.BOOL, Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME)),
    ValueType(Kind.LIST, Kind.TEXT),
    ValueType(Kind.LIST, Kind.NUMBER),
)
EVERYONE = BitMap(PERSONS)


def put_block(column: MemoryColumn, values: dict[int, Value | None]) -> None:
    change = block_change(1, "c", values)
    column.put_block(change.block, change.coded, change.coded.texts.__getitem__)


@st.composite
def writings(draw: Any) -> tuple[ValueType, list[tuple[bool, dict[int, Value | None]]]]:
    """A type, and writings of several persons each; as a block or one by one."""
    type_ = draw(st.sampled_from(TYPES))
    value = st.sampled_from(values_of(type_))
    found = []
    for _ in range(draw(st.integers(0, 6))):
        block = draw(st.sampled_from([0, 1, 3]))
        persons = st.sampled_from([each for each in PERSONS if each >> 16 == block])
        found.append((draw(st.booleans()), draw(st.dictionaries(persons, value, min_size=1))))
    return type_, found


def answers(column: Any, type_: ValueType) -> list[object]:
    """All that an evaluator may ask."""
    element = ValueType(type_.element or type_.kind)
    values = [each for each in values_of(element) if each is not None]
    found: list[object] = [column.kind, column.known(), list(column.values(EVERYONE)), column.any_of(values)]
    if type_.kind in {Kind.NUMBER, Kind.DATE, Kind.DATETIME}:
        numbers, known = column.numbers(np.array(PERSONS, np.uint32))
        found.append(np.where(known, numbers, -1).tolist())
    for value in values:
        found += [column.any_of([value]), column.where(lambda each, value=value: each != value)]
        for with_end in (True, False):
            ends = {"with_low": with_end, "with_high": with_end}
            found += [column.between(value, None, **ends), column.between(None, value, **ends)]
            found.append(column.between(value, values[0], **ends))
    return found


@given(writings())
def test_they_answer_as_the_rule_language_means(
    written: tuple[ValueType, list[tuple[bool, dict[int, Value | None]]]],
) -> None:
    type_, writings_ = written
    column, expected = column_of(type_), oracle.column_of(type_)
    for as_block, values in writings_:
        expected.apply(values)
        if as_block:
            put_block(column, values)
        else:
            column.put(values)
    assert answers(column, type_) == answers(expected, type_)
    again = column_of(type_)
    for block in column.blocks():
        coded = column.block(block)
        again.put_block(block, coded, coded.texts.__getitem__)
    assert answers(again, type_) == answers(expected, type_)


@given(writings())
def test_a_copy_leaves_the_original_as_it_was(
    written: tuple[ValueType, list[tuple[bool, dict[int, Value | None]]]],
) -> None:
    type_, writings_ = written
    column = column_of(type_)
    versions = []
    for as_block, values in writings_:
        column = column.copy()
        if as_block:
            put_block(column, values)
        else:
            column.put(values)
        versions.append((column, answers(column, type_)))
    for version, answered in versions:
        assert answers(version, type_) == answered


@given(st.sets(st.integers(0, 300_000), max_size=60), st.integers(0, 30_000))
def test_bitmaps_are_made_of_masks(persons: set[int], run: int) -> None:
    everyone = persons | set(range(70_000, 70_000 + run))
    masks: dict[int, Any] = {block: np.zeros(65_536, np.bool_) for block in range(5)}
    for person in everyone:
        masks[person >> 16][person & 0xFFFF] = True
    assert bitmap_of(masks.items()) == BitMap(everyone)


def test_ends_beyond_every_number_meet_nobody() -> None:
    column = column_of(ValueType(Kind.NUMBER))
    column.put({1: 2**63 - 1, 2: -(2**63)})
    assert not column.between(2**63 - 1, None, with_low=False, with_high=True)
    assert not column.between(None, -(2**63), with_low=True, with_high=False)
    assert column.between(2**63 - 1, None, with_low=True, with_high=True) == BitMap([1])


def test_high_ids_cost_no_more_than_low_ones() -> None:
    column = column_of(ValueType(Kind.NUMBER))
    column.put({2**32 - 1: 7})
    assert column.any_of([7]) == BitMap([2**32 - 1])
    assert column.blocks() == [65_535]


@pytest.mark.parametrize("type_", [ValueType(Kind.TEXT), ValueType(Kind.LIST, Kind.TEXT)])
def test_a_text_without_its_dictionary_entry_is_an_error(type_: ValueType) -> None:
    change = block_change(1, "c", {1: ("a",) if type_.kind is Kind.LIST else "a"})
    with pytest.raises(KeyError):
        column_of(type_).put_block(0, change.coded, {}.__getitem__)
