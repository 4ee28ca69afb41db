"""One person's groups: a number for every value of a property, with the events that made it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from rules import values
from rules.evaluate.meaning import Scalar
from rules.evaluate.setting import Setting
from rules.grouping import reading, weights
from rules.tree import Function, Grouped
from rules.values import SCALE
from rules.windows import interval

from .facts import Event, Events, ReferenceRows
from .interpreter import truth
from .scopes import EventScope


@dataclass(frozen=True, slots=True)
class Group:
    """number: scaled; events: how many distinct events made it; evidence: those, in order."""

    key: Scalar
    number: int
    events: int
    evidence: tuple[Event, ...] = field(compare=False)


@dataclass(slots=True)
class _Gathered:
    values: list[tuple[Event, int]] = field(default_factory=list)


def groups(node: Grouped, events: Events, tables: ReferenceRows, setting: Setting) -> tuple[Group, ...]:
    """In order of the key. Raises NumberOverflow."""
    gathered: dict[Scalar, _Gathered] = {}
    for key, event, value in _rows(node, events, tables, setting):
        gathered.setdefault(key, _Gathered()).values.append((event, value))
    return tuple(_group(node, key, gathered[key].values, setting) for key in sorted(gathered))


def _rows(
    node: Grouped, events: Events, tables: ReferenceRows, setting: Setting
) -> Iterator[tuple[Scalar, Event, int]]:
    """(key, event, value) of every row that counts; the value of COUNT and DAYS is 0."""
    aggregate = node.aggregate
    type_ = setting.schema.event(aggregate.event)
    if type_ is None:
        raise LookupError(f"no event type '{aggregate.event}'; evaluate what was checked against this schema")
    read = reading(node, type_)
    within = interval(aggregate.window, setting.as_of, setting.calendar)
    for event in events:
        if event.type != type_.name or event.time not in within:
            continue
        scope = EventScope(setting, tables, type_, event)
        for row in scope.each_line(read.walked) if read.walked else [scope]:
            if aggregate.where is not None and not truth(aggregate.where, row):
                continue
            key = row.read(read.by)
            value = row.read(read.value) if read.value is not None else 0
            if key is not None and value is not None:
                yield cast(Scalar, key), event, cast(int, value)


def _group(node: Grouped, key: Scalar, rows: list[tuple[Event, int]], setting: Setting) -> Group:
    distinct = tuple({event.ingest_seq: event for event, _ in rows}.values())
    match node.aggregate.function:
        case Function.COUNT:
            number = sum(_weight(node, each, setting) for each in distinct)
        case Function.DAYS:
            by_day = {setting.calendar.day_of(each.time): each for each in distinct}
            number = sum(_weight(node, each, setting) for each in by_day.values())
        case _ if node.half_life_days is None:
            number = sum(value for _, value in rows)
        case _:
            weighted = sum(value * _weight(node, event, setting) for event, value in rows)
            number = values.divide_half_even(weighted, SCALE)
    return Group(key, values.in_range(number), len(distinct), distinct)


def _weight(node: Grouped, event: Event, setting: Setting) -> int:
    """Scaled; a day in the future counts as today."""
    if node.half_life_days is None:
        return SCALE
    by_age = weights(node.half_life_days)
    age = max((setting.today - setting.calendar.day_of(event.time)).days, 0)
    return by_age[age] if age < len(by_age) else 0
