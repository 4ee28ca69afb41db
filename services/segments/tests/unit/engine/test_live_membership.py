"""A few persons are found in answers as the blocks find them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.check import Population, check_rule
from rules.evaluate.setting import Setting
from rules.testing import AS_OF, retailer

SIZE = 1 << 16
CATALOGUE = retailer()
RULES = (
    "gender = 'female' AND city IN ('上海', '北京') AND NOT is_vip",
    "NOT (points > 3 AND NOT (age < 5 OR is_vip)) AND (points > 3 OR IN SEGMENT 'loyal')",
    "interests HAS ALL ('美妆', '护肤') AND NOT interests HAS ANY ('食品')",
    "DAYS SINCE(last_seen) <= 30 OR DAYS SINCE(birthday) > 7.5",
    "points BETWEEN -1 AND 5 OR age >= 1 AND points != 2",
    "birthday IS UNKNOWN OR NOT nickname = 'a'",
)


def memberships(program, ascending, threads):
    """bool [answers, persons]"""
    from segments.engine.live.membership import membership_words

    found = membership_words(program, ascending, threads)
    bits = np.unpackbits(found.view(np.uint8), axis=1, count=len(ascending), bitorder="little")
    return bits.view(np.bool_)


@pytest.fixture(scope="module")
def program(threads):
    from engine_people import People
    from segments.engine.conditions import sets_of
    from segments.engine.program import program_of

    people = People(CATALOGUE, threads)
    setting = Setting(CATALOGUE, AS_OF)
    sets = [sets_of(check_rule(each, CATALOGUE).rule, people, setting) for each in RULES]
    return program_of([*sets, *sets], people.universe(Population.ALL))


@given(
    ids=st.lists(
        st.one_of(st.integers(-2, 6 * SIZE + 9), st.sampled_from([0, 63, SIZE - 1, 2**40, 5 * SIZE])),
        max_size=200,
    )
)
def test_a_few_persons_are_found_as_the_blocks_find_them(program, threads, ids):
    from segments.engine.answers import contains
    from segments.engine.live.membership import person_program

    asked = np.sort(np.asarray(ids, np.int64))
    found = memberships(person_program(program), asked, threads)
    assert found.shape == (2 * len(RULES), len(ids))
    assert np.array_equal(found, contains(program, asked, threads))


def test_all_persons_are_found_as_the_blocks_find_them(program, threads):
    from segments.engine.answers import members
    from segments.engine.live.membership import person_program

    everybody = np.arange(6 * SIZE)
    found = memberships(person_program(program), everybody, threads)
    for inside, expected in zip(found, members(program, threads), strict=True):
        assert np.array_equal(np.flatnonzero(inside), expected.ids())
    assert 0 < found.sum() < found.size


def test_a_program_for_persons_goes_on_with_other_versions_of_its_columns(threads):
    from engine_changes import changes_of, column_of
    from segments.engine.algebra import All, Any, InRange, InSet, Not
    from segments.engine.live.changes import Changes, Codes
    from segments.engine.live.membership import person_program
    from segments.engine.live.versions import changed
    from segments.engine.numbers import NumberBlock, number_column
    from segments.engine.program import program_of
    from segments.engine.sets import CodedBlock, set_column

    random = np.random.default_rng(1)
    having = np.zeros((14, 2 * SIZE), np.bool_)
    having[random.integers(0, 12, SIZE), np.arange(SIZE)] = True
    sets = column_of(having[:12, :SIZE], threads, single=True)
    numbers = number_column([NumberBlock(np.arange(SIZE))], threads)
    universe = set_column([CodedBlock(np.zeros(SIZE, np.uint16))] * 2, 1, threads)

    def program(sets, numbers):
        known, some = InSet(sets, sets.known), Any((InSet(sets, 3), InRange(numbers, 7_000, 90_000)))
        return program_of([known, Not(known), All((some, Not(InSet(sets, 5))))], universe)

    after = having.copy()
    whose = np.unique(random.integers(0, 2 * SIZE, 500))
    after[:, whose] = False
    after[13, whose[::2]] = True
    after[3, whose[1::4]] = True
    later = changed(sets, changes_of(having, after, whose[:0]), threads, 14)
    unknown = Codes(np.zeros(1, np.int64), np.zeros(0, np.int64))
    number = Codes(np.ones(1, np.int64), np.asarray([7_001]))
    grown = changed(numbers, Changes(np.asarray([SIZE + 3]), unknown, number), threads)
    asked = np.sort([*whose.tolist(), SIZE + 3, 4, 6_999, 7_000])
    first = person_program(program(sets, numbers))
    expected = memberships(person_program(program(later, grown)), asked, threads)
    found = first.with_columns({sets: later, numbers: grown})
    assert np.array_equal(memberships(found, asked, threads), expected)
    assert not np.array_equal(memberships(first, asked, threads), expected)
    assert expected[2, np.searchsorted(asked, SIZE + 3)]
