"""Comparisons of DAYS SINCE, ELAPSED DAYS and DAY turned into a range of the date or moment itself.

A column of moments may have as many distinct values as persons; a range costs two look-ups.
"""

import datetime as dt

from pyroaring import BitMap

from rules.evaluate.meaning import Scalar
from rules.evaluate.setting import Setting
from rules.tree import Clock, Comparison
from rules.values import SCALE, Kind

from .index import Column

_DAY = dt.timedelta(days=1)
_FAR = 700_000  # days: beyond, a range's end is beyond every date


def in_days(
    column: Column, function: Clock, operation: Comparison, literal: Scalar, setting: Setting
) -> BitMap | None:
    """The persons with `function(value) op literal`; None when the column is better tested value by value."""
    if operation is Comparison.NE:
        equal = in_days(column, function, Comparison.EQ, literal, setting)
        return None if equal is None else column.known() - equal
    today = setting.today.toordinal()
    match function:
        case Clock.DAY if isinstance(literal, dt.date):
            low, high = _ends(operation, literal.toordinal() * SCALE)
            return _on_days(column, low, high, setting)
        case Clock.DAYS_SINCE if isinstance(literal, int):
            low, high = _ends(operation, literal)
            return _on_days(column, None if high is None else today - high, _minus(today, low), setting)
        case Clock.ELAPSED_DAYS if isinstance(literal, int) and column.kind is Kind.DATETIME:
            return _elapsed(column, *_ends(operation, literal), setting)
    return None


def _minus(today: int, days: int | None) -> int | None:
    return None if days is None else today - days


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


def _on_days(column: Column, low: int | None, high: int | None, setting: Setting) -> BitMap | None:
    """The persons whose value's day is from low to high (ordinals, inclusive)."""
    far_low, far_high = setting.today.toordinal() - _FAR, setting.today.toordinal() + _FAR
    low = None if low is not None and low < far_low else low
    high = None if high is not None and high > far_high else high
    if (low is not None and low > far_high) or (high is not None and high < far_low):
        return BitMap()
    first = None if low is None else dt.date.fromordinal(low)
    if column.kind is Kind.DATE:
        last = None if high is None else dt.date.fromordinal(high)
        return column.between(first, last, with_low=True, with_high=True)
    start = None if first is None else setting.calendar.midnight(first)
    end = None if high is None else setting.calendar.midnight(dt.date.fromordinal(high + 1))
    return column.between(start, end, with_low=True, with_high=False)


def _elapsed(column: Column, low: int | None, high: int | None, setting: Setting) -> BitMap:
    """`low <= whole periods of 24 hours since <= high`."""
    low = None if low is not None and low < -_FAR else low
    high = None if high is not None and high > _FAR else high
    if (low is not None and low > _FAR) or (high is not None and high < -_FAR):
        return BitMap()
    after = None if high is None else setting.as_of - (high + 1) * _DAY
    until = None if low is None else setting.as_of - low * _DAY
    return column.between(after, until, with_low=False, with_high=True)
