"""What is typical of a class of persons: the most frequent value or the median of each tag."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

import numpy as np
from rules.evaluate.meaning import Scalar
from rules.values import Kind

from .columns import Bools, Ints, Shape, Vector, code_scalar, scalar_code

_ORDERED = frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME})


class Typical(IntEnum):
    """The numbers are those of huaxiang.tagging.v1.TypicalKind."""

    MOST_FREQUENT = 1
    MEDIAN = 2


@dataclass(frozen=True, slots=True)
class TypicalValue:
    """`known_count` members have a value of the tag, `same_count` this very one (0 for a median)."""

    tag_id: str
    value: Scalar
    kind: Typical
    known_count: int
    same_count: int = 0


@dataclass(frozen=True, slots=True)
class ClassProfile:
    """`values` in the order of the template, without tags that no member has a value of.

    made_for  the digest of the class and the tags that it was made for (`class_digest`)
    """

    made_for: str
    run_id: str
    as_of: dt.datetime
    member_count: int
    values: tuple[TypicalValue, ...]


def typical_value(
    tag_id: str, shape: Shape, persons: Ints, values: Vector, members: Ints
) -> TypicalValue | None:
    """Of one column: `persons` ascending with their known values, `members` of the class. None when no member has one.

    Of equally frequent values the first in order; of two middle ones the lower.
    """
    mine = values.data[np.isin(persons, members, assume_unique=True)]
    if not len(mine):
        return None
    if shape.base in _ORDERED and not shape.multi_valued:
        codes = np.sort(mine.astype(np.int64))
        middle = int(codes[(len(codes) - 1) // 2])
        return TypicalValue(tag_id, code_scalar(shape.base)(middle), Typical.MEDIAN, len(mine))
    listed: Iterable[Scalar] = chain.from_iterable(mine.tolist()) if shape.multi_valued else mine.tolist()
    counts = Counter(listed)
    most = max(counts.values())
    value = min(each for each, count in counts.items() if count == most)
    if shape.base is Kind.BOOL:
        value = bool(value)
    return TypicalValue(tag_id, value, Typical.MOST_FREQUENT, len(mine), most)


def holding(values: Vector, shape: Shape, wanted: Scalar) -> Bools:
    """Where a known value is this one, or holds it among others."""
    data = values.data.tolist()
    if shape.multi_valued:
        found = [wanted in each for each in data]
    elif shape.base is Kind.TEXT:
        found = [each == wanted for each in data]
    else:
        code = scalar_code(shape.base)(wanted)
        found = [each == code for each in data]
    return values.known & np.array(found, np.bool_)
