"""No withheld number follows from what is told."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from segments.domain.insight.withholding import OWN, Path, totals_of, withheld, withheld_overlapping

K = 10
PATHS = [
    ("s",),
    ("s", "a"),
    ("s", "b"),
    ("n",),
    ("n", "c"),
    ("n", "d"),
    ("n", "d", "x"),
    ("n", "d", "y"),
    ("w",),
]
TREES = st.dictionaries(st.sampled_from(PATHS), st.integers(0, 40), min_size=1)


def test_one_small_cell_takes_the_next_one_with_it() -> None:
    totals = totals_of({("a",): 100, ("b",): 40, ("c",): 3})
    assert withheld(totals, K) == {("c",), ("b",)}


def test_withheld_cells_are_many_enough_together() -> None:
    totals = totals_of({("a",): 100, ("b",): 40, ("c",): 3, ("d",): 4})
    assert withheld(totals, K) == {("d",), ("c",), ("b",)}
    assert withheld(totals_of({("a",): 100, ("b",): 9, ("c",): 3}), K) == {("b",), ("c",)}


def test_nobody_is_no_secret() -> None:
    assert withheld(totals_of({("female",): 500, ("male",): 0}), K) == frozenset()


def test_a_level_above_does_not_give_away_what_lies_below() -> None:
    stored = {("s", "a"): 95, ("s", "b"): 5, ("n", "c"): 50, ("n", "d"): 60}
    assert withheld(totals_of(stored), K) == {("s", "b"), ("s", "a")}


def test_a_province_that_is_withheld_does_not_follow_from_its_cities() -> None:
    stored = {("s", "a"): 20, ("s", "b"): 30, ("w",): 4, ("n",): 90}
    found = withheld(totals_of(stored), K)
    assert {("w",), ("s",), ("s", "a")} <= found
    assert ("n",) not in found


def test_persons_of_whom_only_the_province_is_known_are_a_cell() -> None:
    totals = totals_of({("s",): 7, ("s", "a"): 93})
    assert totals == {(): 100, ("s",): 100, ("s", OWN): 7, ("s", "a"): 93}
    assert withheld(totals, K) == {("s", OWN), ("s", "a")}


@given(TREES)
def test_every_told_sum_leaves_two_numbers_open_or_none(stored: dict[Path, int]) -> None:
    totals = totals_of(stored)
    hidden = withheld(totals, K)
    assert all(path in hidden for path, persons in totals.items() if path and 0 < persons < K)
    for path in totals:
        cells = [each for each in totals if each and each[:-1] == path]
        if not cells:
            continue
        assert sum(totals[each] for each in cells) == totals[path]
        among = [each for each in cells if each in hidden]
        if path in hidden:
            assert among
        elif among and totals[path] >= K and len(cells) > 1:
            assert len(among) == len(cells) or (len(among) > 1 and sum(totals[e] for e in among) >= K)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=4))
def test_another_table_would_look_the_same(counts: list[int]) -> None:
    """Of a flat list: for each withheld cell there are other numbers that agree with all that is told."""
    stored = {(str(place),): count for place, count in enumerate(counts)}
    totals = totals_of(stored)
    hidden = sorted(withheld(totals, K))
    rest = sum(totals[each] for each in hidden)
    if totals[()] < K or rest == 0:
        return
    possible = [each for each in product(range(rest + 1), repeat=len(hidden)) if sum(each) == rest]
    for place in range(len(hidden)):
        assert len({each[place] for each in possible}) > 1


def test_values_that_overlap_add_up_to_nothing() -> None:
    assert withheld_overlapping(totals_of({("a",): 100, ("b",): 3}), K) == {("b",)}
