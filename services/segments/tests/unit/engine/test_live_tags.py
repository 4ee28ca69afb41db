"""Versions of tags come to what their last values say, whatever kind they are of and wherever they are merged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.values import Kind, ValueType

SIZE = 1 << 16
TYPES = {
    "bool": (ValueType(Kind.BOOL), [True, False]),
    "text": (ValueType(Kind.TEXT), [f"v{each}" for each in range(30)]),
    "number": (ValueType(Kind.NUMBER), [0, 5, -30_000, 10_000, 2**40]),
    "list": (ValueType(Kind.LIST, Kind.TEXT), [("a",), ("b", "a"), ("c", "d"), ("b",)]),
}
PERSONS = st.lists(
    st.one_of(st.sampled_from([0, 63, 4_096, SIZE - 1, SIZE, 3 * SIZE]), st.integers(0, 2 * SIZE)),
    min_size=1,
    max_size=20,
)


def persons_with(tag, value, threads):
    from segments.engine.answers import members
    from segments.engine.program import program_of
    from segments.engine.sets import CodedBlock, set_column

    universe = set_column([CodedBlock(np.zeros(SIZE, np.uint16))] * 4, 1, threads)
    scalars = value if isinstance(value, tuple) else (value,)
    sets = [tag.known() if value is None else tag.any_of(scalars)]
    return members(program_of(sets, universe), threads)[0].ids().tolist()


def has_any(value, wanted):
    held = value if isinstance(value, tuple) else (value,)
    return bool({*held} & {*(wanted if isinstance(wanted, tuple) else (wanted,))})


@pytest.mark.parametrize("name", TYPES)
@given(data=st.data(), looks_most=st.sampled_from([0, 1 << 16]))
def test_whoever_has_a_value_is_who_was_given_it_last(threads, tmp_path_factory, name, data, looks_most):
    from segments.engine.live import holdings

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(holdings, "LOOKS_MOST", looks_most)
        check_last_values(threads, tmp_path_factory, name, data)


def check_last_values(threads, tmp_path_factory, name, data):
    from segments.engine.columns import TagColumn
    from segments.engine.encoding import tag_column
    from segments.engine.live.files import opened, write
    from segments.engine.live.merging import caught_up
    from segments.engine.live.tags import with_values
    from segments.engine.live.versions import compacted

    type_, pool = TYPES[name]
    tag = tag_column(type_, {}, 1, threads)
    pinned = tag = TagColumn(tag.kind, compacted(tag.column, threads), tag.dictionary)
    expected, folder = {}, tmp_path_factory.mktemp("tag")
    for _ in range(data.draw(st.integers(1, 4))):
        persons = data.draw(PERSONS)
        values = [data.draw(st.sampled_from([None, *pool])) for _ in persons]
        expected.update(zip(persons, values, strict=True))
        tag = with_values(tag, np.asarray(persons, np.int64), values, threads)
        match data.draw(st.sampled_from(["", "", "again", "merge", "store"])):
            case "again":
                tag = with_values(tag, np.asarray(persons, np.int64), values, threads)
            case "merge":
                column, moved = caught_up(
                    compacted(pinned.column, threads), pinned.column, tag.column, threads
                )
                assert set(moved.tolist()) <= {each // SIZE for each in expected}
                pinned = tag = TagColumn(tag.kind, compacted(column, threads), tag.dictionary)
            case "store":
                named = write(folder, f"{len(list(folder.iterdir()))}", name, tag, threads)
                pinned = tag = opened(folder, named)
    known = sorted(person for person, value in expected.items() if value is not None)
    assert persons_with(tag, None, threads) == known
    for each in pool:
        found = [person for person in known if has_any(expected[person], each)]
        assert persons_with(tag, each, threads) == found


def test_a_tag_with_more_texts_than_a_column_of_sets_takes_is_a_column_of_numbers(threads, monkeypatch):
    from segments.engine.encoding import tag_column
    from segments.engine.live import tags
    from segments.engine.numbers import NumberColumn

    monkeypatch.setattr(tags, "VALUES_MOST", 150)
    tag = tag_column(ValueType(Kind.TEXT), {}, 1, threads)
    for first in (0, 250, 290, 600):
        persons = np.arange(first, first + 50)
        tag = tags.with_values(tag, persons, [f"v{each}" for each in persons.tolist()], threads)
    assert isinstance(tag.column, NumberColumn)
    assert persons_with(tag, "v299", threads) == [299]
    assert persons_with(tag, "v7", threads) == [7]
    assert persons_with(tag, None, threads) == [*range(50), *range(250, 340), *range(600, 650)]
    list_tag = tag_column(ValueType(Kind.LIST, Kind.TEXT), {}, 1, threads)
    with pytest.raises(ValueError, match="301 values are too many"):
        tags.with_values(list_tag, np.asarray([1]), [tuple(f"v{each}" for each in range(301))], threads)
    assert persons_with(list_tag, None, threads) == []


def test_versions_without_a_new_value_share_what_codes_stand_for(threads):
    from segments.engine.encoding import tag_column
    from segments.engine.live.tags import with_values

    someone = np.asarray([5])
    first = with_values(
        tag_column(ValueType(Kind.LIST, Kind.NUMBER), {}, 1, threads), someone, [(70, 30)], threads
    )
    assert first.by_code == (70, 30)
    assert first.packed(np.asarray([1, 0, 1])).tolist() == [30, 70, 30]
    again = with_values(first, someone, [(30,)], threads)
    assert again.by_code is first.by_code
    more = with_values(again, someone, [(30, 10)], threads)
    assert (more.by_code, first.by_code) == ((70, 30, 10), (70, 30))
    assert with_values(more, someone, [(10, 30)], threads) is more
    assert with_values(more, someone + SIZE, [None], threads) is more


@pytest.mark.parametrize("values_most", [2, 4_096])
@pytest.mark.parametrize("name", ["text", "list"])
def test_a_dictionary_keeps_what_somebody_has(threads, monkeypatch, name, values_most):
    from segments.engine import encoding
    from segments.engine.encoding import tag_column
    from segments.engine.live import tags
    from segments.engine.live.recoding import caught_up_by_value, recoded

    type_, pool = TYPES[name]
    if name == "text":
        monkeypatch.setattr(tags, "VALUES_MOST", values_most)
        monkeypatch.setattr(encoding, "VALUES_MOST", values_most)
    many = np.asarray([5, 9, SIZE + 1])
    tag = tag_column(type_, {}, 1, threads)
    for each in range(3):
        values = [pool[0], pool[each], ("c",) if name == "list" else pool[3 + each]]
        tag = tags.with_values(tag, many, values, threads)
    now = tags.with_values(tag, many[1:], [pool[1], None], threads)
    assert recoded(tag, threads, thoroughly=False) is None
    found = recoded(now, threads, thoroughly=True)
    held = {"text": {"v0": 0, "v1": 1}, "list": {"a": 0, "b": 1}}
    assert found.dictionary == held[name]
    later = tags.with_values(now, many[:2], [pool[2], None], threads)
    for before, after in ((now, found), (later, caught_up_by_value(found, later, [0], threads))):
        for each in (None, *pool[:4]):
            assert persons_with(after, each, threads) == persons_with(before, each, threads)
    less = recoded(later, threads, thoroughly=name == "list")
    assert less.dictionary.keys() < now.dictionary.keys()
