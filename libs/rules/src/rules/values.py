"""Values that rules compare, and the arithmetic that every evaluator must reproduce exactly.

Numbers are int64 scaled by 10^4; intermediates are exact; AVG and / round half to even; a result outside
int64 is an error. Text is NFKC, trimmed, compared by code point.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from .errors import NumberOverflow

SCALE = 10_000
DECIMALS = 4
INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


class Kind(Enum):
    BOOL = "bool"
    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    DATETIME = "datetime"
    LIST = "list"
    RECORDS = "list of records"


@dataclass(frozen=True, slots=True)
class ValueType:
    """`element` is the kind of a LIST's elements, None otherwise."""

    kind: Kind
    element: Kind | None = None

    def __str__(self) -> str:
        return f"list of {self.element.value}" if self.element else self.kind.value


BOOL = ValueType(Kind.BOOL)
NUMBER = ValueType(Kind.NUMBER)
TEXT = ValueType(Kind.TEXT)
DATE = ValueType(Kind.DATE)
DATETIME = ValueType(Kind.DATETIME)
RECORDS = ValueType(Kind.RECORDS)


def list_of(element: Kind) -> ValueType:
    return ValueType(Kind.LIST, element)


def normal_text(text: str) -> str:
    """NFKC, then trimmed: the only form in which text is stored and compared."""
    return unicodedata.normalize("NFKC", text).strip()


def in_range(scaled: int) -> int:
    """The number itself; NumberOverflow when it does not fit in int64."""
    if not INT64_MIN <= scaled <= INT64_MAX:
        raise NumberOverflow("the result is beyond 922,337,203,685,477.5807 in size; reduce the numbers")
    return scaled


def divide_half_even(numerator: int, denominator: int) -> int:
    """numerator / denominator rounded to the nearest integer, ties to even; denominator is not 0."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def add(left: int, right: int) -> int:
    return in_range(left + right)


def subtract(left: int, right: int) -> int:
    return in_range(left - right)


def multiply(left: int, right: int) -> int:
    """Of two scaled numbers: the product is rounded half to even back to four decimals."""
    return in_range(divide_half_even(left * right, SCALE))


def divide(left: int, right: int) -> int | None:
    """Of two scaled numbers, half to even; None (unknown) when the divisor is zero."""
    return None if right == 0 else in_range(divide_half_even(left * SCALE, right))


def total(numbers: Iterable[int]) -> int:
    """Exact sum; only the final result must fit, whatever the order."""
    return in_range(sum(numbers))


def average(numbers: Iterable[int]) -> int | None:
    """Half to even; None when there are no numbers."""
    values = list(numbers)
    return in_range(divide_half_even(sum(values), len(values))) if values else None


def scaled(text: str) -> int:
    """Decimal text such as `-12.34` to a scaled number; ValueError for more than four decimals."""
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("+-").partition(".")
    if len(fraction.rstrip("0")) > DECIMALS:
        raise ValueError("a number has at most four decimals")
    return in_range(sign * (int(whole or "0") * SCALE + int(fraction[:DECIMALS].ljust(DECIMALS, "0"))))


def decimal_text(number: int) -> str:
    """The shortest decimal text of a scaled number: 123400 -> `12.34`, -5000 -> `-0.5`."""
    whole, fraction = divmod(abs(number), SCALE)
    digits = f"{fraction:04d}".rstrip("0")
    return f"{'-' if number < 0 else ''}{whole}{'.' + digits if digits else ''}"
