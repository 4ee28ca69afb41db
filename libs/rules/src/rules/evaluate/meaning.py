"""What operators mean on known values: the definitions that every evaluator reproduces."""

import datetime as dt
import operator
from collections.abc import Collection
from typing import TypeAlias

import re2  # type: ignore[import-untyped]  # it has no stubs

from rules import values
from rules.patterns import portable
from rules.tree import Clock, Comparison, Literal, Moment, Operator, Quantifier, TextOperator, Unit
from rules.values import SCALE

from .setting import Setting

Scalar: TypeAlias = bool | int | str | dt.date | dt.datetime
Value: TypeAlias = Scalar | tuple[Scalar, ...]

_ARITHMETIC = {
    Operator.ADD: values.add,
    Operator.SUBTRACT: values.subtract,
    Operator.MULTIPLY: values.multiply,
    Operator.DIVIDE: values.divide,
}
_COMPARISON = {
    Comparison.EQ: operator.eq,
    Comparison.NE: operator.ne,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
}
_DAY = dt.timedelta(days=1)
_EPOCH = dt.date(1970, 1, 1)
_DAYS_OF_A_LEAP_YEAR = 366


def literal(node: Literal, setting: Setting) -> Scalar:
    """The value a literal stands for; a naive moment is in the tenant's time zone."""
    return setting.calendar.moment(node.value) if isinstance(node, Moment) else node.value


def compare(operation: Comparison, left: Value, right: Value) -> bool:
    """Two values of one kind; Python compares text by code point, as the language wants."""
    return bool(_COMPARISON[operation](left, right))


def between(
    value: Scalar, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool
) -> bool:
    """Is the value from low to high, each with or without the end itself? None = no end; all of one kind."""
    above = low is None or _COMPARISON[Comparison.LT](low, value) or (with_low and low == value)
    below = high is None or _COMPARISON[Comparison.LT](value, high) or (with_high and value == high)
    return bool(above and below)


def arithmetic(operation: Operator, left: int, right: int) -> int | None:
    """Of scaled numbers; None is unknown. Raises NumberOverflow."""
    return _ARITHMETIC[operation](left, right)


def has(quantifier: Quantifier, elements: Collection[Scalar], wanted: Collection[Scalar]) -> bool:
    match quantifier:
        case Quantifier.ANY:
            return any(each in elements for each in wanted)
        case Quantifier.ALL:
            return all(each in elements for each in wanted)
        case Quantifier.NONE:
            return not any(each in elements for each in wanted)


def text_test(operation: TextOperator, text: str, pattern: str) -> bool:
    """MATCHES looks for the expression anywhere; RE2's time grows with the text, not with the ways to match."""
    match operation:
        case TextOperator.CONTAINS:
            return pattern in text
        case TextOperator.STARTS:
            return text.startswith(pattern)
        case TextOperator.ENDS:
            return text.endswith(pattern)
        case TextOperator.MATCHES:
            return re2.search(portable(pattern), text) is not None


def day(moment: dt.date | dt.datetime, setting: Setting) -> dt.date:
    """A date is its own day; a moment's is the tenant's."""
    return setting.calendar.day_of(moment) if isinstance(moment, dt.datetime) else moment


def clock(function: Clock, operand: dt.date | dt.datetime, setting: Setting) -> int | dt.date:
    """The functions of a date or moment and as_of; numbers are scaled. A date stands for its midnight."""
    match function:
        case Clock.DAY:
            return day(operand, setting)
        case Clock.DAYS_SINCE:
            return (setting.today - day(operand, setting)).days * SCALE
        case Clock.ELAPSED_DAYS:
            start = operand if isinstance(operand, dt.datetime) else setting.calendar.midnight(operand)
            return (setting.as_of - start) // _DAY * SCALE
        case Clock.AGE:
            return age(day(operand, setting), setting.today) * SCALE


def stretch_of(on: dt.date, unit: Unit | None, setting: Setting) -> int:
    """The number of the day, of the tenant's week or of the month that a day is in: those that follow each other differ
    by 1. STREAK counts them."""
    match unit:
        case Unit.WEEK:  # 1970-01-01 was a Thursday
            return ((on - _EPOCH).days + 4 - setting.calendar.week_start) // 7
        case Unit.MONTH:
            return on.year * 12 + on.month
        case _:
            return (on - _EPOCH).days


def age(birth: dt.date, today: dt.date) -> int:
    """Whole years; someone born on 29 February is a year older on the 28th in common years."""
    birthday = (birth.month, birth.day)
    if birthday == (2, 29) and not is_leap(today.year):
        birthday = (2, 28)
    return today.year - birth.year - ((today.month, today.day) < birthday)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def anniversary_days(today: dt.date, days: int, *, ahead: bool) -> frozenset[str]:
    """The `MM-DD` whose anniversary is one of `days` days: today and those after, or those before."""
    step = 1 if ahead else -1
    found = set()
    for offset in range(min(days, _DAYS_OF_A_LEAP_YEAR)):
        each = today + dt.timedelta(days=step * offset)
        found.add(f"{each:%m-%d}")
        if (each.month, each.day) == (2, 28) and not is_leap(each.year):
            found.add("02-29")
    return frozenset(found)


def month_day(value: str | dt.date | dt.datetime, setting: Setting) -> str:
    """`MM-DD` of a date or a moment's day; a text is one already (one that is no day matches no day)."""
    return value if isinstance(value, str) else f"{day(value, setting):%m-%d}"
