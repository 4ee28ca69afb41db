"""Expressions: values of a person, an event or a line, any of which may be unknown."""

import datetime as dt
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from .node import Node, Unit
from .windows import AllTime, Window

if TYPE_CHECKING:
    from .conditions import Condition


@dataclass(frozen=True, slots=True)
class Number(Node):
    """Fixed-point: value is scaled by 10^4, so 12.34 is 123400."""

    value: int


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Normal form: NFKC, trimmed."""

    value: str


@dataclass(frozen=True, slots=True)
class Bool(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class Date(Node):
    value: dt.date


@dataclass(frozen=True, slots=True)
class Moment(Node):
    """A point in time; naive means the tenant's time zone."""

    value: dt.datetime


Literal: TypeAlias = Number | Text | Bool | Date | Moment


@dataclass(frozen=True, slots=True)
class TagRef(Node):
    """The person's value of a tag."""

    name: str


@dataclass(frozen=True, slots=True)
class Property(Node):
    """A path from the event (or line) in scope: `amount`, `items.amount`, `item_id.brand` (a join).

    `rules.schema.resolve` tells which it is.
    """

    path: tuple[str, ...]


class Function(Enum):
    COUNT = "COUNT"
    DAYS = "DAYS"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    DISTINCT = "DISTINCT"
    FIRST = "FIRST"
    LAST = "LAST"
    NTH = "NTH"
    GAP = "GAP"
    STREAK = "STREAK"


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """One function over the person's events of one type.

    property  None: the event itself (COUNT, DAYS, GAP, STREAK; for FIRST, LAST, NTH its time).
              A path through a list of records (`items.amount`) adds up lines, and `where` then filters lines.
    net       SUM only: subtract the events that reverse this type.
    index     NTH only: 1 is the first.
    unit      STREAK only: DAY, WEEK or MONTH.
    """

    function: Function
    event: str
    property: Property | None = None
    where: "Condition | None" = None
    window: Window = field(default_factory=AllTime)
    net: bool = False
    index: int | None = None
    unit: Unit | None = None


class Operator(Enum):
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """Numbers only; unknown when a side is unknown or the divisor is zero."""

    operator: Operator
    left: "Expression"
    right: "Expression"


class Clock(Enum):
    """Functions of a date or moment and as_of."""

    DAYS_SINCE = "DAYS SINCE"  # calendar days between its day and today, negative in the future
    ELAPSED_DAYS = "ELAPSED DAYS"  # whole periods of 24 hours, rounded towards minus infinity
    AGE = "AGE"  # whole years
    DAY = "DAY"  # the day of a moment in the tenant's time zone: a date


@dataclass(frozen=True, slots=True)
class TimeFunction(Node):
    function: Clock
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Feature(Node):
    """A behavioural value computed elsewhere, named by its form; only `rules.features` makes these."""

    form: str


Expression: TypeAlias = Literal | TagRef | Property | Aggregate | Arithmetic | TimeFunction | Feature
