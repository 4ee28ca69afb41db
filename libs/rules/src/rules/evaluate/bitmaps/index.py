"""What the bitmaps evaluator asks of an index: sets of person ids, nothing else."""

from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from pyroaring import BitMap

from rules.check import Population
from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind


class Column(Protocol):
    """The values of one tag or feature.

    Values are as everywhere: numbers scaled, texts in normal form, moments aware. For a multi-valued tag the
    elements count: a person is in `any_of` and `where` when one element is. A bitmap that is returned
    belongs to the caller. Persons outside every population may be in it; the evaluator drops them.
    """

    @property
    def kind(self) -> Kind:
        """Of the values; of the elements for a multi-valued tag."""
        ...

    def known(self) -> BitMap:
        """The persons with a value; an empty list is one."""
        ...

    def any_of(self, values: Collection[Scalar]) -> BitMap: ...

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        """From low to high, each with or without the end itself; None = no end. Text by code point."""
        ...

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        """Tests each distinct value once."""
        ...

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        """(person, value) of those of the persons who have one, by ascending id; a list as a tuple."""
        ...


class TagBitmaps(Protocol):
    """A consistent view: all answers of one evaluation belong to one state of the index."""

    def universe(self, population: Population) -> BitMap: ...

    def tag(self, name: str) -> Column:
        """Raises LookupError when the index has no such tag."""
        ...

    def feature(self, form: str) -> Column:
        """Raises LookupError when the feature is not there (not yet LIVE)."""
        ...

    def segment(self, name: str) -> BitMap:
        """The segment's members. Raises LookupError when there is no such segment."""
        ...
