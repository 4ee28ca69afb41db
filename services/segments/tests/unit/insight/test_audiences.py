"""Sizes of cells that are named as audiences tell of no few persons."""

import pytest
from pyroaring import BitMap
from segments.app.insight.audiences import Persons, as_told

FEWEST = 10


def cell(size: int, *wholes: int) -> Persons:
    return Persons(BitMap(range(size)), wholes=wholes)


@pytest.mark.parametrize(
    ("here", "is_withheld"),
    [
        (cell(5, 1_000), True),
        (cell(0, 1_000), False),
        (cell(0, 5), True),
        (cell(500, 1_000), False),
        (cell(1_000, 1_000), False),
        (cell(990, 1_000), False),
        (cell(991, 1_000), True),
        (cell(995, 1_000), True),
        (cell(500, 995, 1_000), True),
        (cell(995), False),
    ],
)
def test_a_cell_and_what_it_leaves_out_are_not_of_few(here: Persons, is_withheld: bool) -> None:
    (told,) = as_told([here], FEWEST)
    assert told.withheld == is_withheld
    assert not as_told([here], 0)[0].withheld


def test_cells_of_one_answer_are_not_subtracted() -> None:
    whole, part, other = cell(100, 1_000), cell(95, 1_000), cell(600, 1_000)
    assert [each.withheld for each in as_told([whole, part, other], FEWEST)] == [True, True, False]
    assert [each.withheld for each in as_told([cell(100), cell(95)], FEWEST)] == [False, False]
