"""Values as columns: the values of many persons as arrays, and the integer codes they are stored and sent by.

Codes by base type: bool 0 or 1; number scaled by 10^4; text its code in the column's dictionary; date days
since 1970-01-01; datetime microseconds since 1970-01-01 UTC. Elements of weighted lists: see weighted.py.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind

from . import weighted

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint16]
Bools = npt.NDArray[np.bool_]

BLOCK_BITS = 16
BLOCK_PERSONS = 1 << BLOCK_BITS
MAX_ELEMENTS = 1_000
"""Values of one person in a multi-valued column; the rest, in order, is dropped."""

_WIDTHS = tuple(
    (each, int(np.iinfo(each).min), int(np.iinfo(each).max)) for each in (np.int8, np.int16, np.int32)
)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = EPOCH.date().toordinal()
_MICROSECOND = dt.timedelta(microseconds=1)


def block_of(person_id: int) -> int:
    return person_id >> BLOCK_BITS


def microseconds(moment: dt.datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def moment_of(microsecond: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=microsecond)


def days(day: dt.date) -> int:
    return day.toordinal() - _EPOCH_DAY


def day_of(number: int) -> dt.date:
    return dt.date.fromordinal(number + _EPOCH_DAY)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a column holds: `base` is never LIST. `weighted`: its lists are WeightedTexts."""

    base: Kind
    multi_valued: bool = False
    weighted: bool = False


@dataclass(frozen=True, slots=True)
class Coded:
    """Values of persons by code.

    persons  ascending, distinct
    counts   how many values each has; 0 is unknown, more than 1 only in multi-valued columns
    codes    all values in the order of the persons; of one person ascending, distinct
    """

    persons: Ints
    counts: Counts
    codes: Ints

    @staticmethod
    def empty() -> "Coded":
        return Coded(np.empty(0, np.int64), np.empty(0, np.uint16), np.empty(0, np.int64))

    @staticmethod
    def of(rows: Mapping[int, Sequence[int]]) -> "Coded":
        """From codes by person; none is unknown."""
        persons = sorted(rows)
        codes = [sorted(set(rows[each]))[:MAX_ELEMENTS] for each in persons]
        return Coded(
            np.array(persons, np.int64),
            np.array([len(each) for each in codes], np.uint16),
            np.array([code for each in codes for code in each], np.int64),
        )

    @property
    def known_count(self) -> int:
        return int(np.count_nonzero(self.counts))

    def starts(self) -> Ints:
        """Where each person's codes begin, and at last where they end: one longer than persons."""
        return np.concatenate((np.zeros(1, np.int64), np.cumsum(self.counts, dtype=np.int64)))

    def rows(self) -> dict[int, tuple[int, ...]]:
        starts = self.starts()
        codes = self.codes.tolist()
        return {
            person: tuple(codes[starts[index] : starts[index + 1]])
            for index, person in enumerate(self.persons.tolist())
        }

    def take(self, chosen: Bools) -> "Coded":
        """The persons where `chosen` is true."""
        if chosen.all():
            return self
        of_codes = chosen if self._is_single() else np.repeat(chosen, self.counts)
        return Coded(self.persons[chosen], self.counts[chosen], self.codes[of_codes])

    def part(self, places: slice) -> "Coded":
        """The persons that stand from one place to before another."""
        if self._is_single():
            return Coded(self.persons[places], self.counts[places], self.codes[places])
        starts = self.starts()
        of_codes = slice(starts[places.start], starts[places.stop])
        return Coded(self.persons[places], self.counts[places], self.codes[of_codes])

    def only(self, persons: Ints) -> "Coded":
        """Of these persons, ascending; one that has no entry here gets one that is unknown."""
        if len(self.persons) == len(persons) and np.array_equal(self.persons, persons):
            return self
        found = self.take(within(self.persons, persons))
        counts = np.zeros(len(persons), np.uint16)
        counts[np.searchsorted(persons, found.persons)] = found.counts
        return Coded(persons, counts, found.codes)

    def of_persons(self, persons: Ints) -> "Coded":
        """The entries of these persons, ascending; those who have none are left out."""
        places = self._places(persons)
        places = places[places >= 0]
        counts = self.counts[places]
        codes = (
            self.codes[places] if self._is_single() else _gather(self.codes, self.starts()[places], counts)
        )
        return Coded(self.persons[places], counts, codes)

    def without(self, persons: Ints) -> "Coded":
        """What is left when these, ascending, go."""
        if not len(persons):
            return self
        places = self._places(persons)
        staying = np.ones(len(self.persons), np.bool_)
        staying[places[places >= 0]] = False
        return self.take(staying)

    def overlaid(self, above: "Coded") -> "Coded":
        """The union; where both name a person, `above` holds."""
        if not len(above.persons):
            return self
        if not len(self.persons):
            return above
        places = self._places(above.persons)
        if self._is_single() and above._is_single() and bool((places >= 0).all()):
            codes = self.codes.copy()
            codes[places] = above.codes
            return Coded(self.persons, self.counts, codes)
        below = self.without(above.persons)
        places = np.searchsorted(below.persons, above.persons)
        return Coded(
            np.insert(below.persons, places, above.persons),
            np.insert(below.counts, places, above.counts),
            np.insert(below.codes, np.repeat(below.starts()[places], above.counts), above.codes),
        )

    def _is_single(self) -> bool:
        """Whether each person has one code."""
        return len(self.codes) == len(self.counts) and bool((self.counts == 1).all())

    def _places(self, persons: Ints) -> Ints:
        """Where these stand, -1 for those who do not."""
        if not len(self.persons):
            return np.full(len(persons), -1, np.int64)
        places = np.minimum(np.searchsorted(self.persons, persons), len(self.persons) - 1)
        return np.where(self.persons[places] == persons, places, -1)

    def plain(self, shape: Shape) -> "Coded":
        """The codes of texts where those of weighted elements are."""
        return Coded(self.persons, self.counts, weighted.text_codes(self.codes)) if shape.weighted else self

    def known(self) -> "Coded":
        """Without the persons whose value is unknown."""
        return self.take(self.counts > 0)

    def blocks(self) -> Iterable[tuple[int, "Coded"]]:
        """The parts by block of 65,536 person ids, ascending."""
        of_block = self.persons >> BLOCK_BITS
        for block in np.unique(of_block).tolist():
            yield block, self.take(of_block == block)


def within(persons: Ints, others: Ints) -> Bools:
    """Which persons are in others; both ascending, distinct."""
    if not len(others):
        return np.zeros(len(persons), np.bool_)
    places = np.minimum(np.searchsorted(others, persons), len(others) - 1)
    found: Bools = others[places] == persons
    return found


def union(one: Ints, other: Ints) -> Ints:
    """Who is in either, ascending; both ascending, distinct."""
    if not len(other) or np.array_equal(one, other):
        return one
    missing = other[~within(other, one)]
    if not len(missing):
        return one
    return np.sort(np.concatenate((one, missing)))


def _gather(codes: Ints, starts: Ints, counts: Counts) -> Ints:
    """The runs [start, start + count) one after the other."""
    lengths = counts.astype(np.int64)
    ends = np.cumsum(lengths)
    offsets = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    gathered: Ints = codes[np.repeat(starts, lengths) + offsets]
    return gathered


def changed(old: Coded, new: Coded) -> Bools:
    """Which persons differ; both are of the same persons in the same order."""
    if len(old.codes) == len(new.codes) == len(old.persons) and (old.counts & new.counts == 1).all():
        found: Bools = old.codes != new.codes
        return found
    different: Bools = np.not_equal(old.counts, new.counts)
    single = ~different & (old.counts == 1)
    many = ~different & (old.counts > 1)
    old_starts, new_starts = old.starts()[:-1], new.starts()[:-1]
    different[single] = old.codes[old_starts[single]] != new.codes[new_starts[single]]
    if many.any():
        lengths = old.counts[many].astype(np.int64)
        before = _gather(old.codes, old_starts[many], old.counts[many])
        after = _gather(new.codes, new_starts[many], new.counts[many])
        different[many] = np.logical_or.reduceat(before != after, np.cumsum(lengths) - lengths)
    return different


# ----------------------------------------------------------------------------------------------- plain values


@dataclass(frozen=True, slots=True)
class Vector:
    """Values of persons before coding, one slot each: `data` holds scalars by kind where `known`.

    data  bool, number, date and datetime as int64 codes; text, and every list (a tuple), as objects

    A list without elements is unknown, as it is when stored.
    """

    known: Bools
    data: npt.NDArray[Any]

    @staticmethod
    def of(values: Sequence[Value | None], shape: Shape) -> "Vector":
        known = np.array([each is not None and each != () for each in values], np.bool_)
        if shape.multi_valued or shape.base is Kind.TEXT:
            data: npt.NDArray[Any] = np.empty(len(values), object)
            data[:] = [() if each is None else each for each in values] if shape.multi_valued else values
            return Vector(known, data)
        code = scalar_code(shape.base)
        return Vector(known, np.array([0 if each is None else code(each) for each in values], np.int64))

    def narrowed(self) -> "Vector":
        """The same values in as few bytes as hold them."""
        return self if self.data.dtype == object else Vector(self.known, narrowed(self.data))

    def widened(self) -> "Vector":
        """The same values as `data` is otherwise."""
        return (
            self if self.data.dtype == object else Vector(self.known, self.data.astype(np.int64, copy=False))
        )

    @staticmethod
    def joined(parts: Sequence["Vector"]) -> "Vector":
        """One after the other, at least one, all of one shape."""
        return Vector(
            np.concatenate([each.known for each in parts]), np.concatenate([each.data for each in parts])
        )

    @staticmethod
    def unknown(count: int, shape: Shape) -> "Vector":
        if shape.multi_valued or shape.base is Kind.TEXT:
            nothing = np.empty(count, object)  # of None
            if shape.multi_valued:
                nothing.fill(())
            return Vector(np.zeros(count, np.bool_), nothing)
        return Vector(np.zeros(count, np.bool_), np.zeros(count, np.int64))


def narrowed(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Integers in the narrowest signed type that holds them all."""
    low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    for width, least, most in _WIDTHS:
        if least <= low and high <= most:
            return numbers.astype(width, copy=False)
    return numbers.astype(np.int64, copy=False)


def scalar_code(base: Kind) -> Callable[[Any], int]:
    """From a scalar that is not a text to its code."""
    match base:
        case Kind.BOOL | Kind.NUMBER:
            return int
        case Kind.DATE:
            return days
        case Kind.DATETIME:
            return microseconds
    raise ValueError(f"{base.value} has no code of its own")


def code_scalar(base: Kind) -> Callable[[int], Scalar]:
    """From a code back to the scalar; not for texts."""
    match base:
        case Kind.BOOL:
            return bool
        case Kind.NUMBER:
            return int
        case Kind.DATE:
            return day_of
        case Kind.DATETIME:
            return moment_of
    raise ValueError(f"{base.value} has no code of its own")


def texts_of(vector: Vector, shape: Shape) -> set[str]:
    """The texts whose codes `encode` needs."""
    if shape.base is not Kind.TEXT:
        return set()
    present = vector.data[vector.known].tolist()
    return {text for each in present for text in each} if shape.multi_valued else set(present)


def encode(persons: Ints, vector: Vector, shape: Shape, codes_of_texts: Mapping[str, int]) -> Coded:
    """Codes a vector of these persons, ascending. `codes_of_texts` holds every text of the vector."""
    if shape.multi_valued:
        return _encoded_lists(persons, vector, shape, codes_of_texts)
    present = vector.data[vector.known]
    if shape.base is Kind.TEXT:
        present = np.array([codes_of_texts[each] for each in present.tolist()], np.int64)
    return Coded(persons, vector.known.astype(np.uint16), present.astype(np.int64))


def _encoded_lists(persons: Ints, vector: Vector, shape: Shape, codes_of_texts: Mapping[str, int]) -> Coded:
    """A list that many persons share is coded once."""
    code = codes_of_texts.__getitem__ if shape.base is Kind.TEXT else scalar_code(shape.base)
    lists: dict[int, list[int]] = {}
    found = []
    for each in vector.data[vector.known].tolist():
        codes = lists.get(id(each))
        if codes is None:
            if shape.weighted:
                said = weighted.codes_of(weighted.weighted(each), codes_of_texts)
            else:
                said = [code(element) for element in each]
            codes = lists[id(each)] = sorted(set(said))[:MAX_ELEMENTS]
        found.append(codes)
    counts = np.array([len(each) for each in found], np.uint16)
    coded = Coded(persons[vector.known], counts, np.array([*chain.from_iterable(found)], np.int64))
    return coded.only(persons)


def decode(codes: Sequence[int], shape: Shape, texts: Mapping[int, str]) -> Value | None:
    """The value of one person's codes; None when there are none."""
    if not codes:
        return None
    if shape.weighted:
        return weighted.value_of(codes, texts)
    scalars = (
        [texts[each] for each in codes]
        if shape.base is Kind.TEXT
        else [code_scalar(shape.base)(each) for each in codes]
    )
    return tuple(sorted(scalars)) if shape.multi_valued else scalars[0]
