"""Blocks: the values of one column of 65,536 persons, as files hold them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from tagging.domain.columns import Coded, Ints, within


@dataclass(frozen=True, slots=True)
class Block:
    """Persons with an unknown value are left out, but where a block lies over another.

    streamed, streamed_as_of  persons (ascending) whose value is the stream's, and its moment in microseconds
    """

    coded: Coded
    streamed: Ints
    streamed_as_of: Ints
    _starts: list[Ints] = field(init=False, default_factory=list, compare=False)

    @staticmethod
    def empty() -> "Block":
        return Block(Coded.empty(), np.empty(0, np.int64), np.empty(0, np.int64))

    @staticmethod
    def of(coded: Coded, moments: Coded) -> "Block":
        """`moments`: in place of codes, of whose value is the stream's; those of others are left out."""
        kept = moments.take(within(moments.persons, coded.persons))
        return Block(coded, kept.persons, kept.codes)

    @property
    def starts(self) -> Ints:
        """Where each person's codes begin; found when they are asked for first."""
        if not self._starts:
            self._starts.append(self.coded.starts())
        return self._starts[0]

    @property
    def moments(self) -> Coded:
        """The moments, in place of codes, of the persons whose value is the stream's."""
        return Coded(self.streamed, np.ones(len(self.streamed), np.uint16), self.streamed_as_of)

    @property
    def size_bytes(self) -> int:
        coded = self.coded
        arrays = (coded.persons, coded.counts, coded.codes, self.streamed, self.streamed_as_of)
        return sum(each.nbytes for each in arrays) + 8 * len(coded.persons)

    def of_persons(self, persons: Ints) -> "Block":
        """Of these persons, ascending, alone."""
        chosen = within(self.streamed, persons)
        return Block(self.coded.of_persons(persons), self.streamed[chosen], self.streamed_as_of[chosen])

    def below(self, above: "Block") -> "Block":
        """What is known when another lies over this one: of its persons it says everything."""
        if not len(above.coded.persons):
            return self
        moments = self.moments.without(above.coded.persons).overlaid(above.moments)
        return Block.of(self.coded.overlaid(above.coded).known(), moments)

    def values_of(self, person_ids: Ints) -> list[tuple[tuple[int, ...], int | None]]:
        """For each person the codes, none of which is unknown, and the moment of a value that came from the stream:
        None when it is the run's."""
        places = _places(self.coded.persons, person_ids)
        starts, ends = self.starts[places].tolist(), self.starts[places + 1].tolist()
        moments = _places(self.streamed, person_ids).tolist()
        codes, streamed_as_of = self.coded.codes, self.streamed_as_of
        return [
            (
                () if place < 0 else tuple(codes[start:end].tolist()),
                None if moment < 0 else int(streamed_as_of[moment]),
            )
            for place, start, end, moment in zip(places.tolist(), starts, ends, moments, strict=True)
        ]

    def codes_of(self, person_ids: Ints) -> list[tuple[int, ...]]:
        """As `values_of`, the codes alone."""
        places = _places(self.coded.persons, person_ids)
        codes = self.coded.codes
        if len(codes) and len(codes) == len(self.coded.persons):  # nobody has several
            found = codes[places].tolist()
            return [() if place < 0 else (code,) for place, code in zip(places.tolist(), found, strict=True)]
        starts, ends = self.starts[places].tolist(), self.starts[places + 1].tolist()
        return [
            () if place < 0 else tuple(codes[start:end].tolist())
            for place, start, end in zip(places.tolist(), starts, ends, strict=True)
        ]


def files_of(named: str) -> Sequence[str]:
    """The files of a block, bottom up, as the store names them: overlays by their places in theirs."""
    return [each.partition("@")[0] for each in named.split()]


def _places(persons: Ints, wanted: Ints) -> Ints:
    """Where each of the wanted is among ascending persons; -1 for one that is not."""
    if not len(persons):
        return np.full(len(wanted), -1, np.int64)
    places = np.minimum(np.searchsorted(persons, wanted), len(persons) - 1)
    return np.where(persons[places] == wanted, places, -1)
