"""Sets of persons that come part by part."""

from typing import ClassVar

import pytest
from huaxiang.tagging.v1 import behaviour_service_pb2 as pb
from pyroaring import BitMap
from servicekit.errors import BatchTooLarge
from tagging.api import parse_behaviour
from tagging.api.parse_behaviour import Sets

LENGTH, PARTS = 50, 60


def part(first: int, length: int = LENGTH) -> pb.PersonSetPart:
    return pb.PersonSetPart(set=1, persons=BitMap(range(first, first + length)).serialize())


class Noted(BitMap):
    """Notes how large what is gone through is."""

    sizes: ClassVar[list[int]] = []

    def run_optimize(self) -> bool:
        self.sizes.append(super().__len__())
        return bool(super().run_optimize())

    def __len__(self) -> int:
        self.sizes.append(super().__len__())
        return self.sizes[-1]


def test_a_part_costs_what_it_weighs_however_many_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_behaviour, "BitMap", Noted)
    monkeypatch.setattr(Noted, "sizes", [])
    sets = Sets()
    for place in range(PARTS):
        sets.add([part(place * LENGTH)])
    assert max(Noted.sizes) == LENGTH
    assert len(sets.persons()[1]) == LENGTH * PARTS


def test_what_comes_as_runs_is_kept_as_runs() -> None:
    """Whichever part comes first, with gaps between some and others twice."""
    sets = Sets()
    for place in (*range(0, PARTS, 2), *range(PARTS - 1, 0, -6), 0):
        sets.add([part(place * LENGTH), part(7 << 16, 1)])
    found = sets.persons()[1]
    assert found.get_statistics()["n_bitset_containers"] == 0
    assert len(found.serialize()) < PARTS * 8
    assert found == BitMap(
        [
            *(each for each in range(PARTS * LENGTH) if each // LENGTH % 2 == 0 or each // LENGTH % 6 == 5),
            7 << 16,
        ]
    )


def test_ids_that_come_twice_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_behaviour, "MAX_SET_PERSONS", 100)
    sets = Sets()
    for first in (0, 25, 50, 10):
        sets.add([part(first)])
    with pytest.raises(BatchTooLarge, match="101"):
        sets.add([part(100, 1)])
    assert sets.persons() == [BitMap(), BitMap(range(100))]
