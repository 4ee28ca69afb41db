"""Exact intersections."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from segments.domain.insight.overlap import MAX_AUDIENCES, intersections, withheld_sums

SETS = st.lists(st.frozensets(st.integers(1, 40)), min_size=1, max_size=MAX_AUDIENCES)


@given(SETS)
def test_everybody_is_in_the_one_cell_of_their_audiences(sets: list[frozenset[int]]) -> None:
    found = intersections([BitMap(each) for each in sets])
    by_person = {person: each.inside for each in found for person in each.persons}
    assert sum(len(each.persons) for each in found) == len(by_person)
    everyone = frozenset().union(*sets)
    assert by_person == {
        person: tuple(place for place, each in enumerate(sets) if person in each) for person in everyone
    }
    assert [len(each.persons) for each in found] == sorted((len(e.persons) for e in found), reverse=True)


def test_a_small_intersection_takes_what_gives_it_away_with_it() -> None:
    """Of two audiences with their counts told, each of three cells follows from any other."""
    cells = [((0,), 500), ((1,), 400), ((0, 1), 4)]
    assert withheld_sums(cells, 2, 10) == {0, 1, 2}
    assert withheld_sums([((0,), 500), ((1,), 400), ((0, 1), 40)], 2, 10) == frozenset()
    assert withheld_sums(cells, 2, 0) == frozenset()


def test_a_small_audience_hides_no_more_than_itself() -> None:
    """Its own count is told."""
    cells = [((0,), 500), ((1,), 400), ((0, 1), 300), ((2,), 3)]
    assert withheld_sums(cells, 3, 10) == {3}


def test_what_needs_no_hiding_is_told() -> None:
    """Only the second audience's cells can give its small one away."""
    cells = [((0,), 20), ((1,), 400), ((1, 2), 4), ((2,), 30), ((0, 3), 15), ((3,), 25)]
    assert withheld_sums(cells, 4, 10) == {1, 2, 3}


@given(SETS, st.integers(1, 6))
def test_no_hidden_intersection_follows_from_the_counts(sets: list[frozenset[int]], fewest: int) -> None:
    found = [(each.inside, len(each.persons)) for each in intersections([BitMap(each) for each in sets])]
    hidden = sorted(withheld_sums(found, len(sets), fewest))
    assert all(place in hidden for place, (_, persons) in enumerate(found) if persons < fewest)
    if len(hidden) == len(found):
        return
    told = [place for place, each in enumerate(sets) if len(each) >= fewest]
    sums = np.asarray([[place in found[each][0] for each in hidden] for place in told], float)
    sums = sums.reshape(len(told), len(hidden))
    for place in range(len(hidden)):
        if found[hidden[place]][1] >= fewest:
            continue
        unit = np.eye(len(hidden))[place]
        assert np.linalg.matrix_rank(np.vstack([sums, unit])) > np.linalg.matrix_rank(sums)
