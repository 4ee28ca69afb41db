"""Windows: the stretch of event time that an aggregate or a sequence looks at."""

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from .node import Node, Unit


class Back(Enum):
    """Which whole-day window a `Previous` stands before."""

    LAST = "LAST"
    PAST = "PAST"


class Which(Enum):
    THIS = "THIS"
    PREVIOUS = "PREVIOUS"


@dataclass(frozen=True, slots=True)
class AllTime(Node):
    """No window was written: everything up to as_of."""


@dataclass(frozen=True, slots=True)
class Last(Node):
    """`LAST n DAYS` (and longer units): today so far and the n-1 days before. n HOURS, MINUTES: rolling."""

    count: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Past(Node):
    """`PAST n DAYS` (and longer units): the n whole days before today."""

    count: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Previous(Node):
    """`PREVIOUS n DAYS`: the equal window just before the one it is compared with.

    `before` is None as parsed and set by the check from the window on the other side of the comparison;
    it can be written: `PREVIOUS 30 DAYS BEFORE PAST`. A checked rule has it always.
    """

    count: int
    unit: Unit
    before: Back | None = None


@dataclass(frozen=True, slots=True)
class Period(Node):
    """`THIS MONTH`, `PREVIOUS WEEK`, each optionally `TO DATE`; units from WEEK on."""

    which: Which
    unit: Unit
    to_date: bool = False


@dataclass(frozen=True, slots=True)
class BetweenDays(Node):
    """`BETWEEN 2026-01-01 AND 2026-01-31`: both days inclusive, in the tenant's time zone."""

    first: dt.date
    last: dt.date


@dataclass(frozen=True, slots=True)
class BetweenMoments(Node):
    """Both moments inclusive; naive means the tenant's time zone."""

    first: dt.datetime
    last: dt.datetime


@dataclass(frozen=True, slots=True)
class During(Node):
    """`DURING 'double11-2026'`: a named period of the tenant's calendar."""

    name: str


Window: TypeAlias = AllTime | Last | Past | Previous | Period | BetweenDays | BetweenMoments | During
