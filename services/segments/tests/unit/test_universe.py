"""Who there is."""

import numpy as np
from pyroaring import BitMap
from rules.check import Population
from segments.domain.changes import PersonState
from segments.index.universe import Universe
from segments_changes import TENANT, person_change


def test_populations_follow_the_latest_version() -> None:
    universe = Universe()
    assert universe.apply(person_change(1, 5, PersonState.MEMBER))
    assert not universe.apply(person_change(1, 4, PersonState.ERASED)), "an older version"
    assert universe.apply(person_change(70_000, 6, PersonState.ANONYMOUS))
    assert universe.populations == {
        Population.ALL: BitMap([1, 70_000]),
        Population.KNOWN: BitMap([1]),
        Population.MEMBER: BitMap([1]),
    }


def test_redirects_are_followed_and_never_for_ever() -> None:
    universe = Universe()
    universe.apply(person_change(1, 1))
    universe.apply(person_change(2, 1, PersonState.REDIRECTED, 1))
    universe.apply(person_change(3, 1, PersonState.REDIRECTED, 2))
    universe.apply(person_change(4, 1, PersonState.REDIRECTED, 5))
    universe.apply(person_change(5, 1, PersonState.REDIRECTED, 4))
    universe.apply(person_change(6, 1, PersonState.ERASED))
    assert [universe.living(each) for each in (1, 2, 3, 4, 5, 6, 7)] == [1, 1, 1, 0, 0, 0, 0]
    assert universe.erased == BitMap([6])


def test_birth_hashes_come_in_the_order_asked() -> None:
    universe = Universe()
    for each in (3, 70_000):
        universe.apply(person_change(each, 1))
    asked = np.asarray([3, 9, 70_000], np.uint32)
    assert universe.birth_hashes(asked).tolist() == [21, 0, 490_000]


def test_a_copy_leaves_the_original_as_it_was() -> None:
    first = Universe()
    first.apply(person_change(1, 1))
    second = first.copy()
    second.apply(person_change(1, 2, PersonState.ERASED))
    assert first.living(1) == 1
    assert first.populations[Population.KNOWN] == BitMap([1])
    assert second.living(1) == 0
    assert [each.state for each in second.persons(TENANT)] == [PersonState.ERASED]
