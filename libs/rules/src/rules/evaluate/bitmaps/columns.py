"""Columns in memory: values in numpy arrays by person id, value sets in bitmaps."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from rules.evaluate.meaning import Scalar, Value, between
from rules.values import Kind, ValueType

_UNKNOWN = -1
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
N = TypeVar("N", np.int32, np.int64)
Changes: TypeAlias = Mapping[int, Value | None]


class CodeColumn:
    """Texts and bools: a code per person and a bitmap per value."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._codes: npt.NDArray[np.int32] = np.full(0, _UNKNOWN, dtype=np.int32)
        self._dictionary: dict[Scalar, int] = {}
        self._sets: list[BitMap] = []

    def apply(self, changes: Changes) -> None:
        """Sets the persons' values; None makes one unknown."""
        self._codes = _reaching(self._codes, changes, _UNKNOWN)
        for person, value in changes.items():
            if (old := int(self._codes[person])) != _UNKNOWN:
                self._sets[old].discard(person)
            self._codes[person] = _UNKNOWN if value is None else self._code(cast(Scalar, value))
            if value is not None:
                self._sets[self._codes[person]].add(person)

    def _code(self, value: Scalar) -> int:
        code = self._dictionary.setdefault(value, len(self._sets))
        if code == len(self._sets):
            self._sets.append(BitMap())
        return code

    def known(self) -> BitMap:
        return BitMap.union(BitMap(), *self._sets)

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        return self._union(value for value in values if value in self._dictionary)

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        return self.where(lambda value: between(value, low, high, with_low=with_low, with_high=with_high))

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        return self._union(value for value in self._dictionary if test(value))

    def _union(self, values: Iterator[Scalar]) -> BitMap:
        return BitMap.union(BitMap(), *(self._sets[self._dictionary[value]] for value in values))

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        values = list(self._dictionary)
        for person in _inside(persons, len(self._codes)):
            if (code := int(self._codes[person])) != _UNKNOWN:
                yield person, values[code]


class NumberColumn:
    """Numbers, dates and datetimes: an int64 per person, and the persons sorted by it for ranges."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._numbers: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._known = BitMap()
        self._sorted: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]] | None = None

    def apply(self, changes: Changes) -> None:
        """Sets the persons' values; None makes one unknown. The next range sorts the column anew."""
        self._numbers = _reaching(self._numbers, changes, 0)
        for person, value in changes.items():
            if value is None:
                self._known.discard(person)
            else:
                self._known.add(person)
                self._numbers[person] = self._number(cast(Scalar, value))
        self._sorted = None

    def _number(self, value: Scalar) -> int:
        if isinstance(value, dt.datetime):
            return (value - _EPOCH) // _MICROSECOND
        return value.toordinal() - _EPOCH_DAY if isinstance(value, dt.date) else cast(int, value)

    def _value(self, number: int) -> Scalar:
        match self.kind:
            case Kind.DATE:
                return dt.date.fromordinal(number + _EPOCH_DAY)
            case Kind.DATETIME:
                return _EPOCH + number * _MICROSECOND
            case _:
                return number

    def _order(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        if self._sorted is None:
            persons = np.frombuffer(self._known.to_array(), dtype=np.uint32)
            order = np.argsort(self._numbers[persons], kind="stable")
            self._sorted = self._numbers[persons][order], persons[order]
        return self._sorted

    def known(self) -> BitMap:
        return self._known.copy()

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        found = (self.between(each, each, with_low=True, with_high=True) for each in values)
        return BitMap.union(BitMap(), *found)

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        numbers, persons = self._order()
        start, end = 0, len(numbers)
        if low is not None:
            start = int(np.searchsorted(numbers, self._number(low), side="left" if with_low else "right"))
        if high is not None:
            end = int(np.searchsorted(numbers, self._number(high), side="right" if with_high else "left"))
        return BitMap(persons[start:end]) if start < end else BitMap()

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        numbers, persons = self._order()
        distinct, counts = np.unique(numbers, return_counts=True)
        wanted = np.fromiter((test(self._value(int(each))) for each in distinct), bool, len(distinct))
        return BitMap(persons[np.repeat(wanted, counts)])

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        for person in persons & self._known:
            yield person, self._value(int(self._numbers[person]))

    def numbers(
        self, person_ids: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Of each, in the same order: its number and whether it is known."""
        found = np.zeros(len(person_ids), np.int64)
        known = np.isin(person_ids, np.array(self._known.to_array(), np.uint32))
        found[known] = self._numbers[person_ids[known]]
        return found, known


class ListColumn:
    """Multi-valued: a bitmap per element. An empty list is known and in no element's bitmap."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._lists: dict[int, tuple[Scalar, ...]] = {}
        self._sets: dict[Scalar, BitMap] = {}
        self._known = BitMap()

    def apply(self, changes: Changes) -> None:
        for person, value in changes.items():
            for element in self._lists.pop(person, ()):
                self._sets[element].discard(person)
            self._known.discard(person)
            if value is not None:
                self._known.add(person)
                self._lists[person] = cast(tuple[Scalar, ...], value)
                for element in self._lists[person]:
                    self._sets.setdefault(element, BitMap()).add(person)

    def known(self) -> BitMap:
        return self._known.copy()

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        return BitMap.union(BitMap(), *(self._sets[each] for each in values if each in self._sets))

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        return self.where(lambda value: between(value, low, high, with_low=with_low, with_high=with_high))

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        return BitMap.union(BitMap(), *(found for each, found in self._sets.items() if test(each)))

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        for person in persons & self._known:
            yield person, self._lists[person]


MemoryColumn: TypeAlias = CodeColumn | NumberColumn | ListColumn


def column_of(type_: ValueType) -> MemoryColumn:
    """An empty column for values of a type."""
    match type_.kind:
        case Kind.LIST:
            assert type_.element is not None
            return ListColumn(type_.element)
        case Kind.TEXT | Kind.BOOL:
            return CodeColumn(type_.kind)
        case _:
            return NumberColumn(type_.kind)


def _reaching(array: npt.NDArray[N], changes: Changes, fill: int) -> npt.NDArray[N]:
    """The array, longer when a person's id is beyond its end."""
    needed = max(changes, default=-1) + 1
    if needed <= len(array):
        return array
    longer = np.full(max(needed, len(array) * 3 // 2), fill, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def _inside(persons: BitMap, length: int) -> Iterator[int]:
    return (person for person in persons if person < length)
