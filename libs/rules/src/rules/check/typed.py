"""Types of values while checking, and literals read as what they are compared with."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from rules import tree as t
from rules.schema import Openness, ValueList
from rules.values import DATE, Kind, ValueType

from .findings import Findings, nearest

if TYPE_CHECKING:
    from rules.tree import Expression, Literal

LITERALS = get_args(t.Literal)


@dataclass(frozen=True, slots=True)
class Typed:
    """`values` is the list that a text (or the elements of a list) comes from, if it has one."""

    type: ValueType
    values: ValueList | None = None

    @property
    def kind(self) -> Kind:
        return self.type.kind

    @property
    def element(self) -> "Typed":
        """Of a list; of anything else, itself."""
        return Typed(ValueType(self.type.element), self.values) if self.type.element else self


def read_as(
    findings: Findings, literal: "Literal", wanted: Typed, *, listed: bool = True
) -> "Literal | None":
    """The literal as the wanted kind: a text in ISO form is a date or moment where one is wanted.

    With `listed` the text must also be of the wanted value list. None after an error.
    """
    match literal, wanted.kind:
        case (t.Text(text), Kind.DATE):
            return _date(findings, literal, text)
        case (t.Text(text), Kind.DATETIME):
            return _moment(findings, literal, text)
        case (t.Text(text), Kind.TEXT):
            if listed:
                check_listed(findings, literal, text, wanted.values)
            return literal
        case (t.Number(), Kind.NUMBER) | (t.Bool(), Kind.BOOL) | (t.Date(), Kind.DATE):
            return literal
        case (t.Moment(), Kind.DATETIME):
            return literal
    hints = {
        Kind.NUMBER: "write the number without quotes",
        Kind.TEXT: "texts go in single quotes: 'text'",
        Kind.DATE: "write a day such as 2026-01-31",
        Kind.DATETIME: "write a moment such as 2026-01-31T20:00",
        Kind.BOOL: "write TRUE or FALSE",
    }
    found = literal_type(literal)
    findings.error(literal.span, f"a {wanted.type} is needed here, not a {found}", hints.get(wanted.kind, ""))
    return None


def literal_type(literal: "Literal") -> str:
    kinds = {t.Number: "number", t.Text: "text", t.Bool: "bool", t.Date: "date", t.Moment: "datetime"}
    return kinds[type(literal)]


def check_listed(findings: Findings, node: t.Node, text: str, values: ValueList | None) -> None:
    """A closed list refuses a text it does not have, an open one warns."""
    if values is None or text in values.values:
        return
    hint = nearest(text, values.values)
    if values.openness is Openness.CLOSED:
        findings.error(node.span, f"'{text}' is not a value of this list", hint or _some(values))
    else:
        findings.warn(node.span, f"'{text}' is not known to this list so far", hint)


def day_of(node: "Expression", typed: Typed) -> tuple["Expression", Typed]:
    """A moment where a day is wanted: its day, said explicitly."""
    if typed.kind is not Kind.DATETIME:
        return node, typed
    return t.TimeFunction(t.Clock.DAY, node, span=node.span), Typed(DATE)


def _some(values: ValueList) -> str:
    shown = sorted(values.values)[:5]
    return f"for example {', '.join(shown)}" if shown else "the list is empty"


def _date(findings: Findings, literal: t.Text, text: str) -> t.Date | None:
    try:
        return t.Date(dt.date.fromisoformat(text), span=literal.span)
    except ValueError:
        findings.error(literal.span, f"'{text}' is not a day", "write a day such as 2026-01-31")
        return None


def _moment(findings: Findings, literal: t.Text, text: str) -> t.Moment | None:
    try:
        moment = dt.datetime.fromisoformat(text)
        return t.Moment(moment.astimezone(dt.UTC) if moment.tzinfo else moment, span=literal.span)
    except (ValueError, OverflowError):
        findings.error(literal.span, f"'{text}' is not a moment", "write a moment such as 2026-01-31T20:00")
        return None
