"""Columns of tags and features as the engine reads them: codes with what they stand for."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from rules.check import Population
from rules.evaluate.meaning import Scalar
from rules.values import Kind

from segments.domain.packing import Codes, code_of
from segments.engine.algebra import Any, InRange, InSet, Nobody, Sets
from segments.engine.numbers import NO_HIGH, NO_LOW, NumberColumn
from segments.engine.sets import SetColumn


class ValueCodes(dict[Scalar, int]):
    """The code of each value: 0, 1, ... in the order in which they are here.

    Not changed once it is made, so that what is made of it stands: versions of a column share one until somebody has a
    value that is new.
    """

    @classmethod
    def of(cls, values: Iterable[Scalar]) -> "ValueCodes":
        """Of distinct values in order of their codes."""
        return cls((value, code) for code, value in enumerate(values))

    def with_values(self, values: Iterable[Scalar]) -> "ValueCodes":
        """With those that are new, after all others."""
        new = dict.fromkeys(each for each in values if each not in self)
        if not new:
            return self
        found = ValueCodes(self)
        found.update((value, code) for code, value in enumerate(new, len(self)))
        return found

    @cached_property
    def by_code(self) -> tuple[Scalar, ...]:
        """The values in order of their codes."""
        return tuple(self)

    @cached_property
    def packed(self) -> Codes:
        """The codes that they have in segments.domain.packing, in the same order. Texts have none."""
        return np.asarray([code_of(each) for each in self], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class TagColumn:
    """The values of a tag or feature.

    `kind`        of the values, of the elements for a multi-valued tag
    `dictionary`  the code of each value: of every text, and of whatever values a column of sets has; None for numbers,
                  dates and moments in a column of numbers, whose codes are as in segments.domain.packing
    """

    kind: Kind
    column: SetColumn | NumberColumn
    dictionary: ValueCodes | None = None

    def known(self) -> Sets:
        """Whoever has a value."""
        if isinstance(self.column, NumberColumn):
            return InSet(self.column.knowns, 0)
        return InSet(self.column, self.column.known)

    def any_of(self, values: Collection[Scalar]) -> Sets:
        """Whoever has one of the values."""
        return self.coded(sorted({code for each in values if (code := self._code(each)) is not None}))

    def within(self, low: int, high: int) -> Sets:
        """Whoever has a code from low to high, in a column of numbers without a dictionary."""
        assert isinstance(self.column, NumberColumn)
        if low > high:
            return Nobody()
        return InRange(self.column, max(low, NO_LOW), min(high, NO_HIGH))

    def values(self) -> Iterator[tuple[Scalar, int]]:
        """(value, code) of a column with a dictionary."""
        assert self.dictionary is not None
        return iter(self.dictionary.items())

    @property
    def by_code(self) -> tuple[Scalar, ...]:
        """The value of each code of a column with a dictionary."""
        assert self.dictionary is not None
        return self.dictionary.by_code

    def packed(self, codes: Codes) -> Codes:
        """What codes of the column are in segments.domain.packing; those of texts stay."""
        if self.dictionary is None or self.kind is Kind.TEXT:
            return codes
        return self.dictionary.packed[codes]

    def texts(self, codes: Codes) -> dict[int, str]:
        """By code, ascending, of those that occur here; nothing in a column of other values."""
        if self.kind is not Kind.TEXT:
            return {}
        values = self.by_code
        return {each: str(values[each]) for each in np.unique(codes).tolist()}

    def coded(self, codes: list[int]) -> Sets:
        """Whoever has one of the codes, ascending; neighbours in a column of numbers are one range."""
        if isinstance(self.column, SetColumn):
            return Any(tuple(InSet(self.column, each) for each in codes if each < self.column.values))
        ranges: list[InRange] = []
        for each in codes:
            if ranges and ranges[-1].high == each - 1:
                ranges[-1] = InRange(self.column, ranges[-1].low, each)
            else:
                ranges.append(InRange(self.column, each, each))
        return Any(tuple(ranges))

    def _code(self, value: Scalar) -> int | None:
        return code_of(value) if self.dictionary is None else self.dictionary.get(value)


class TagColumns(Protocol):
    """One version of the index: all answers of one program belong to it."""

    def universe(self, population: Population) -> SetColumn:
        """Row 0: the population's persons."""
        ...

    def tag(self, name: str) -> TagColumn:
        """Raises LookupError when the index has no such tag."""
        ...

    def feature(self, form: str) -> TagColumn:
        """Raises LookupError when the feature is not there (not yet LIVE)."""
        ...

    def segment(self, name: str) -> SetColumn:
        """Row 0: the segment's members. Raises LookupError when there is no such segment."""
        ...
