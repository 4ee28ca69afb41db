"""What would turn a condition round, in the cases where one sentence says it truly.

A count or sum compared with a constant: how much more it takes, and until which day that is enough while
events age out of the window; or the day on which ageing alone turns it. DAYS SINCE: the day. A number tag:
how much more or less. A sequence of which the last step alone is missing: that step, and until when.
"""

import datetime as dt
from typing import TYPE_CHECKING

from rules.evaluate import meaning
from rules.tree import (
    Aggregate,
    AllTime,
    Clock,
    Compare,
    Comparison,
    Condition,
    Expression,
    Function,
    Last,
    Number,
    Period,
    Sequence,
    TagRef,
    TimeFunction,
    Which,
)
from rules.values import SCALE, decimal_text
from rules.windows import ROLLING, TICK, back, first_day, length_of

from .interpreter import value

if TYPE_CHECKING:
    from .evaluator import PersonScope

_FLOOR = {Comparison.GE, Comparison.GT}  # true from the constant on upwards
_CEILING = {Comparison.LT, Comparison.LE}
_FLIPPED = {
    Comparison.LT: Comparison.GT,
    Comparison.LE: Comparison.GE,
    Comparison.GT: Comparison.LT,
    Comparison.GE: Comparison.LE,
}
_GROWING = {Function.COUNT, Function.DAYS, Function.SUM}


def would_flip(node: Condition, scope: "PersonScope") -> str:
    """One sentence, "" where none is simple and true."""
    if isinstance(node, Sequence):
        return _last_step(node, scope)
    if not isinstance(node, Compare):
        return ""
    operation, left, right = node.operator, node.left, node.right
    if isinstance(left, Number):
        operation, left, right = _FLIPPED.get(operation, operation), right, left
    if not isinstance(right, Number) or operation not in _FLOOR | _CEILING:
        return ""
    known = value(left, scope)
    if not isinstance(known, int):
        return ""
    # The least value for which `left` is on the upper side of the constant.
    upper = right.value + (operation in {Comparison.GT, Comparison.LE})
    match left:
        case Aggregate() if left.function in _GROWING and not left.net:
            return _growing(left, known, upper, scope)
        case TimeFunction(function=Clock.DAYS_SINCE):
            if known < upper:
                return _on_day(left, upper, scope)
            event = _latest(left.operand)
            return f"a new {event}" if event and upper > 0 else ""
        case TagRef():
            return _amount(upper - known)
    return ""


def _amount(difference: int) -> str:
    """`difference` lifts the value to the upper side; a value that is there falls below it."""
    more = difference > 0
    return f"{decimal_text(difference if more else 1 - difference)} {'more' if more else 'less'}"


def _growing(node: Aggregate, known: int, upper: int, scope: "PersonScope") -> str:
    if known >= upper:
        day = _ages_out(node, upper, scope)
        return f"no further {node.event} until {day}" if day else ""
    missing = upper - known
    if node.function is Function.SUM:
        said = f"{decimal_text(missing)} more of {node.event}"
    else:
        units = -(-missing // SCALE)
        days = f"day{'s' if units > 1 else ''} with " if node.function is Function.DAYS else ""
        said = f"{units} more {days}{node.event}"
    leaves = _leaving(node, scope)
    return f"{said} by {leaves[0] - dt.timedelta(days=1)}" if leaves else said


def _leaving(node: Aggregate, scope: "PersonScope") -> list[dt.date]:
    """The days on which the events now counted leave a window of LAST n days or longer units, in order."""
    window = node.window
    if not isinstance(window, Last) or window.unit in ROLLING:
        return []
    days = {scope.setting.calendar.day_of(each.time) for each in scope.outcome(node).evidence}
    return sorted(_first_day_without(each, window, scope) for each in days)


def _first_day_without(day: dt.date, window: Last, scope: "PersonScope") -> dt.date:
    """The first today whose window no longer holds the day. Months clamp, so this is looked for."""
    today = scope.setting.today
    one = dt.timedelta(days=1)
    while back(today + one, window.count, window.unit) <= day:
        today += one
    return today


def _ages_out(node: Aggregate, upper: int, scope: "PersonScope") -> dt.date | None:
    """The day on which the value falls below `upper` when nothing is added; None when it does not."""
    for day in _leaving(node, scope):
        later = scope.at(scope.setting.calendar.midnight(day))
        then = value(node, later)
        if not isinstance(then, int) or then < upper:
            return day
    return None


def _on_day(node: TimeFunction, upper: int, scope: "PersonScope") -> str:
    operand = value(node.operand, scope)
    if not isinstance(operand, dt.date):
        return ""
    try:
        day = meaning.day(operand, scope.setting) + dt.timedelta(days=-(-upper // SCALE))
    except OverflowError:
        return ""
    event = _latest(node.operand)
    return f"{day} without another {event}" if event else str(day)


def _latest(operand: Expression) -> str:
    """The event type whose last moment the operand is, "" for anything else."""
    is_latest = isinstance(operand, Aggregate) and operand.function is Function.LAST and not operand.property
    return operand.event if is_latest and isinstance(operand, Aggregate) else ""


def _last_step(node: Sequence, scope: "PersonScope") -> str:
    """The step that is missing, in the tenant's time, where all before it are there and a new event may be it."""
    found = scope.sequence(node)
    if found.whole or found.open is None or len(found.open.events) + 1 < len(node.steps):
        return ""
    ends = _ends(node, found.open.events[0].time, scope)
    if ends is None:
        return ""
    same = f" with the same {', '.join('.'.join(each.path) for each in node.by)}" if node.by else ""
    said = f"a new {node.steps[-1].match.event}{same}"
    if not ends:
        return said
    until = min(ends).astimezone(scope.setting.calendar.zone).replace(second=0, microsecond=0)
    return f"{said} by {until:%Y-%m-%d %H:%M}" if until >= scope.setting.as_of else ""


def _ends(node: Sequence, start: dt.datetime, scope: "PersonScope") -> list[dt.datetime] | None:
    """Until when, inclusive, an event may follow what began at `start`; None where the window is not open."""
    calendar = scope.setting.calendar
    ends = [start + length_of(node.within)] if node.within else []
    match node.window:
        case AllTime():
            return ends
        case Last(count, unit) if unit in ROLLING:
            return [*ends, start + count * ROLLING[unit] - TICK]
        case Last() as window:
            day = _first_day_without(calendar.day_of(start), window, scope)
            return [*ends, calendar.midnight(day) - TICK]
        case Period(Which.THIS, unit):
            after = back(first_day(scope.setting.today, unit, calendar), -1, unit)
            return [*ends, calendar.midnight(after) - TICK]
    return None
