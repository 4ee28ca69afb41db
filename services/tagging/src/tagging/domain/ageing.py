"""When a value changes although nothing happens: at midnight, or at a moment that an event's time decides."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rules import tree as t
from rules.values import Kind
from rules.walk import children, walk
from rules.windows import ROLLING, CalendarSettings

from .columns import Ints, Vector, day_of, microseconds

ELAPSED_DAY = dt.timedelta(days=1)
_MICROSECOND = dt.timedelta(microseconds=1)
DAY_FUNCTIONS = (t.Clock.DAYS_SINCE, t.Clock.AGE)
NEVER = np.iinfo(np.int64).max


class AgesUnseen(ValueError):
    """A form moves with the clock in a way that no trigger foresees; only runs can compute it."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """The value may change `after` the moment that `question` gives, and again every `after` if it repeats.

    question  a date or moment of the person; unknown = never
    """

    question: t.Expression
    kind: Kind
    after: dt.timedelta
    repeats: bool = False


def turns_at_midnight(node: t.Node) -> bool:
    """Whether a rule or form may change when the tenant's day rolls."""
    for each in walk(node):
        match each:
            case t.Last(_, unit) | t.Previous(_, unit) if unit not in ROLLING:
                return True
            case t.Past() | t.Period() | t.Anniversary():
                return True
            case t.TimeFunction(function, _) if function in DAY_FUNCTIONS:
                return True
            case t.Grouped(half_life_days=int()):
                return True
    return False


def triggers(node: t.Node, kind_of: dict[t.Expression, Kind]) -> list[Trigger]:
    """What makes a checked rule or form change between midnights. `kind_of` gives the kind of the operand of
    each ELAPSED DAYS (see `elapsed_operands`). Raises AgesUnseen."""
    found: list[Trigger] = []
    for each in walk(node):
        match each:
            case t.Aggregate(net=True, window=t.Last(unit=unit) | t.Previous(unit=unit)) if unit in ROLLING:
                raise AgesUnseen("NET over hours or minutes moves with the refunds' times: use update run")
            case t.Aggregate(where=t.Node() as where) | t.EventFilter(where=t.Node() as where) if (
                _has_elapsed(where)
            ):
                raise AgesUnseen("ELAPSED DAYS inside WHERE moves with the clock: use update run")
            case t.Aggregate():
                found += _of_window(each.window, [each.event], [each.event])
            case t.Sequence():
                steps = [step.match.event for step in each.steps]
                found += _of_window(each.window, steps, steps[:1])
            case t.Period(t.Which.PREVIOUS, _, True):
                raise AgesUnseen("PREVIOUS ... TO DATE moves with the clock: use update run")
            case t.TimeFunction(t.Clock.ELAPSED_DAYS, operand) if operand in kind_of:
                found.append(Trigger(operand, kind_of[operand], ELAPSED_DAY, repeats=True))
    return list(dict.fromkeys(found))


def _of_window(window: t.Window, entering: Sequence[str], leaving: Sequence[str]) -> Iterator[Trigger]:
    """What makes a rolling window change: events of some types leave it, and others enter one that ends earlier. Of a
    match its first step leaves first; what enters last is a step, too."""
    match window:
        case t.Last(count, unit) if unit in ROLLING:
            length = count * ROLLING[unit]
            yield from (Trigger(_first(each, window), Kind.DATETIME, length) for each in leaving)
        case t.Previous(count, unit) if unit in ROLLING:
            length = count * ROLLING[unit]
            since = t.Last(count, unit)
            yield from (Trigger(_first(each, since), Kind.DATETIME, length) for each in entering)
            yield from (Trigger(_first(each, window), Kind.DATETIME, 2 * length) for each in leaving)


def _first(event: str, window: t.Window) -> t.Aggregate:
    return t.Aggregate(t.Function.FIRST, event, window=window)


def elapsed_operands(node: t.Node) -> Iterator[t.Expression]:
    """What ELAPSED DAYS is asked of, outside WHERE."""
    if isinstance(node, t.Aggregate | t.Sequence):
        return
    if isinstance(node, t.TimeFunction) and node.function is t.Clock.ELAPSED_DAYS:
        yield node.operand
    for each in children(node):
        yield from elapsed_operands(each)


def _has_elapsed(condition: t.Node) -> bool:
    return any(
        isinstance(each, t.TimeFunction) and each.function is t.Clock.ELAPSED_DAYS for each in walk(condition)
    )


def due_times(trigger: Trigger, moments: Vector, as_of: dt.datetime, calendar: CalendarSettings) -> Ints:
    """When each person's value may change next, in microseconds after as_of; NEVER for who has no moment."""
    at = moments.data.astype(np.int64)
    if trigger.kind is Kind.DATE:
        at = np.array([microseconds(calendar.midnight(day_of(each))) for each in at.tolist()], np.int64)
    step = trigger.after // _MICROSECOND
    now = microseconds(as_of)
    due = at + ((now - at) // step + 1) * step if trigger.repeats else at + step
    found: Ints = np.where(moments.known, np.maximum(due, now + 1), NEVER)
    return found
