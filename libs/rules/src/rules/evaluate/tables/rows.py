"""The events of one type, or their lines, as rows with everything that a scan's conditions read."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rules.evaluate.setting import Setting
from rules.schema import EventType, PropertyType, Resolved, ValueList, resolve
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
    Sequence,
    TagRef,
)
from rules.values import SCALE, Kind
from rules.walk import children
from rules.windows import Interval

from . import exact, local_time
from .compiler import truth
from .source import VALIDITY, TableSource

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Columns of our own start with a character that no property's name has.
LINE = "$line"
LOCAL = "$local"
_OF_THE_CLOCK = {("hour",), ("weekday",), ("is_workday",)}


@dataclass(frozen=True, slots=True)
class Join:
    """A reference table as it was when the event happened, joined by the event's (or the line's) property that holds
    its key."""

    field: str
    of_line: bool
    table: str

    def column(self, name: str) -> str:
        return f"$join.{'line' if self.of_line else 'event'}.{self.field}.{name}"


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Names read from rows of events. `lines` names the list of records in scope, `line` is its record.

    lifted  conditions on lines that need a join, already answered per event, by column
    """

    setting: Setting
    type: EventType
    rows: "ir.Table"
    lifted: Mapping[AnyLine, str]
    lines: str = ""
    line: Any = None

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Any:
        resolved = _resolve(leaf, Place(self.type, self.lines), self.setting)
        if resolved.table:
            return self.rows[_join(resolved).column(resolved.column)]
        if resolved.of_line:
            return self.line[resolved.field.name]
        match resolved.field.name:
            case "hour":
                of_day = self.rows[LOCAL] - self._day() * local_time.DAY_US
                return exact.floor_divide(of_day, local_time.HOUR_US) * SCALE
            case "weekday":
                return self._weekday() * SCALE
            case "is_workday":
                return self._is_workday()
            case name:
                return self.rows[name]

    def _weekday(self) -> Any:
        """1 is Monday; 1970-01-01 was a Thursday."""
        days = self._day() + 3
        return days - exact.floor_divide(days, 7) * 7 + 1

    def _is_workday(self) -> Any:
        """Null in years that the calendar does not settle."""
        import ibis

        workdays, day = self.setting.calendar.workdays, self._day()
        is_off = self._weekday().isin(sorted(workdays.weekend)) & ~day.isin(_numbers(workdays.worked))
        is_off = is_off | day.isin(_numbers(workdays.holidays))
        settled = ibis.literal(False)
        for stretch in workdays.stretches():
            first, last = _numbers(stretch)
            settled = settled | ((day >= first) & (day <= last))
        return ibis.ifelse(settled, ~is_off, None)

    def _day(self) -> Any:
        return exact.floor_divide(self.rows[LOCAL], local_time.DAY_US)

    def list_of(self, operand: Expression) -> ValueList | None:
        if not isinstance(operand, Property):
            return None
        return _resolve(operand, Place(self.type, self.lines), self.setting).values

    def holds(self, condition: AnyLine | InSegment | Sequence) -> Any:
        if not isinstance(condition, AnyLine):
            raise TypeError(
                f"{type(condition).__name__} has no meaning inside WHERE; evaluate a checked rule"
            )
        if condition in self.lifted:
            return self.rows[self.lifted[condition]].fill_null(False)

        def is_true(line: Any) -> Any:
            return truth(condition.condition, replace(self, lines=condition.list, line=line))

        return (self.rows[condition.list].filter(is_true).length() > 0).fill_null(False)


class EventRows:
    """Builds the rows of one scan: events, or their lines when `walked` names a list of records."""

    def __init__(self, source: TableSource, setting: Setting, type_: EventType, walked: str = "") -> None:
        self._source = source
        self._setting = setting
        self._type = type_
        self._walked = walked

    def columns(
        self,
        conditions: Iterable[Condition],
        paths: Iterable[tuple[str, ...]],
        within: Interval,
        *,
        days: bool,
    ) -> EventColumns:
        """Rows of the interval with the joins, and the local time, that the conditions and paths need.

        With `days` the caller reads LOCAL itself.
        """
        place = Place(self._type, self._walked)
        needed: list[Node] = [*conditions, *(Property(path) for path in paths if path)]
        rows = self._source.events(self._type)
        rows = rows.filter(rows.person_id.notnull(), *bounds(rows, within))
        if days or any(map(_reads_clock, needed)):
            rows = rows.mutate(**{LOCAL: local_time.local_us(rows.time, self._setting, within)})
        lifted: dict[AnyLine, str] = {}
        for each in dict.fromkeys(_lifted(needed, self._type, self._setting)):
            lifted[each] = f"$any.{len(lifted)}"
            rows = self._lift(rows, each, lifted[each])
        if self._walked:
            rows = rows.mutate(**{LINE: rows[self._walked]}).unnest(LINE)
        for join in dict.fromkeys(_joins(needed, place, self._setting)):
            rows = self._join(rows, join)
        line = rows[LINE] if self._walked else None
        return EventColumns(self._setting, self._type, rows, lifted, self._walked, line)

    def _lift(self, rows: "ir.Table", condition: AnyLine, name: str) -> "ir.Table":
        """Answers a condition on lines per event, by rows of lines joined with their tables."""
        lines = rows.mutate(**{LINE: rows[condition.list]}).unnest(LINE)
        place = Place(self._type, condition.list)
        for join in dict.fromkeys(_joins([condition.condition], place, self._setting)):
            lines = self._join(lines, join)
        scope = EventColumns(self._setting, self._type, lines, {}, condition.list, lines[LINE])
        matching = lines.filter(truth(condition.condition, scope)).select("ingest_seq").distinct()
        matching = matching.rename({f"{name}.seq": "ingest_seq"})
        joined = rows.left_join(matching, rows.ingest_seq == matching[f"{name}.seq"])
        return joined.mutate(**{name: joined[f"{name}.seq"].notnull()}).drop(f"{name}.seq")

    def _join(self, rows: "ir.Table", join: Join) -> "ir.Table":
        table = self._setting.schema.table(join.table)
        assert table is not None
        reference = self._source.reference(table)
        renamed = reference.select(
            **{
                join.column(name): reference[name]
                for name in ("key", *VALIDITY, *(each.name for each in table.columns))
            }
        )
        key = rows[LINE][join.field] if join.of_line else rows[join.field]
        since, until = (renamed[join.column(name)] for name in VALIDITY)
        in_force = [rows.time >= since, rows.time < until]
        return rows.left_join(renamed, [key == renamed[join.column("key")], *in_force])


def _numbers(days: Iterable[dt.date]) -> list[int]:
    """As days since 1970-01-01, in order."""
    return sorted((each - local_time.FIRST_DAY).days for each in days)


def bounds(rows: "ir.Table", within: Interval) -> "list[Any]":
    end = [rows.time < exact.moment_of(local_time.epoch_us(within.end))]
    if within.start is None:
        return end
    return [rows.time >= exact.moment_of(local_time.epoch_us(within.start)), *end]


def _resolve(leaf: Node, place: Place, setting: Setting) -> Resolved:
    if not isinstance(leaf, Property):
        raise TypeError(f"{type(leaf).__name__} has no meaning inside WHERE; evaluate a checked rule")
    return resolve(setting.schema, place, leaf.path)


def _join(resolved: Resolved) -> Join:
    return Join(resolved.field.name, resolved.of_line, resolved.table)


def _joins(nodes: Iterable[Node], place: Place, setting: Setting) -> Iterable[Join]:
    """The joins of the rows in scope; those of lines inside ANY are lifted instead."""
    for node in nodes:
        if isinstance(node, AnyLine):
            inner = Place(place.event, node.list)
            yield from (each for each in _joins([node.condition], inner, setting) if not each.of_line)
        elif isinstance(node, Property):
            resolved = _resolve(node, place, setting)
            if resolved.table:
                yield _join(resolved)
        else:
            yield from _joins(children(node), place, setting)


def _lifted(nodes: Iterable[Node], type_: EventType, setting: Setting) -> Iterable[AnyLine]:
    """The conditions on lines that join a table by a line's field."""
    for node in nodes:
        if not isinstance(node, AnyLine):
            yield from _lifted(children(node), type_, setting)
        elif any(each.of_line for each in _joins([node.condition], Place(type_, node.list), setting)):
            yield node


def _reads_clock(node: Node) -> bool:
    read = isinstance(node, Property) and node.path in _OF_THE_CLOCK
    return read or any(map(_reads_clock, children(node)))


def walked_list(type_: EventType, path: tuple[str, ...]) -> str:
    """The list of records whose lines a property's path goes through, "" for none."""
    first: PropertyType | None = type_.property(path[0]) if path else None
    return first.name if first is not None and first.type.kind is Kind.RECORDS else ""
