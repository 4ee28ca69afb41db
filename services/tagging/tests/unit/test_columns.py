import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.values import Kind
from tagging.domain.columns import (
    BLOCK_PERSONS,
    Coded,
    Shape,
    Vector,
    changed,
    decode,
    encode,
    narrowed,
    texts_of,
)

codes = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4)
rows = st.dictionaries(
    st.integers(1, 40) | st.integers(BLOCK_PERSONS - 2, BLOCK_PERSONS + 2), codes, max_size=20
)


def normal(given_rows):
    return {person: tuple(sorted(set(found))) for person, found in given_rows.items()}


@given(rows, rows)
def test_overlaying_is_a_dictionary_update(below, above):
    assert Coded.of(below).overlaid(Coded.of(above)).rows() == normal(below) | normal(above)


@given(rows, rows)
def test_changed_finds_exactly_the_differences(old, new):
    persons = np.array(sorted({*old, *new}), np.int64)
    before, after = Coded.of(old).only(persons), Coded.of(new).only(persons)
    found = set(persons[changed(before, after)].tolist())
    was, now = normal(old), normal(new)
    assert found == {each for each in persons.tolist() if was.get(each, ()) != now.get(each, ())}


@given(rows)
def test_blocks_add_up(given_rows):
    coded = Coded.of(given_rows)
    parts = list(coded.blocks())
    assert [block for block, _ in parts] == sorted({each >> 16 for each in given_rows})
    joined = {}
    for _, part in parts:
        joined |= part.rows()
    assert joined == coded.rows()


SCALARS = {
    Kind.BOOL: [True, False],
    Kind.NUMBER: [0, -123_400, 2**63 - 1],
    Kind.TEXT: ["", "男", "female"],
    Kind.DATE: [dt.date(1969, 12, 31), dt.date(2026, 2, 28)],
    Kind.DATETIME: [dt.datetime(1960, 1, 1, 1, 2, 3, 4, tzinfo=dt.UTC)],
}


@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("multi_valued", [False, True])
def test_values_survive_coding(kind, multi_valued):
    shape = Shape(kind, multi_valued)
    values = [None, *SCALARS[kind]]
    if multi_valued:
        values = [None, tuple(sorted(SCALARS[kind])), (SCALARS[kind][0],)]
    vector = Vector.of(values, shape)
    dictionary = {text: code for code, text in enumerate(sorted(texts_of(vector, shape)))}
    persons = np.arange(1, len(values) + 1, dtype=np.int64)
    coded = encode(persons, vector, shape, dictionary)
    texts = {code: text for text, code in dictionary.items()}
    assert [decode(each, shape, texts) for each in coded.rows().values()] == values


def test_a_list_without_elements_is_unknown():
    assert Vector.of([()], Shape(Kind.TEXT, True)).known.tolist() == [False]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_narrowed_numbers_are_the_same_integers(numbers):
    found = narrowed(np.array(numbers, np.int64))
    assert (found.dtype.kind, found.tolist()) == ("i", numbers)


@pytest.mark.parametrize(
    ("numbers", "width"),
    [([0, 1], 1), ([-128, 127], 1), ([128], 2), ([-(2**15) - 1], 4), ([2**31], 8), ([2**53 + 1], 8), ([], 1)],
)
def test_narrowed_numbers_take_no_more_bytes_than_they_need(numbers, width):
    assert narrowed(np.array(numbers, np.int64)).itemsize == width


@given(st.lists(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3), min_size=1, max_size=4))
def test_narrow_parts_joined_hold_what_one_vector_holds(parts):
    shape = Shape(Kind.NUMBER)
    joined = Vector.joined([Vector.of(each, shape).narrowed() for each in parts]).widened()
    whole = Vector.of([value for each in parts for value in each], shape)
    assert joined.known.tolist() == whole.known.tolist()
    assert joined.data.tolist() == whole.data.tolist()
    assert joined.data.dtype == np.int64
