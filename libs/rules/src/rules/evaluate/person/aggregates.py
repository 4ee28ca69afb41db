"""Aggregates over one person's events, with the events that made them."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, cast

from rules import values
from rules.evaluate.meaning import Value, stretch_of
from rules.evaluate.reversal import reversals
from rules.evaluate.setting import Setting
from rules.schema import EventType
from rules.tree import Aggregate, Function, Property
from rules.values import SCALE
from rules.windows import interval

from .facts import Event, Events, ReferenceRows
from .interpreter import truth
from .scopes import EventScope

_MICROSECOND = dt.timedelta(microseconds=1)
_DAY_US = dt.timedelta(days=1) // _MICROSECOND
_OF_EVENTS = {Function.COUNT, Function.DAYS, Function.GAP, Function.STREAK}


@dataclass(frozen=True, slots=True)
class Match:
    """An event (or one line of it) that the aggregate counts; `value` of its property, None when unknown."""

    event: Event
    value: Value | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`evidence`: the events that made the value, the deciding one for FIRST, LAST, MIN and MAX."""

    value: Value | None
    evidence: tuple[Event, ...]


def aggregate(node: Aggregate, events: Events, tables: ReferenceRows, setting: Setting) -> Outcome:
    """The aggregate of a person's events, which are in order of (time, ingest_seq). Raises NumberOverflow."""
    found = _matches(node, _event_type(setting, node.event), events, tables, setting)
    if node.function in _OF_EVENTS:
        return _of_events(node, tuple(match.event for match in found), setting)
    if node.net:
        return _net(node, found, events, tables, setting)
    return _of_values(node, _known(found))


def _of_events(node: Aggregate, events: tuple[Event, ...], setting: Setting) -> Outcome:
    """What counts the events themselves."""
    days = {setting.calendar.day_of(each.time) for each in events}
    match node.function:
        case Function.COUNT:
            return Outcome(len(events) * SCALE, events)
        case Function.DAYS:
            return Outcome(len(days) * SCALE, events)
        case Function.GAP:
            return Outcome(_gap(events), events)
        case _:
            return Outcome(
                _longest_run({stretch_of(each, node.unit, setting) for each in days}) * SCALE, events
            )


def _of_values(node: Aggregate, known: list[Match]) -> Outcome:
    """What reads the events' property or time."""
    match node.function:
        case Function.SUM:
            return Outcome(values.total(_numbers(known)), _events(known))
        case Function.AVG:
            return Outcome(values.average(_numbers(known)), _events(known))
        case Function.DISTINCT:
            distinct = {match.value for match in known}
            return Outcome(len(distinct) * SCALE, _events(known))
        case Function.FIRST:
            return _one(known[:1])
        case Function.LAST:
            return _one(known[-1:])
        case Function.NTH:
            index = node.index or 1
            return _one(known[index - 1 : index])
        case Function.MIN:
            return _one(sorted(known, key=_by_value)[:1])
        case Function.MAX:
            return _one(sorted(known, key=_by_value)[-1:])
        case _:
            raise AssertionError(f"{node.function} reads no value")


def _net(
    node: Aggregate,
    paid: list[Match],
    events: Events,
    tables: ReferenceRows,
    setting: Setting,
) -> Outcome:
    """SUM minus what reverses it, each event by its own time and its own properties."""
    back: list[Match] = []
    for type_, where in reversals(node, setting.schema):
        back += _matches(replace(node, where=where), type_, events, tables, setting)
    known, given_back = _known(paid), _known(back)
    result = values.in_range(sum(_numbers(known)) - sum(_numbers(given_back)))
    evidence = sorted(_events(known + given_back), key=lambda event: (event.time, event.ingest_seq))
    return Outcome(result, tuple(evidence))


def _event_type(setting: Setting, name: str) -> EventType:
    found = setting.schema.event(name)
    if found is None:
        raise LookupError(f"no event type '{name}'; evaluate a rule checked against this schema")
    return found


def _matches(
    node: Aggregate,
    type_: EventType,
    events: Events,
    tables: ReferenceRows,
    setting: Setting,
) -> list[Match]:
    """In order of (time, ingest_seq), then of the line in its list."""
    within = interval(node.window, setting.as_of, setting.calendar)
    path = node.property.path if node.property else ("time",)
    first = type_.property(path[0])
    of_lines = first is not None and bool(first.fields) and len(path) > 1
    found = []
    for event in events:
        if event.type != type_.name or event.time not in within:
            continue
        scope = EventScope(setting, tables, type_, event)
        for each in scope.each_line(path[0]) if of_lines else [scope]:
            if node.where is None or truth(node.where, each):
                found.append(Match(event, each.read(Property(path[1:] if of_lines else path))))
    return found


def _gap(events: tuple[Event, ...]) -> int | None:
    """Mean days of 24 hours from one event to the next, half to even."""
    if len(events) < 2:
        return None
    elapsed = (events[-1].time - events[0].time) // _MICROSECOND
    return values.divide_half_even(elapsed * SCALE, (len(events) - 1) * _DAY_US)


def _longest_run(numbers: set[int]) -> int:
    """How many whole numbers follow each other, at most."""
    longest = run = 0
    before: int | None = None
    for each in sorted(numbers):
        run = run + 1 if before is not None and each == before + 1 else 1
        longest, before = max(longest, run), each
    return longest


def _known(matches: list[Match]) -> list[Match]:
    return [match for match in matches if match.value is not None]


def _one(deciding: list[Match]) -> Outcome:
    return Outcome(deciding[0].value, (deciding[0].event,)) if deciding else Outcome(None, ())


def _events(matches: list[Match]) -> tuple[Event, ...]:
    return tuple(match.event for match in matches)


def _numbers(matches: list[Match]) -> list[int]:
    return [cast(int, match.value) for match in matches]


def _by_value(match: Match) -> Any:
    return match.value
