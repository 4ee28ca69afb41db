"""Distributions, differences and single persons agree with the sets that they are of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.check import Population
from rules.testing import retailer

SIZE = 1 << 16
TAGS = ("gender", "city", "favourite", "interests", "lucky_numbers", "is_vip")


@pytest.fixture(scope="module")
def people(threads):
    from engine_people import People

    return People(retailer(), threads)


@pytest.mark.parametrize("who", ["staff", "loyal", "everyone"])
def test_a_distribution_counts_whom_each_value_has_in_the_audience(people, who):
    from engine_people import BLOCKS
    from segments.engine.algebra import InSet
    from segments.engine.answers import counts, members
    from segments.engine.distributions import distributions
    from segments.engine.program import program_of

    universe = people.universe(Population.ALL)
    audience = InSet(universe if who == "everyone" else people.segment(who), 0)
    columns = [people.tag(each).column for each in TAGS]
    (found,) = members(program_of([audience], universe), people.threads)
    assert found.blocks == BLOCKS
    for column, counted in zip(columns, distributions(found, columns, people.threads), strict=True):
        values = [InSet(column, row) for row in range(column.values + 1)]
        assert counted.tolist() == counts(program_of(values, found.column()), people.threads)


@pytest.mark.parametrize("values", [9, 300])
def test_codes_and_containers_count_alike(threads, values):
    from segments.engine.distributions import distributions
    from segments.engine.members import Members, members_of
    from segments.engine.sets import UNKNOWN, CodedBlock, SetColumn, set_column

    random = np.random.default_rng(values)
    codes = random.integers(0, values + 1, 2 * SIZE).astype(np.uint16)
    codes[codes == values] = UNKNOWN
    column = set_column([CodedBlock(codes[:SIZE]), CodedBlock(codes[SIZE:])], values, threads)
    assert column.codes is not None
    for share in (0.001, 0.5):
        chosen = random.random(2 * SIZE) < share
        words = np.packbits(chosen, bitorder="little").view(np.uint64)
        audience = Members(words, chosen.reshape(2, SIZE).sum(axis=1))
        (by_codes,) = distributions(audience, [column], threads)
        without = SetColumn(column.entries, column.words, single=True)
        (by_containers,) = distributions(audience, [without], threads)
        known = codes[chosen & (codes != UNKNOWN)]
        assert by_codes.tolist() == [*np.bincount(known, minlength=values).tolist(), len(known)]
        assert by_containers.tolist() == by_codes.tolist()
    assert members_of(audience.bitmap(), 2).words.tolist() == words.tolist()


@given(before=st.integers(0, 9), after=st.integers(0, 9))
def test_a_difference_is_who_entered_and_who_left(threads, before, after):
    from pyroaring import BitMap
    from segments.engine.members import difference, members_of

    sets = []
    for seed in (before, after):
        random = np.random.default_rng(seed)
        sets.append(BitMap(random.choice(3 * SIZE, seed * 999, replace=False).tolist()))
    found = difference(*(members_of(each, 3) for each in sets), threads)
    assert found.entered.tolist() == list(sets[1] - sets[0])
    assert found.left.tolist() == list(sets[0] - sets[1])


@given(ids=st.lists(st.one_of(st.integers(-5, 6 * SIZE + 9), st.just(2**40)), max_size=40))
def test_single_persons_are_found_as_all_are(people, ids):
    from segments.engine.algebra import Any, InRange, InSet, Not
    from segments.engine.answers import contains, members
    from segments.engine.program import program_of

    column = people.tag("city").column
    sets = [Any((InSet(column, 1), Not(InRange(people.tag("points").column, 0, 30_000)))), InSet(column, 2)]
    program = program_of(sets, people.universe(Population.ALL))
    asked = np.asarray(ids, np.int64)
    found = contains(program, asked, people.threads)
    expected = [each.contains(asked).tolist() for each in members(program, people.threads)]
    assert found.tolist() == expected
