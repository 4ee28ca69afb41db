"""Conditions: true or false, never unknown."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from .expressions import Expression, Literal, Property
from .node import Node, Unit
from .windows import AllTime, Window


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """`TRUE` or `FALSE` as a condition."""

    value: bool


@dataclass(frozen=True, slots=True)
class And(Node):
    """Two operands or more."""

    operands: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Or(Node):
    """Two operands or more."""

    operands: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not(Node):
    """The complement: within the population, or among the events or lines in scope."""

    operand: "Condition"


class Comparison(Enum):
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """False when a side is unknown, whatever the operator."""

    operator: Comparison
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Between(Node):
    """low <= operand <= high; false when one is unknown."""

    operand: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True)
class In(Node):
    """The operand (one value, not a list) is one of the values."""

    operand: Expression
    values: tuple[Literal, ...]


class Quantifier(Enum):
    ANY = "ANY"
    ALL = "ALL"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Has(Node):
    """The operand is a list that has any, all or none of the values. An unknown list: false."""

    operand: Expression
    quantifier: Quantifier
    values: tuple[Literal, ...]


class TextOperator(Enum):
    CONTAINS = "CONTAINS"
    STARTS = "STARTS"
    ENDS = "ENDS"
    MATCHES = "MATCHES"


@dataclass(frozen=True, slots=True)
class TextTest(Node):
    """`pattern` is in normal form, except that MATCHES keeps its expression as written."""

    operator: TextOperator
    operand: Expression
    pattern: str


@dataclass(frozen=True, slots=True)
class Under(Node):
    """The operand, or one element of it when it is a list, is `value` or below it in the operand's tree."""

    operand: Expression
    value: str


@dataclass(frozen=True, slots=True)
class IsKnown(Node):
    """`IS KNOWN`, or `IS UNKNOWN` when `known` is False."""

    operand: Expression
    known: bool = True


@dataclass(frozen=True, slots=True)
class Anniversary(Node):
    """`birthday ANNIVERSARY WITHIN NEXT n DAYS`: today and the n-1 days after; LAST: and the n-1 before.

    The operand is a date, a moment (its day) or a text 'MM-DD'; 29 February counts on 28 in common years.
    """

    operand: Expression
    days: int
    ahead: bool = True


@dataclass(frozen=True, slots=True)
class AnyLine(Node):
    """`ANY(items, ...)`: at least one line of the event's list of records satisfies the condition."""

    list: str
    condition: "Condition"


@dataclass(frozen=True, slots=True)
class InSegment(Node):
    name: str


@dataclass(frozen=True, slots=True)
class EventFilter(Node):
    event: str
    where: "Condition | None" = None


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One step of a sequence; `without` is forbidden between the step before and this one."""

    match: EventFilter
    without: tuple[EventFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Duration(Node):
    """MINUTE, HOUR and DAY (24 hours) only."""

    count: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """Steps in order by (event time, ingest sequence); `within` bounds first to last, inclusive.

    `by`: properties that have the same value in every step (lists: share an element).
    """

    steps: tuple[Step, ...]
    by: tuple[Property, ...] = ()
    within: Duration | None = None
    window: Window = field(default_factory=AllTime)


Condition: TypeAlias = (
    Constant
    | And
    | Or
    | Not
    | Compare
    | Between
    | In
    | Has
    | TextTest
    | Under
    | IsKnown
    | Anniversary
    | AnyLine
    | InSegment
    | Sequence
)
