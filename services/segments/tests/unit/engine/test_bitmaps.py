"""Columns as bitmaps answer as those of the index do, and blocks read back are what was put in."""

import numpy as np
import pytest
from rules.check import Population
from rules.testing import retailer
from rules.values import Kind, list_of

CATALOGUE = retailer()


@pytest.fixture(scope="module")
def people(threads):
    from engine_people import People

    return People(CATALOGUE, threads)


@pytest.mark.parametrize("name", sorted(CATALOGUE.tags))
def test_a_column_answers_as_that_of_the_index(people, name):
    from engine_people import values_of_kind
    from segments.engine.bitmaps import EngineBitmaps

    engine, index = EngineBitmaps(people, people.threads), people.view()
    everyone = index.universe(Population.ALL)
    ours, theirs = engine.tag(name), index.tag(name)
    assert ours.kind is theirs.kind
    assert engine.universe(Population.KNOWN) == index.universe(Population.KNOWN)
    assert ours.known() == theirs.known() & everyone
    few = index.universe(Population.KNOWN) & everyone
    mine = {person: set(value) if isinstance(value, tuple) else value for person, value in ours.values(few)}
    assert mine == {
        person: set(value) if isinstance(value, tuple) else value for person, value in theirs.values(few)
    }
    first, second, *_ = values_of_kind(ours.kind)
    low, high = sorted([first, second])
    for with_end in (True, False):
        ends = {"with_low": with_end, "with_high": with_end}
        assert ours.between(low, high, **ends) == theirs.between(low, high, **ends) & everyone
        assert ours.between(None, low, **ends) == theirs.between(None, low, **ends) & everyone
    assert ours.any_of([first, second]) == theirs.any_of([first, second]) & everyone
    assert ours.where(lambda each: each != first) == theirs.where(lambda each: each != first) & everyone


@pytest.mark.parametrize("name", ["points", "birthday", "last_seen"])
def test_numbers_of_single_persons_are_those_of_their_values(people, name):
    from segments.domain.packing import code_of
    from segments.engine.bitmaps import EngineBitmaps

    everyone = people.view().universe(Population.KNOWN)
    expected = {person: code_of(value) for person, value in people.slow(name).values(everyone)}
    ids = np.asarray(list(everyone), np.uint32)
    numbers, known = EngineBitmaps(people, people.threads).tag(name).numbers(ids)
    found = dict(zip(ids[known].tolist(), numbers[known].tolist(), strict=True))
    assert found == expected


@pytest.mark.parametrize("name", sorted(CATALOGUE.tags))
def test_a_block_read_back_is_what_was_put_in(people, name):
    from engine_people import BLOCKS
    from segments.engine.decoding import coded_of

    people.view()
    theirs = people.slow(name)
    for block in range(BLOCKS):
        ours, expected = coded_of(people.tag(name), block), theirs.block(block)
        assert np.array_equal(ours.offsets, expected.offsets)
        if ours.texts or expected.texts:
            assert list(ours.texts) == np.unique(ours.codes).tolist(), "others are none of the block's"
        if people.catalogue.tag(name).type.element is None:
            assert _values(ours) == _values(expected)
        else:
            assert sorted(_pairs(ours)) == sorted(set(_pairs(expected)))


def _values(coded):
    return [coded.texts[each] if coded.texts else each for each in coded.codes.tolist()]


def _pairs(coded):
    return list(zip(np.repeat(coded.offsets, coded.counts).tolist(), _values(coded), strict=True))


def test_a_person_has_a_value_once_however_often_it_is_said(threads):
    from segments.domain.packing import Coded
    from segments.engine.decoding import coded_of
    from segments.engine.encoding import tag_column

    offsets, counts = np.asarray([3, 9], np.uint16), np.asarray([4, 1], np.uint16)
    said = Coded(offsets, counts, np.asarray([7, 2, 7, 7, 2], np.int64), {2: "b", 7: "a"})
    column = tag_column(list_of(Kind.TEXT), {0: said}, 1, threads)
    assert column.column.cardinalities.tolist() == [2, 1, 2]
    found = coded_of(column, 0)
    assert found.counts.tolist() == [2, 1]
    assert _values(found) == ["b", "a", "b"]
