"""The groups of many persons: for each a number, and the events it rests on, per value of a property.

All arithmetic is on integers: int64 where it is certain to fit, Python's own beyond. Ratios round half to even.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Scalar
from rules.values import decimal_text

from .columns import Bools, Ints

Numbers = npt.NDArray[Any]
"""Integers, of int64 or of Python's own."""
_SAFE = 2**62
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Groups:
    """One slot per person, whose groups follow each other in order of the key.

    counts   how many groups each person has
    names    the distinct keys, ascending; `keys` says by place which one each group has
    numbers  scaled by 10^4; events: how many distinct events made it
    """

    counts: Ints
    names: tuple[Scalar, ...]
    keys: Ints
    numbers: Ints
    events: Ints

    @staticmethod
    def of(rows: Sequence[Sequence[tuple[Scalar, int, int]]]) -> "Groups":
        """From (key, number, events) by person, in any order; the keys of a person are distinct."""
        names = tuple(sorted({key for row in rows for key, _, _ in row}))
        places = {name: place for place, name in enumerate(names)}
        flat = [(places[key], number, events) for row in rows for key, number, events in sorted(row)]
        keys, numbers, events = (
            (np.array(each, np.int64) for each in zip(*flat, strict=True))
            if flat
            else (np.empty(0, np.int64),) * 3
        )
        return Groups(np.array([len(row) for row in rows], np.int64), names, keys, numbers, events)

    @property
    def persons(self) -> Ints:
        """The slot that each group belongs to."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def take(self, chosen: Bools) -> "Groups":
        """The groups where `chosen` is true; every person keeps the slot."""
        if chosen.all():
            return self
        counts = np.bincount(self.persons[chosen], minlength=len(self.counts)).astype(np.int64)
        return Groups(counts, self.names, self.keys[chosen], self.numbers[chosen], self.events[chosen])

    def of_persons(self, chosen: Bools) -> "Groups":
        """As `take`, the groups of these persons."""
        return self.take(chosen[self.persons])

    def totals(self) -> Numbers:
        """Each person's numbers added up."""
        return added(self.numbers, self.persons, len(self.counts))

    def event_totals(self) -> Numbers:
        """Each person's events added up; one that stands in several groups counts in each."""
        return added(self.events, self.persons, len(self.counts))


def text_of(key: Scalar) -> str:
    """A key as the text that a tag has for it."""
    if isinstance(key, bool):
        return "true" if key else "false"
    return decimal_text(key) if isinstance(key, int) else str(key)


def ordered(persons: Ints, *keys: Numbers) -> Ints:
    """The stable order by person, then by each of the keys."""
    both, bound = persons, int(persons.max()) + 1 if len(persons) else 0
    for each in keys:
        low, high = (int(each.min()), int(each.max())) if len(each) else (0, 0)
        bound *= high - low + 1
        if bound >= _SAFE or each.dtype == object:
            return np.lexsort((*reversed(keys), persons))
        both = both * (high - low + 1) + (each - low)
    return np.argsort(both, kind="stable")


def added(numbers: Ints, slots: Ints, count: int) -> Numbers:
    """The sum of each slot's numbers, exact."""
    wide = exact(numbers, max(len(numbers), 1))
    found = np.zeros(count, wide.dtype)
    np.add.at(found, slots, wide)
    return found


def exact(numbers: Numbers, times: int) -> Numbers:
    """The same numbers in a type that holds them times `times`."""
    if numbers.dtype == object:
        return numbers
    largest = max(abs(int(numbers.min())), abs(int(numbers.max()))) if len(numbers) else 0
    return numbers if largest * times < _SAFE else numbers.astype(object)


def half_even(numerators: Numbers, denominators: Numbers | int) -> Numbers:
    """Divides, ties to even; the denominators are above 0."""
    quotients = numerators // denominators
    twice = 2 * (numerators - quotients * denominators)
    up = (twice > denominators) | ((twice == denominators) & (quotients % 2 == 1))
    rounded: Numbers = quotients + up.astype(np.int64)
    return rounded
