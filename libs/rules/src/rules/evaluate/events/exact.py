"""Arithmetic on arrays of scaled numbers: int64 where it is certain to fit, Python's own integers beyond.

Only known slots count: elsewhere nothing overflows and nothing is divided by.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rules.errors import NumberOverflow
from rules.tree import Operator
from rules.values import INT64_MAX, INT64_MIN, SCALE, Kind

from .columns import Bools, Column, Ints, Numbers

_SAFE = 2**62


def calculate(operator: Operator, left: Column, right: Column) -> Column:
    """Of two number columns. Raises NumberOverflow."""
    known = left.known & right.known
    size = len(known)
    one = np.where(known, left.data, 0)
    other = np.where(known, right.data, 0)
    if operator is Operator.DIVIDE:
        known = known & (other != 0)
        other = np.where(known, other, 1)
    largest, second = _largest(one), _largest(other)
    steps: dict[Operator, tuple[int, Callable[[Numbers, Numbers], Numbers]]] = {
        Operator.ADD: (largest + second, np.add),
        Operator.SUBTRACT: (largest + second, np.subtract),
        Operator.MULTIPLY: (2 * largest * max(second, 1), lambda a, b: half_even(a * b, SCALE)),
        Operator.DIVIDE: (2 * largest * SCALE + 2 * second, lambda a, b: half_even(a * SCALE, b)),
    }
    bound, way = steps[operator]
    if bound < _SAFE:
        found: Numbers = way(one.astype(np.int64), other.astype(np.int64))
    else:
        found = fitting(way(one.astype(object), other.astype(object)))
    return Column(Kind.NUMBER, known, np.broadcast_to(found, size))


def half_even(numerators: Numbers, denominators: Any) -> Numbers:
    """Divides, ties to even; no denominator is 0."""
    below = np.asarray(denominators) < 0
    if below.any():
        sign = np.where(below, -1, 1)
        numerators, denominators = numerators * sign, denominators * sign
    quotients = numerators // denominators
    twice = 2 * (numerators - quotients * denominators)
    up = (twice > denominators) | ((twice == denominators) & (quotients & 1 == 1))
    found: Numbers = quotients + up.astype(np.int64)
    return found


def fitting(numbers: Numbers) -> Ints:
    """The same numbers as int64. Raises NumberOverflow."""
    if (
        numbers.dtype == object
        and len(numbers)
        and (min(numbers.tolist()) < INT64_MIN or max(numbers.tolist()) > INT64_MAX)
    ):
        raise NumberOverflow("a number is beyond 922,337,203,685,477.5807 in size")
    return numbers.astype(np.int64)


def sums(owners: Numbers, values: Numbers, count: int) -> Numbers:
    """The sum of each person's values, exact: of Python's integers when int64 might not hold them.

    owners: ascending.
    """
    found = np.zeros(count, np.int64)
    if not len(values):
        return found
    starts = run_starts(owners)
    lengths = np.diff(np.append(starts, len(owners)))
    wide = values if _largest(values) * int(lengths.max()) < _SAFE else values.astype(object)
    if wide.dtype == object:
        found = found.astype(object)
    found[owners[starts]] = np.add.reduceat(wide, starts)
    return found


def run_starts(owners: Numbers) -> Ints:
    """Where each stretch of equal owners begins; owners of at least one row."""
    found: Ints = np.flatnonzero(run_flags(owners))
    return found


def run_flags(owners: Numbers) -> Bools:
    """Whether a row begins a stretch."""
    flags = np.ones(len(owners), np.bool_)
    np.not_equal(owners[1:], owners[:-1], out=flags[1:])
    return flags


def _largest(numbers: Numbers) -> int:
    return max(abs(int(numbers.max())), abs(int(numbers.min()))) if len(numbers) else 0
