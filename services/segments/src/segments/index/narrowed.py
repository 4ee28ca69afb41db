"""The index as the evaluator reads it, whole or seen through some persons."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import BirthHashes, Column, RuleBitmaps
from rules.evaluate.meaning import Scalar, Value, between
from rules.values import Kind


@dataclass(frozen=True, slots=True)
class IndexBitmaps:
    """One version of the index; implements RuleBitmaps. `segments` are the members of those that have any."""

    populations: Mapping[Population, BitMap]
    tags: Mapping[str, Column]
    features: Mapping[str, Column]
    segments: Mapping[str, BitMap]
    people: BirthHashes

    def universe(self, population: Population) -> BitMap:
        return self.populations[population].copy()

    def tag(self, name: str) -> Column:
        return _found(self.tags, name, "tag")

    def feature(self, form: str) -> Column:
        return _found(self.features, form, "feature")

    def segment(self, name: str) -> BitMap:
        return _found(self.segments, name, "segment").copy()

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        return self.people.birth_hashes(person_ids)


T = TypeVar("T")


def _found(held: Mapping[str, T], name: str, what: str) -> T:
    if name not in held:
        raise LookupError(f"the index has no {what} '{name}'")
    return held[name]


@dataclass(frozen=True, slots=True)
class NarrowedColumn:
    """A column of the given persons only. Every answer reads each of them once."""

    column: Column
    persons: BitMap

    @property
    def kind(self) -> Kind:
        return self.column.kind

    def known(self) -> BitMap:
        return BitMap(person for person, _ in self.column.values(self.persons))

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        return self.where(lambda value: value in values)

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        return self.where(lambda value: between(value, low, high, with_low=with_low, with_high=with_high))

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        return BitMap(
            person
            for person, value in self.column.values(self.persons)
            if (any(map(test, value)) if isinstance(value, tuple) else test(value))
        )

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        return self.column.values(self.persons & persons)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A view of the persons given; implements RuleBitmaps. With `by_person` columns are asked for their values alone,
    at a cost that follows their number; without, columns answer whole and only the population is theirs."""

    whole: RuleBitmaps
    persons: BitMap
    by_person: bool

    def universe(self, population: Population) -> BitMap:
        return self.whole.universe(population) & self.persons

    def tag(self, name: str) -> Column:
        return self._narrowed(self.whole.tag(name))

    def feature(self, form: str) -> Column:
        return self._narrowed(self.whole.feature(form))

    def segment(self, name: str) -> BitMap:
        return self.whole.segment(name) & self.persons

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        return self.whole.birth_hashes(person_ids)

    def _narrowed(self, column: Column) -> Column:
        return NarrowedColumn(column, self.persons) if self.by_person else column


@dataclass(frozen=True, slots=True)
class WithFeatures:
    """A view with columns of features that the index does not hold, computed for one preview."""

    whole: RuleBitmaps
    features: Mapping[str, Column]

    def universe(self, population: Population) -> BitMap:
        return self.whole.universe(population)

    def tag(self, name: str) -> Column:
        return self.whole.tag(name)

    def feature(self, form: str) -> Column:
        return self.features.get(form) or self.whole.feature(form)

    def segment(self, name: str) -> BitMap:
        return self.whole.segment(name)

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        return self.whole.birth_hashes(person_ids)
