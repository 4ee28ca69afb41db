"""Columns of scalars as arrays, and the events of one type as columns in order of person and time."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import getattr_static
from typing import Any, Protocol, TypeAlias, TypeGuard, runtime_checkable

import numpy as np
import numpy.typing as npt

from rules.evaluate.meaning import Scalar
from rules.values import Kind

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[Any]
"""Integers of any width."""

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = EPOCH.date().toordinal()
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Column:
    """Scalars of one kind, a slot each; or one slot, which stands for all.

    known  where a value is; what `data` holds elsewhere means nothing
    data   bool 0 or 1; number scaled by 10^4; text its place in `texts`; date days since 1970-01-01; datetime
           microseconds since 1970-01-01 UTC
    texts  distinct, in any order; of a text column
    """

    kind: Kind
    known: Bools
    data: Numbers
    texts: Sequence[str] = ()

    @staticmethod
    def of(value: Scalar) -> "Column":
        """One known scalar."""
        known = np.ones(1, np.bool_)
        match value:
            case bool():
                return Column(Kind.BOOL, known, np.array([int(value)], np.int64))
            case int():
                return Column(Kind.NUMBER, known, np.array([value], np.int64))
            case str():
                return Column(Kind.TEXT, known, np.zeros(1, np.int64), (value,))
            case dt.datetime():
                return Column(Kind.DATETIME, known, np.array([epoch_us(value)], np.int64))
        return Column(Kind.DATE, known, np.array([value.toordinal() - _EPOCH_DAY], np.int64))

    def take(self, places: npt.NDArray[Any]) -> "Column":
        """The slots at these places."""
        return Column(self.kind, self.known[places], self.data[places], self.texts)

    def stretched(self, size: int) -> "Column":
        """With a slot each, whatever it had."""
        if len(self.known) == size and len(self.data) == size:
            return self
        return Column(
            self.kind, np.broadcast_to(self.known, size), np.broadcast_to(self.data, size), self.texts
        )

    def by_text(self, test: Callable[[str], bool]) -> Bools:
        """Of a text column: where a value is that passes the test, which is asked once per distinct text."""
        passes = np.array([test(each) for each in self.texts], np.bool_)
        if not len(passes):
            return np.zeros(len(self.known), np.bool_)
        return self.known & passes[np.where(self.known, self.data, 0)]


@dataclass(frozen=True)
class Lines:
    """The lines of a list of records of each event, one after the other. `places`: the row of each line's event,
    ascending; `fields`: a column per field, a slot per line."""

    places: Numbers
    fields: Callable[[str], Column]


class EventTable(Protocol):
    """The events of one type that have a person, in order of (person, time, ingest sequence).

    owners  the slot of each event's person, ascending
    times   microseconds since 1970 UTC
    """

    @property
    def owners(self) -> Numbers: ...

    @property
    def times(self) -> Ints: ...

    def column(self, name: str) -> Column:
        """A stored property that is a scalar."""
        ...

    def lines(self, name: str) -> Lines:
        """A stored list of records."""
        ...


class OrderedEvents(EventTable, Protocol):
    """An EventTable that knows the order of its events among those of other types."""

    @property
    def ingest_seqs(self) -> Ints:
        """Of each event; distinct for all events of a person. May be read only when asked for."""
        ...


def tells_order(table: object) -> TypeGuard[OrderedEvents]:
    """Whether it does; without reading the order."""
    return getattr_static(table, "ingest_seqs", None) is not None


@dataclass(frozen=True)
class Ranks:
    """Who has events of a table. people: their slots, ascending; of_rows: the place among them of each event's."""

    people: Numbers
    of_rows: Numbers

    @staticmethod
    def of(owners: Numbers) -> "Ranks":
        """owners: of each event, ascending."""
        begins = np.ones(len(owners), np.bool_)
        np.not_equal(owners[1:], owners[:-1], out=begins[1:])
        ranks: Numbers = np.cumsum(begins, dtype=np.int32)
        ranks -= 1
        return Ranks(owners[begins], ranks)


@runtime_checkable
class RankedEvents(Protocol):
    """An EventTable that keeps its ranks."""

    def ranks(self) -> Ranks: ...


@dataclass(frozen=True)
class MemoryEventTable:
    """An EventTable of what is at hand, with the ingest sequences of its events."""

    owners: Numbers
    times: Ints
    ingest_seqs: Ints
    columns: dict[str, Column] = field(default_factory=dict)
    lists: dict[str, Lines] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """As EventTable says."""
        return self.columns[name]

    def lines(self, name: str) -> Lines:
        """As EventTable says."""
        return self.lists[name]


def epoch_us(moment: dt.datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (moment - EPOCH) // _MICROSECOND


def code_ranks(one: Column, other: Column) -> tuple[Numbers, Numbers]:
    """Both columns' data such that comparing them compares the values: texts by their code points."""
    if one.kind is not Kind.TEXT:
        return one.data, other.data
    order = {text: rank for rank, text in enumerate(sorted({*one.texts, *other.texts}))}
    return _ranks(one, order), _ranks(other, order)


def _ranks(column: Column, order: dict[str, int]) -> Numbers:
    if not len(column.texts):
        return np.zeros(len(column.data), np.int64)
    ranks = np.array([order[each] for each in column.texts], np.int64)
    found: Numbers = ranks[np.where(column.known, column.data, 0)]
    return found
