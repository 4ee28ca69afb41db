"""Exact intersections."""

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from segments.domain.insight.overlap import MAX_AUDIENCES, intersections

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
