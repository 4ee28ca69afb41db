"""Counting blocks, and by the block engine, is counting person by person."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from rules.schema import TagType
from rules.values import Kind, ValueType
from rules.windows import CalendarSettings
from segments.domain.changes import PersonValues
from segments.domain.insight.lookalike.design import Design
from segments.domain.insight.lookalike.encoding import FEWEST_PERSONS, encoding_of
from segments.domain.touched import Touched
from segments.index.tag_columns import BlockColumns
from segments.index.tenant import TenantIndex
from segments_changes import tag_change
from servicekit.revision import Lane

PEOPLE = [1, 2, 3, 40_000, 65_535, 65_536, 65_537, 200_000]
WORDS = ["a", "b", "ab"]
NUMBERS = [-(2**62), -1, 0, 7, 70_000, 2**62]
SETS = st.lists(st.frozensets(st.sampled_from(PEOPLE)), min_size=1, max_size=3)


def index_of(tag: TagType, values: dict[int, Any]) -> TenantIndex:
    index = TenantIndex("t1")
    told = [
        tag_change(tag, 1),
        *(PersonValues("t1", 2, each, {tag.name: value}) for each, value in values.items()),
    ]
    index.apply(told, Lane.LIVE, {Lane.LIVE: 0, Lane.BULK: 0}, Touched())
    return index


def contain(index: TenantIndex, tag: TagType) -> None:
    from segments.index.contained import ContainedColumn, contained

    plain = index.held(tag.name)
    index.open_column(tag.name, ContainedColumn(tag.type, contained(tag.type, plain), None))


def counts_of(
    index: TenantIndex, tag: TagType, groups: list[frozenset[int]], label: Any = None, *, by_engine: bool
) -> list[Any]:
    if by_engine:
        contain(index, tag)
    found = BlockColumns().among(index, [BitMap(each) for each in groups]).tabulate(tag.name, label)
    assert all(np.all(each.codes[1:] > each.codes[:-1]) and np.all(each.counts > 0) for each in found.counts)
    return [
        (
            {found.texts.get(code, code): count for code, count in zip(*_lists(each), strict=True)},
            each.known,
        )
        for each in found.counts
    ]


def _lists(counts: Any) -> tuple[list[int], list[int]]:
    return counts.codes.tolist(), counts.counts.tolist()


@given(
    st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(NUMBERS)),
    SETS,
    st.booleans(),
    st.sampled_from([1, 1 << 20]),
)
def test_one_value_for_each(
    values: dict[int, int], groups: list[frozenset[int]], by_engine: bool, levels_most: int
) -> None:
    from segments.engine import tallies

    tag = TagType("n", ValueType(Kind.NUMBER))
    wanted = []
    for group in groups:
        counted = Counter(values[each] for each in group if each in values)
        wanted.append((dict(counted), counted.total()))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tallies, "LEVELS_MOST", levels_most)
        assert counts_of(index_of(tag, values), tag, groups, by_engine=by_engine) == wanted


@given(
    st.dictionaries(st.sampled_from(PEOPLE), st.booleans()),
    st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from([*WORDS, "z"])),
    SETS,
    st.booleans(),
)
def test_values_of_a_list(
    truths: dict[int, bool], words: dict[int, str], groups: list[frozenset[int]], by_engine: bool
) -> None:
    cases: list[tuple[Kind, dict[int, Any]]] = [(Kind.BOOL, truths), (Kind.TEXT, words)]
    for kind, values in cases:
        tag = TagType("v", ValueType(kind))
        wanted = []
        for group in groups:
            counted = Counter(values[each] for each in group if each in values)
            wanted.append((dict(counted), counted.total()))
        assert counts_of(index_of(tag, values), tag, groups, by_engine=by_engine) == wanted


@given(
    st.dictionaries(st.sampled_from(PEOPLE), st.frozensets(st.sampled_from(WORDS), min_size=1)),
    SETS,
    st.booleans(),
)
def test_several_values_for_each_and_labels_once(
    values: dict[int, frozenset[str]], groups: list[frozenset[int]], by_engine: bool
) -> None:
    tag = TagType("w", ValueType(Kind.LIST, Kind.TEXT))
    held = {person: tuple(sorted(each)) for person, each in values.items()}
    for label in (None, lambda text: text[0]):
        wanted = []
        for group in groups:
            rows = [
                {label(word) if label else word for word in values[each]} for each in group if each in values
            ]
            wanted.append((dict(Counter(word for row in rows for word in row)), len(rows)))
        assert counts_of(index_of(tag, held), tag, groups, label, by_engine=by_engine) == wanted


@given(
    st.dictionaries(st.sampled_from(PEOPLE), st.frozensets(st.sampled_from(NUMBERS), min_size=1)),
    st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(WORDS)),
    st.frozensets(st.sampled_from(PEOPLE)),
    st.sampled_from(["plain", "looked up", "read back"]),
)
def test_ones_are_the_values_of_the_persons_asked_for(
    numbers: dict[int, frozenset[int]], words: dict[int, str], asked: frozenset[int], way: str
) -> None:
    from segments.engine.live import holdings

    ids = np.asarray(sorted(asked), np.uint32)
    lists = {person: tuple(sorted(each)) for person, each in numbers.items()}
    cases: list[tuple[TagType, dict[int, Any]]] = [
        (TagType("n", ValueType(Kind.LIST, Kind.NUMBER)), lists),
        (TagType("w", ValueType(Kind.TEXT)), words),
    ]
    for tag, values in cases:
        index = index_of(tag, values)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(holdings, "LOOKS_MOST", 0 if way == "read back" else 1 << 16)
            if way != "plain":
                contain(index, tag)
            ones = BlockColumns().ones(index, tag.name, ids)
        assert np.all(ones.places[1:] >= ones.places[:-1])
        found = [
            (int(ids[place]), ones.texts[code] if tag.name == "w" else code)
            for place, code in zip(ones.places.tolist(), ones.codes.tolist(), strict=True)
        ]
        assert sorted(found) == sorted(
            (person, each)
            for person in asked & values.keys()
            for each in ([values[person]] if tag.name == "w" else values[person])
        )


def test_blocks_of_which_nobody_is_asked_for_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from segments.engine import decoding
    from segments.index.lists import ListColumn

    tag = TagType("w", ValueType(Kind.LIST, Kind.TEXT))
    index = index_of(tag, dict.fromkeys(PEOPLE, ("a",)))
    read, block = [], ListColumn.block
    monkeypatch.setattr(ListColumn, "block", lambda self, place: read.append(place) or block(self, place))
    ids = np.asarray([65_537], np.uint32)
    assert BlockColumns().ones(index, "w", ids).places.tolist() == [0]
    assert read == [1]
    contain(index, tag)
    monkeypatch.setattr(decoding, "_lists", None)
    assert BlockColumns().ones(index, "w", ids).places.tolist() == [0]


def test_frequent_values_have_columns_and_rare_and_missing_ones_share_one_each() -> None:
    tag = TagType("n", ValueType(Kind.LIST, Kind.NUMBER))
    codes = np.asarray([5] * FEWEST_PERSONS + [7] * FEWEST_PERSONS + [8, 9], np.int64)
    encoding = encoding_of(tag, 10, codes, CalendarSettings())
    assert (encoding.codes.tolist(), encoding.width) == ([5, 7], 4)
    rows, columns = encoding.encode(np.asarray([0, 0, 0, 2]), np.asarray([7, 8, 9, 5]), 4)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [
        (0, 11),
        (0, 12),
        (1, 13),
        (2, 10),
        (3, 13),
    ]
    features = encoding.features(str)
    rules = [each.cell.rule for each in features if each.cell is not None]
    assert rules == ["n HAS ANY (0.0005)", "n HAS ANY (0.0007)"]
    assert [each.unknown for each in features] == [False, False, False, True]
    assert Design(4, 14, rows, columns).counts(np.ones(4, np.bool_))[13] == 2
