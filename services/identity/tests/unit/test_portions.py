"""Portions hold every pair once, are bounded, and keep what concerns the same persons together."""

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.matching.portions import portions

PAIRS = st.sets(st.tuples(st.integers(1, 30), st.integers(1, 30)).filter(lambda pair: pair[0] < pair[1]))
PERSONS = st.dictionaries(st.integers(1, 30), st.integers(1, 9))


@given(PAIRS, PERSONS, st.integers(1, 6))
def test_every_pair_is_in_one_bounded_portion(
    pairs: set[tuple[int, int]], person_of: dict[int, int], most: int
) -> None:
    found = portions(pairs, person_of, most)
    assert sorted(pair for portion in found for pair in portion) == sorted(pairs)
    assert all(1 <= len(portion) <= most for portion in found)
    assert found == portions(sorted(pairs, reverse=True), person_of, most)


@given(PAIRS, PERSONS)
def test_persons_that_fit_are_in_one_portion(pairs: set[tuple[int, int]], person_of: dict[int, int]) -> None:
    assert len(portions(pairs, person_of, max(1, len(pairs)))) <= 1


def test_pairs_of_one_person_stand_together_beside_others() -> None:
    person_of = {1: 7, 2: 8, 3: 7, 4: 9, 5: 6, 6: 5}
    assert portions([(1, 2), (5, 6), (3, 4)], person_of, 2) == [[(1, 2), (3, 4)], [(5, 6)]]
    assert portions([(1, 2), (5, 6), (3, 4)], person_of, 1) == [[(1, 2)], [(3, 4)], [(5, 6)]]
