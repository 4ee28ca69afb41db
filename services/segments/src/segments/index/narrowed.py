"""The index seen through a few persons: what changed is evaluated by their values alone, whatever the column's size."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import Column, TagBitmaps
from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind


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
        def inside(value: Scalar) -> bool:
            above = low is None or low < value or (with_low and low == value)  # type: ignore[operator]
            below = high is None or value < high or (with_high and value == high)  # type: ignore[operator]
            return bool(above and below)

        return self.where(inside)

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
    """A view of the persons given; implements TagBitmaps."""

    whole: TagBitmaps
    persons: BitMap

    def universe(self, population: Population) -> BitMap:
        return self.whole.universe(population) & self.persons

    def tag(self, name: str) -> NarrowedColumn:
        return NarrowedColumn(self.whole.tag(name), self.persons)

    def feature(self, form: str) -> NarrowedColumn:
        return NarrowedColumn(self.whole.feature(form), self.persons)

    def segment(self, name: str) -> BitMap:
        return self.whole.segment(name) & self.persons


@dataclass(frozen=True, slots=True)
class WithFeatures:
    """A view with columns of features that the index does not hold, computed for one preview."""

    whole: TagBitmaps
    features: Mapping[str, Column]

    def universe(self, population: Population) -> BitMap:
        return self.whole.universe(population)

    def tag(self, name: str) -> Column:
        return self.whole.tag(name)

    def feature(self, form: str) -> Column:
        return self.features.get(form) or self.whole.feature(form)

    def segment(self, name: str) -> BitMap:
        return self.whole.segment(name)
