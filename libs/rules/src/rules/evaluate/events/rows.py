"""Which rows an aggregate counts: events of a type, or the lines of a list of theirs, by window and WHERE."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.setting import Setting
from rules.schema import EventType, Resolved, ValueList, resolve
from rules.schema import Scope as Place
from rules.tree import (
    Aggregate,
    AnyLine,
    Condition,
    Expression,
    Feature,
    InSegment,
    Node,
    Property,
    TagRef,
    Window,
)
from rules.tree import Sequence as EventSequence
from rules.values import SCALE, Kind
from rules.windows import Interval, interval

from .columns import EPOCH, Bools, Column, EventTable, Ints, Lines, Numbers, epoch_us
from .conditions import EVALUATOR, truth
from .local_days import DAY_US, HOUR_US, local_days, local_us


@dataclass(frozen=True)
class Rows:
    """What is counted, in order of person, time and ingest sequence, lines in order of their list.

    owners  the slot of each row's person, ascending
    places  the row's event in its table, ascending
    values  of each property that was read, all of them known
    """

    owners: Numbers
    places: Numbers
    values: tuple[Column, ...]


@dataclass(frozen=True)
class RowScope:
    """The events of a table, or the lines of one of their lists: `lines` names it, `places` says of which event."""

    setting: Setting
    type: EventType
    table: EventTable
    lines: str = ""
    places: Numbers | None = None

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.table.owners) if self.places is None else len(self.places)

    def of_lines(self, name: str) -> "RowScope":
        """The lines of a list."""
        return RowScope(self.setting, self.type, self.table, name, self.table.lines(name).places)

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Column:
        """A property of each row."""
        resolved = self._resolved(leaf)
        if resolved.table or resolved.list or resolved.type.kind in (Kind.LIST, Kind.RECORDS):
            raise UnsupportedNode("a joined table or a list", EVALUATOR)
        if resolved.of_line:
            return self.table.lines(self.lines).fields(resolved.field.name)
        found = self._of_event(resolved.field.name)
        return found if self.places is None else found.take(self.places)

    def _of_event(self, name: str) -> Column:
        times = self.table.times
        known = np.ones(1, np.bool_)
        match name:
            case "time":
                return Column(Kind.DATETIME, known, times).stretched(len(times))
            case "hour":
                hours = local_us(times, self.setting) % DAY_US // HOUR_US
                return Column(Kind.NUMBER, known, hours * SCALE).stretched(len(times))
            case "weekday":  # 1970-01-01 was a Thursday
                days = local_us(times, self.setting) // DAY_US
                return Column(Kind.NUMBER, known, ((days + 3) % 7 + 1) * SCALE).stretched(len(times))
            case "is_workday":
                return self._is_workday()
        return self.table.column(name)

    def _is_workday(self) -> Column:
        """Asked once per distinct day."""
        distinct, places = np.unique(local_days(self.table.times, self.setting), return_inverse=True)
        workdays, epoch = self.setting.calendar.workdays, EPOCH.date().toordinal()
        found = np.zeros(len(distinct), np.int64)
        known = np.zeros(len(distinct), np.bool_)
        for first, last in workdays.stretches():
            known |= (distinct >= first.toordinal() - epoch) & (distinct <= last.toordinal() - epoch)
        for place in np.flatnonzero(known).tolist():
            found[place] = workdays.is_workday(dt.date.fromordinal(int(distinct[place]) + epoch)) is True
        return Column(Kind.BOOL, known, found).take(places)

    def list_of(self, operand: Expression) -> ValueList | None:
        """As the scope of conditions says."""
        return self._resolved(operand).values if isinstance(operand, Property) else None

    def holds(self, condition: AnyLine | InSegment | EventSequence) -> Bools:
        """Which events have a line that satisfies a condition."""
        if not isinstance(condition, AnyLine):
            raise TypeError(
                f"{type(condition).__name__} has no meaning inside WHERE; evaluate a checked rule"
            )
        lines = RowScope(
            self.setting, self.type, self.table, condition.list, self.table.lines(condition.list).places
        )
        holding = np.zeros(len(self.table.owners), np.bool_)
        assert lines.places is not None
        holding[lines.places[truth(condition.condition, lines)]] = True
        return holding if self.places is None else holding[self.places]

    def _resolved(self, leaf: Node) -> Resolved:
        if not isinstance(leaf, Property):
            raise TypeError(f"{type(leaf).__name__} has no meaning inside WHERE; evaluate a checked rule")
        return resolve(self.setting.schema, Place(self.type, self.lines), leaf.path)


def walked_list(type_: EventType, path: tuple[str, ...]) -> str:
    """The list of records whose lines a property's path goes through, "" for none."""
    first = type_.property(path[0]) if path else None
    return first.name if first is not None and first.type.kind is Kind.RECORDS and len(path) > 1 else ""


class _PartOfTable:
    """An EventTable of some rows of another, named by their places, ascending."""

    def __init__(self, table: EventTable, places: Ints) -> None:
        self._table = table
        self._places = places
        self.owners: Numbers = table.owners[places]
        self.times: Ints = table.times[places]

    def column(self, name: str) -> Column:
        """As EventTable says."""
        return self._table.column(name).take(self._places)

    def lines(self, name: str) -> Lines:
        """As EventTable says."""
        lines = self._table.lines(name)
        kept = np.flatnonzero(np.isin(lines.places, self._places))
        places = np.searchsorted(self._places, lines.places[kept])
        return Lines(places, lambda field: lines.fields(field).take(kept))


class RowReader:
    """Chooses rows of one type's table at one moment. What passes a WHERE is remembered, for one at a time: questions
    that share it follow each other."""

    def __init__(self, setting: Setting, type_: EventType, table: EventTable) -> None:
        self._setting = setting
        self._type = type_
        self._table = table
        self._passing: tuple[Condition | None, str, Bools | None] | None = None

    def rows(
        self, window: Window, where: Condition | None, walked: str = "", reads: Sequence[Property] = ()
    ) -> Rows:
        """The rows of a window that satisfy a condition and have a value of everything read; paths are within a row.
        Raises NumberOverflow of rows in the window alone."""
        try:
            return self._rows(window, where, walked, reads)
        except NumberOverflow:
            within = self.within(window)
            if within is None or within.all():
                raise
            places = np.flatnonzero(within)
            part = RowReader(self._setting, self._type, _PartOfTable(self._table, places))
            found = part.rows(window, where, walked, reads)
            return Rows(found.owners, places[found.places], found.values)

    def _rows(self, window: Window, where: Condition | None, walked: str, reads: Sequence[Property]) -> Rows:
        scope = RowScope(self._setting, self._type, self._table)
        if walked:
            scope = scope.of_lines(walked)
        chosen = self._chosen(scope, window, where)
        columns = [scope.read(each).stretched(scope.size) for each in reads]
        for column in columns:
            if not column.known.all():
                chosen = column.known if chosen is None else chosen & column.known
        if chosen is None:
            places: Numbers = np.arange(scope.size) if scope.places is None else scope.places
            owners = self._table.owners if scope.places is None else self._table.owners[places]
            return Rows(owners, places, tuple(columns))
        picked = np.flatnonzero(chosen)
        places = picked if scope.places is None else scope.places[picked]
        return Rows(self._table.owners[places], places, tuple(each.take(picked) for each in columns))

    def span(self, window: Window) -> Interval:
        """When events of a window happen."""
        return interval(window, self._setting.as_of, self._setting.calendar)

    def passing(self, where: Condition | None) -> Bools | None:
        """Which events satisfy a condition; None is all. Raises NumberOverflow of any event."""
        return self._where(RowScope(self._setting, self._type, self._table), where)

    def read(self, property_: Property) -> Column:
        """A property of each event."""
        scope = RowScope(self._setting, self._type, self._table)
        return scope.read(property_).stretched(scope.size)

    def _chosen(self, scope: RowScope, window: Window, where: Condition | None) -> Bools | None:
        """None is all."""
        passing = self._where(scope, where)
        within = self.within(window)
        if within is not None and scope.places is not None:
            within = within[scope.places]
        if within is None:
            return passing
        return within if passing is None else passing & within

    def _where(self, scope: RowScope, where: Condition | None) -> Bools | None:
        if where is None:
            return None
        known = self._passing
        if known is None or known[:2] != (where, scope.lines):
            known = self._passing = where, scope.lines, truth(where, scope)
        return cast(Bools, known[2])

    def within(self, window: Window) -> Bools | None:
        """Which events are in a window; None is all."""
        span = self.span(window)
        times = self._table.times
        if not len(times):
            return None
        end = epoch_us(span.end)
        found: Bools | None = None
        if int(times.max()) >= end:
            found = times < end
        if span.start is not None:
            later: Bools = times >= epoch_us(span.start)
            found = later if found is None else found & later
        return found
