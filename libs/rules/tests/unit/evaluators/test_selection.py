"""LIMIT, SAMPLE and sets of segments: the definition, and one person's."""

import datetime as dt
from random import Random

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.check import Population, check_rule
from rules.errors import UnsupportedNode
from rules.evaluate import bitmaps
from rules.evaluate.person import Person, explain, is_true
from rules.evaluate.selection import is_sampled, kept, sample_bound, sample_hash, sampled, seed_number
from rules.evaluate.setting import Setting
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.testing import retailer
from rules.testing.engines import bitmaps_of, register
from rules.testing.people import World, seeded_worlds
from rules.tree import Limit, Sample, TagRef
from rules.values import INT64_MAX, INT64_MIN, SCALE

CATALOGUE = retailer()
SETTING = Setting(CATALOGUE, dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC))
HASHES = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1])


def person(points: int | None, birth_hash: int, *segments: str) -> Person:
    tags = {} if points is None else {"points": points}
    return Person(tags, segments=frozenset(segments), birth_hash=birth_hash)


PERSONS = {
    1: person(5, 2**63, "loyal"),
    2: person(5, 9, "loyal", "staff"),
    3: person(None, 0, "staff"),
    4: person(INT64_MAX, 3),
    5: person(INT64_MIN, 4, "loyal"),
    6: person(5, 2**64 - 1),
    7: person(None, 1),
}
WORLD = World(SETTING, PERSONS, frozenset(PERSONS), frozenset({1, 2, 3}), {})


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.fixture(scope="module")
def engine(connection):
    register(WORLD, connection)
    return DuckDb(connection)


class Without:
    """An index, a column or a source of relations that lacks one ability."""

    def __init__(self, inner: object, name: str) -> None:
        self._inner = inner
        self._name = name

    def __getattr__(self, name: str) -> object:
        if name == self._name:
            raise AttributeError(name)
        return getattr(self._inner, name)


class ByPerson(Without):
    """An index whose columns are read person by person."""

    def tag(self, name: str) -> Without:
        return Without(self._inner.tag(name), "numbers")


@pytest.mark.parametrize(
    ("rule", "population", "expected"),
    [
        ("TRUE LIMIT 3 BY points DESC", Population.ALL, {4, 1, 2}),  # of those with 5 the lesser birth hashes
        ("TRUE LIMIT 2 BY points DESC", Population.ALL, {4, 2}),
        ("TRUE LIMIT 2 BY points", Population.ALL, {5, 2}),
        ("TRUE LIMIT 3 BY points", Population.ALL, {5, 1, 2}),
        ("TRUE LIMIT 6 BY points DESC", Population.ALL, {4, 1, 2, 6, 5, 3}),  # the unknown last
        ("TRUE LIMIT 6 BY points", Population.ALL, {4, 1, 2, 6, 5, 3}),
        ("TRUE LIMIT 100 BY points", Population.ALL, set(PERSONS)),
        ("TRUE LIMIT 2 BY points DESC", Population.MEMBER, {1, 2}),
        ("points = 0.0005 LIMIT 50% BY points", Population.ALL, {1, 2}),  # half of three persons are two
        ("FALSE LIMIT 50% BY points", Population.ALL, set()),
        ("SEGMENT 'loyal' UNION SEGMENT 'staff'", Population.ALL, {1, 2, 3, 5}),
        ("SEGMENT 'loyal' INTERSECT SEGMENT 'staff'", Population.ALL, {2}),
        ("SEGMENT 'loyal' EXCEPT SEGMENT 'staff'", Population.ALL, {1, 5}),
        ("SEGMENT 'loyal' EXCEPT SEGMENT 'staff'", Population.MEMBER, {1}),
        ("SEGMENT 'loyal'", Population.ALL, {1, 2, 5}),
        (
            "(SEGMENT 'loyal' EXCEPT SEGMENT 'staff') UNION SEGMENT 'staff' LIMIT 2 BY points DESC",
            Population.ALL,
            {1, 2},
        ),
    ],
)
def test_who_is_left(engine, rule, population, expected) -> None:
    asked = check_rule(rule, CATALOGUE).rule
    index = bitmaps_of(WORLD, ())
    assert set(bitmaps.members(asked, index, SETTING, population)) == expected
    assert set(bitmaps.members(asked, ByPerson(index, ""), SETTING, population)) == expected
    found = engine.collect(Tables(NamedRelations(), SETTING).members(asked, population))
    assert set(found["person_id"].to_pylist()) == expected


def test_steps_narrow_in_the_order_written(engine) -> None:
    limited = {1, 2, 4}
    by_hash = {
        each for each, one in PERSONS.items() if is_sampled(one.birth_hash or 0, Sample(50 * SCALE, "s"))
    }
    for rule, expected in (
        ("TRUE LIMIT 3 BY points DESC SAMPLE 50% SEED 's'", limited & by_hash),
        ("TRUE SAMPLE 50% SEED 's' LIMIT 1 BY points DESC", {4} if 4 in by_hash else None),
    ):
        asked = check_rule(rule, CATALOGUE).rule
        found = set(bitmaps.members(asked, bitmaps_of(WORLD, ()), SETTING, Population.ALL))
        assert found == expected if expected is not None else len(found) == 1
        rows = engine.collect(Tables(NamedRelations(), SETTING).members(asked, Population.ALL))
        assert set(rows["person_id"].to_pylist()) == found


def test_the_hash_of_a_sample_stays_what_it_is() -> None:
    """The finaliser as others compute it: what SplitMix64 gives first from 0, whose state then is the constant."""
    assert sample_hash(0x9E3779B97F4A7C15 ^ seed_number("spring"), "spring") == 16294208416658607535
    assert seed_number("spring") == 9378673245915911800


@given(birth_hash=HASHES, seed=st.sampled_from(["", "s", "春"]), percent=st.integers(1, 100 * SCALE))
def test_arrays_sample_as_python_does(birth_hash: int, seed: str, percent: int) -> None:
    step = Sample(percent, seed)
    assert sampled(np.array([birth_hash], np.uint64), step).tolist() == [is_sampled(birth_hash, step)]


@given(birth_hashes=st.lists(HASHES, min_size=1, max_size=20), seed=st.sampled_from(["", "s", "春"]))
def test_the_engine_hashes_as_python_does(engine, connection, birth_hashes: list[int], seed: str) -> None:
    question = "SELECT rules_sample_hash(unnest(?::UBIGINT[]), ?::UBIGINT)"
    found = connection.execute(question, [birth_hashes, seed_number(seed)]).fetchall()
    assert [each for (each,) in found] == [sample_hash(each, seed) for each in birth_hashes]


def test_a_sample_has_its_share_and_is_part_of_a_larger_one() -> None:
    hashes = np.arange(200_000, dtype=np.uint64)  # as bad as birth hashes could be
    small, large = (sampled(hashes, Sample(percent * SCALE, "s")) for percent in (5, 10))
    assert abs(int(small.sum()) - 10_000) < 400  # four standard deviations
    assert not (small & ~large).any()
    other = sampled(hashes, Sample(10 * SCALE, "t"))
    assert abs(int((large & other).sum()) - 2_000) < 180
    assert sampled(hashes, Sample(100 * SCALE, "s")).all()
    assert sample_bound(Sample(1, "s")) == -(-(2**64) // 1_000_000)


def test_of_a_percentage_the_next_whole_person_is_kept() -> None:
    by = TagRef("points")
    assert [kept(Limit(by, percent=10 * SCALE), each) for each in (0, 1, 10, 11)] == [0, 1, 1, 2]
    assert [kept(Limit(by, count=3), each) for each in (0, 2, 3, 4)] == [0, 2, 3, 3]


def test_one_person_is_asked_what_needs_no_others() -> None:
    def truth(rule: str, asked: Person) -> bool:
        return is_true(check_rule(rule, CATALOGUE).rule, asked, SETTING)

    sets = "(SEGMENT 'loyal' INTERSECT SEGMENT 'staff') UNION (SEGMENT 'loyal' EXCEPT SEGMENT 'staff')"
    assert [truth(sets, each) for each in PERSONS.values()] == [True, True, False, False, True, False, False]
    step = Sample(50 * SCALE, "s")
    expected = [is_sampled(each.birth_hash or 0, step) for each in PERSONS.values()]
    assert [truth("TRUE SAMPLE 50% SEED 's'", each) for each in PERSONS.values()] == expected
    assert len(set(expected)) == 2
    with pytest.raises(UnsupportedNode, match="birth hash"):
        truth("TRUE SAMPLE 50% SEED 's'", Person())
    with pytest.raises(UnsupportedNode, match="LIMIT"):
        truth("FALSE LIMIT 5 BY points", PERSONS[1])
    with pytest.raises(UnsupportedNode, match="SAMPLE"):
        explain(check_rule("TRUE SAMPLE 50% SEED 's'", CATALOGUE).rule, PERSONS[1], SETTING)


def test_without_birth_hashes_steps_are_refused_by_name() -> None:
    asked = check_rule("TRUE LIMIT 5 BY points", CATALOGUE).rule
    with pytest.raises(UnsupportedNode, match="LIMIT over an index without birth hashes"):
        bitmaps.members(asked, Without(bitmaps_of(WORLD, ()), "birth_hashes"), SETTING)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedNode, match="LIMIT over tables without birth hashes"):
        Tables(Without(NamedRelations(), "birth_hashes"), SETTING).members(asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["points", "birthday DESC", "last_seen", "last_seen DESC"])
def test_values_read_one_by_one_or_at_once_are_in_one_order(order: str) -> None:
    asked = check_rule(f"TRUE LIMIT 50% BY {order}", CATALOGUE).rule
    for world in seeded_worlds(Random(11), CATALOGUE, 20):
        index = bitmaps_of(world, ())
        expected = world.selected(asked, Population.ALL)
        for each in (index, ByPerson(index, "")):
            assert set(bitmaps.members(asked, each, world.setting, Population.ALL)) == expected
