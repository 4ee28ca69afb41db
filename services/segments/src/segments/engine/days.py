"""Comparisons of DAYS SINCE, ELAPSED DAYS, AGE and DAY as ranges of the date or moment itself."""

import datetime as dt

from rules.evaluate import meaning
from rules.evaluate.meaning import Scalar
from rules.evaluate.setting import Setting
from rules.tree import Clock, Comparison
from rules.values import SCALE, Kind

from segments.domain.packing import code_of, days, microseconds
from segments.engine.algebra import All, Nobody, Not, Sets
from segments.engine.columns import TagColumn
from segments.engine.numbers import NO_HIGH, NO_LOW

_FIRST_DAY, _LAST_DAY = days(dt.date.min) + 1, days(dt.date.max) - 1
"""The calendar's ends; a zone may move a midnight by a day."""
_DAY_US = 86_400 * 1_000_000


def in_days(
    column: TagColumn, function: Clock, operation: Comparison, literal: Scalar, setting: Setting
) -> Sets | None:
    """Whoever has `function(value) op literal`; None when it is no range of values."""
    if operation is Comparison.NE:
        equal = in_days(column, function, Comparison.EQ, literal, setting)
        return None if equal is None else All((column.known(), Not(equal)))
    today = days(setting.today)
    match function:
        case Clock.DAY if isinstance(literal, dt.date):
            return _on_days(column, *_ends(operation, days(literal) * SCALE), setting)
        case Clock.DAYS_SINCE if isinstance(literal, int):
            low, high = _ends(operation, literal)
            return _on_days(column, _minus(today, high), _minus(today, low), setting)
        case Clock.AGE if isinstance(literal, int):
            low, high = _ends(operation, literal)
            youngest = None if low is None else _born(low, setting)
            oldest = None if high is None else _born(high + 1, setting) + 1
            return _on_days(column, oldest, youngest, setting)
        case Clock.ELAPSED_DAYS if isinstance(literal, int) and column.kind is Kind.DATETIME:
            return _elapsed(column, *_ends(operation, literal), setting)
    return None


def _minus(today: int, count: int | None) -> int | None:
    return None if count is None else today - count


def _ends(operation: Comparison, scaled: int) -> tuple[int | None, int | None]:
    """The inclusive ends of the whole numbers d with `d op scaled` (a scaled number); None = no end."""
    floor, rest = divmod(scaled, SCALE)
    ceiling = floor + (rest > 0)
    match operation:
        case Comparison.LT:
            return None, ceiling - 1
        case Comparison.LE:
            return None, floor
        case Comparison.GT:
            return floor + 1, None
        case Comparison.GE:
            return ceiling, None
        case _:
            return ceiling, floor  # crossed, so empty, when there is a fraction


def _born(age: int, setting: Setting) -> int:
    """The last day, since 1970, of those on which somebody of at least so many years was born; before all days when
    there is none. Ages fall from day to day, so the days are halved."""
    first, last = _FIRST_DAY - 1, _LAST_DAY
    while first < last:
        middle = (first + last + 1) // 2
        born = dt.date(1970, 1, 1) + dt.timedelta(days=middle)
        if meaning.age(born, setting.today) >= age:
            first = middle
        else:
            last = middle - 1
    return first


def _on_days(column: TagColumn, low: int | None, high: int | None, setting: Setting) -> Sets:
    """Whoever has a value on a day from low to high (days since 1970, both included)."""
    if column.kind is Kind.DATE:
        return column.within(NO_LOW if low is None else low, NO_HIGH if high is None else high)
    if (low is not None and low > _LAST_DAY) or (high is not None and high < _FIRST_DAY):
        return Nobody()
    first = NO_LOW if low is None or low <= _FIRST_DAY else _midnight(low, setting)
    last = NO_HIGH if high is None or high >= _LAST_DAY else _midnight(high + 1, setting) - 1
    return column.within(first, last)


def _midnight(day: int, setting: Setting) -> int:
    return microseconds(setting.calendar.midnight(dt.date(1970, 1, 1) + dt.timedelta(days=day)))


def _elapsed(column: TagColumn, low: int | None, high: int | None, setting: Setting) -> Sets:
    """`low <= whole periods of 24 hours since <= high`."""
    as_of = code_of(setting.as_of)
    first = NO_LOW if high is None else as_of - (high + 1) * _DAY_US + 1
    last = NO_HIGH if low is None else as_of - low * _DAY_US
    return column.within(first, last)
