"""From lark's parse tree to the syntax tree: literals are read, sugar is resolved, sides are told apart."""

import datetime as dt
from typing import Any, get_args

from lark import Token, Tree
from lark.tree import Meta

from . import tree as t
from .errors import NumberOverflow, RuleSyntaxError, problem
from .tree import Span
from .values import SCALE, normal_text, scaled

EXPRESSIONS = get_args(t.Expression)
CONDITIONS = get_args(t.Condition)
SETS = get_args(t.SetExpression)
ONE = t.Number(SCALE)
MAX_DIGITS = 20
"""Of a whole number: more than any limit has. Other numbers may have as many behind the point."""


def span_of(part: Token | Meta) -> Span:
    start = part.start_pos or 0
    return Span(start, part.end_pos or start)


class Builder:
    """One method per grammar rule (or alias), given the span and the built children; None = left out."""

    def __init__(self, text: str) -> None:
        self._text = text

    def build(self, part: Any) -> Any:
        if not isinstance(part, Tree):
            return part
        span = Span(0, 0) if part.meta.empty else span_of(part.meta)
        return getattr(self, part.data)(span, *[self.build(child) for child in part.children])

    def error(self, span: Span, message: str, hint: str = "") -> RuleSyntaxError:
        return RuleSyntaxError(problem(self._text, span, message, hint))

    # -- whole rules

    def rule(self, _span: Span, body: t.Node, *steps: Any) -> t.Rule:
        whole = Span(0, len(self._text))
        return t.Rule(body if isinstance(body, SETS) else self.condition(body), steps, span=whole)

    def form(self, _span: Span, body: t.Node) -> t.Node:
        return body

    def limit(
        self, span: Span, number: Token, percent: Token | None, by: Token, order: Token | None
    ) -> t.Limit:
        tag = self.tag(span_of(by), by)
        descending = order is not None and order.upper() == "DESC"
        if percent:
            return t.Limit(tag, percent=self._number(number), descending=descending, span=span)
        return t.Limit(tag, count=self._whole(number), descending=descending, span=span)

    def sample(self, span: Span, number: Token, _percent: Token, seed: Token) -> t.Sample:
        return t.Sample(self._number(number), self._string(seed), span=span)

    def union_or_except(self, span: Span, first: t.Node, *rest: Any) -> t.SetExpression:
        result: t.SetExpression = self.members(first)
        joined: list[Any] = [result]
        for operator, right in zip(rest[::2], rest[1::2], strict=True):
            reach = Span(span.start, right.span.end)
            if operator.type == "UNION":
                joined.append(self.members(right))
                result = t.Union(tuple(joined), span=reach)
            else:
                result = t.Except(result, self.members(right), span=reach)
                joined = [result]
        return result

    def intersect(self, span: Span, *operands: t.Node) -> t.Intersect:
        return t.Intersect(tuple(self.members(each) for each in operands), span=span)

    def segment(self, span: Span, name: Token) -> t.SegmentMembers:
        return t.SegmentMembers(self._string(name), span=span)

    # -- telling values, conditions and sets apart

    def value(self, node: t.Node) -> Any:
        if isinstance(node, EXPRESSIONS):
            return node
        raise self.error(node.span, "a value is needed here, this is true or false by itself")

    def condition(self, node: t.Node) -> Any:
        """A bare bool constant, tag or property becomes a condition."""
        match node:
            case t.Bool(value):
                return t.Constant(value, span=node.span)
            case t.TagRef() | t.Property():
                return t.Compare(t.Comparison.EQ, node, t.Bool(True, span=node.span), span=node.span)
        if isinstance(node, CONDITIONS):
            return node
        if isinstance(node, SETS):
            raise self.error(
                node.span, "a set of segments cannot be combined with conditions", "write IN SEGMENT 'name'"
            )
        raise self.error(node.span, "a condition is needed here", "compare the value, for example with >= 1")

    def members(self, node: t.Node) -> Any:
        if isinstance(node, SETS):
            return node
        raise self.error(node.span, "UNION, INTERSECT and EXCEPT combine segments", "write SEGMENT 'name'")

    # -- conditions

    def or_(self, span: Span, *operands: t.Node) -> t.Or:
        return t.Or(tuple(self.condition(each) for each in operands), span=span)

    def and_(self, span: Span, *operands: t.Node) -> t.And:
        return t.And(tuple(self.condition(each) for each in operands), span=span)

    def not_(self, span: Span, operand: t.Node) -> t.Not:
        return t.Not(self.condition(operand), span=span)

    def compare(self, span: Span, left: t.Node, operator: Token, right: t.Node) -> t.Compare:
        return t.Compare(t.Comparison(operator.value), self.value(left), self.value(right), span=span)

    def between(self, span: Span, operand: t.Node, low: t.Node, high: t.Node) -> t.Between:
        return t.Between(self.value(operand), self.value(low), self.value(high), span=span)

    def in_(self, span: Span, operand: t.Node, *values: Any) -> t.In:
        return t.In(self.value(operand), values, span=span)

    def has(self, span: Span, operand: t.Node, quantifier: Token, *values: Any) -> t.Has:
        return t.Has(self.value(operand), t.Quantifier(quantifier.upper()), values, span=span)

    def text_test(self, span: Span, operand: t.Node, operator: Token, pattern: Token) -> t.TextTest:
        kind = t.TextOperator(operator.upper())
        raw = self._unquoted(pattern)
        return t.TextTest(
            kind,
            self.value(operand),
            raw if kind is t.TextOperator.MATCHES else normal_text(raw),
            span=span,
        )

    def under(self, span: Span, operand: t.Node, value: Token) -> t.Under:
        return t.Under(self.value(operand), self._string(value), span=span)

    def is_known(self, span: Span, operand: t.Node, known: Token) -> t.IsKnown:
        return t.IsKnown(self.value(operand), known.upper() == "KNOWN", span=span)

    def anniversary(self, span: Span, operand: t.Node, direction: Token, days: Token) -> t.Anniversary:
        return t.Anniversary(self.value(operand), self._whole(days), direction.upper() == "NEXT", span=span)

    def did(self, span: Span, _did: Token, event: Any, window: Any) -> t.Compare:
        chosen = event if isinstance(event, t.EventFilter) else self.event_filter(span_of(event), event, None)
        counted = t.Aggregate(
            t.Function.COUNT, chosen.event, where=chosen.where, window=window or t.AllTime(), span=span
        )
        return t.Compare(t.Comparison.GE, counted, ONE, span=span)

    def in_segment(self, span: Span, name: Token) -> t.InSegment:
        return t.InSegment(self._string(name), span=span)

    def any_line(self, span: Span, name: Token, condition: t.Node) -> t.AnyLine:
        return t.AnyLine(self._simple(name, "a list"), self.condition(condition), span=span)

    def sequence(self, span: Span, first: t.EventFilter, *rest: Any) -> t.Sequence:
        *followers, by, within, window = rest
        return t.Sequence(
            (t.Step(first, span=first.span), *followers), by or (), within, window or t.AllTime(), span=span
        )

    def follower(self, span: Span, match: t.EventFilter, *without: t.EventFilter) -> t.Step:
        return t.Step(match, without, span=span)

    def by(self, _span: Span, *paths: Token) -> tuple[t.Property, ...]:
        return tuple(self.property(span_of(path), path) for path in paths)

    def within(self, span: Span, count: Token, unit: Token) -> t.Duration:
        return t.Duration(self._whole(count), self._unit(unit), span=span)

    def event_filter(self, span: Span, event: Token, where: Any) -> t.EventFilter:
        return t.EventFilter(self._simple(event, "an event"), where, span=span)

    def where(self, _span: Span, condition: t.Node) -> Any:
        return self.condition(condition)

    # -- values

    def arithmetic(self, span: Span, left: t.Node, operator: Token, right: t.Node) -> t.Arithmetic:
        return t.Arithmetic(t.Operator(operator.value), self.value(left), self.value(right), span=span)

    def minus(self, span: Span, _minus: Token, operand: t.Node) -> t.Number | t.Arithmetic:
        if isinstance(operand, t.Number):
            return t.Number(-operand.value, span=span)
        return t.Arithmetic(t.Operator.SUBTRACT, t.Number(0, span=span), self.value(operand), span=span)

    def minus_number(self, span: Span, _minus: Token, number: Token) -> t.Number:
        return t.Number(-self._number(number), span=span)

    def literal(self, span: Span, token: Token) -> Any:
        match token.type:
            case "NUMBER":
                return t.Number(self._number(token), span=span)
            case "STRING":
                return t.Text(self._string(token), span=span)
            case "BOOLEAN":
                return t.Bool(token.upper() == "TRUE", span=span)
            case "DATE":
                return t.Date(self._date(token), span=span)
        return t.Moment(self._moment(token), span=span)

    def tag(self, span: Span, name: Token) -> t.TagRef:
        return t.TagRef(self._simple(name, "a tag"), span=span)

    def property(self, span: Span, path: Token) -> t.Property:
        return t.Property(tuple(path.split(".")), span=span)

    def time_function(self, span: Span, function: Token, operand: t.Node) -> t.TimeFunction:
        name = " ".join(function.upper().split())
        return t.TimeFunction(t.Clock(name), self.value(operand), span=span)

    def aggregate(
        self, span: Span, function: Token, path: Token, net: Token | None, where: Any, window: Any
    ) -> t.Aggregate:
        event, read = self._event_path(path)
        return t.Aggregate(
            t.Function(function.upper()), event, read, where, window or t.AllTime(), bool(net), span=span
        )

    def grouped(
        self, span: Span, function: Token, path: Token, where: Any, by: Token, decay: Any, window: Any
    ) -> t.Grouped:
        event, read = self._event_path(path)
        aggregate = t.Aggregate(
            t.Function(function.upper()), event, read, where, window or t.AllTime(), span=span
        )
        return t.Grouped(aggregate, self.property(span_of(by), by), decay, span=span)

    def decay(self, _span: Span, days: Token) -> int:
        return self._whole(days)

    def nth(self, span: Span, _nth: Token, index: Token, path: Token, where: Any, window: Any) -> t.Aggregate:
        event, read = self._event_path(path)
        index_number = self._whole(index)
        return t.Aggregate(
            t.Function.NTH, event, read, where, window or t.AllTime(), index=index_number, span=span
        )

    def streak(
        self, span: Span, _streak: Token, path: Token, where: Any, unit: Token | None, window: Any
    ) -> t.Aggregate:
        event, read = self._event_path(path)
        each = self._unit(unit) if unit else t.Unit.DAY
        return t.Aggregate(t.Function.STREAK, event, read, where, window or t.AllTime(), unit=each, span=span)

    # -- windows

    def last(self, span: Span, _last: Token, count: Token, unit: Token) -> t.Last:
        return t.Last(self._whole(count), self._unit(unit), span=span)

    def past(self, span: Span, _past: Token, count: Token, unit: Token) -> t.Past:
        return t.Past(self._whole(count), self._unit(unit), span=span)

    def previous(
        self, span: Span, _previous: Token, count: Token, unit: Token, back: Token | None
    ) -> t.Previous:
        before = t.Back(back.upper()) if back else None
        return t.Previous(self._whole(count), self._unit(unit), before, span=span)

    def period(self, span: Span, which: Token, unit: Token, to_date: Token | None) -> t.Period:
        return t.Period(t.Which(which.upper()), self._unit(unit), bool(to_date), span=span)

    def between_days(self, span: Span, first: Token, last: Token) -> t.BetweenDays:
        return t.BetweenDays(self._date(first), self._date(last), span=span)

    def between_moments(self, span: Span, first: Token, last: Token) -> t.BetweenMoments:
        return t.BetweenMoments(self._moment(first), self._moment(last), span=span)

    def during(self, span: Span, name: Token) -> t.During:
        return t.During(self._string(name), span=span)

    # -- tokens

    def _event_path(self, path: Token) -> tuple[str, t.Property | None]:
        event, *rest = path.split(".")
        if not rest:
            return event, None
        place = span_of(path)
        return event, t.Property(tuple(rest), span=Span(place.start + len(event) + 1, place.end))

    def _simple(self, name: Token, what: str) -> str:
        if "." in name:
            raise self.error(span_of(name), f"{what} has no dot in its name, but '{name}' has")
        return str(name)

    def _unit(self, unit: Token) -> t.Unit:
        return t.Unit(unit.upper().rstrip("S"))

    def _number(self, token: Token) -> int:
        if len(token) > 2 * MAX_DIGITS:
            raise self.error(span_of(token), "the number has too many digits")
        try:
            return scaled(token)
        except ValueError as error:
            raise self.error(span_of(token), str(error), "round it") from error
        except NumberOverflow as error:
            raise self.error(span_of(token), str(error)) from error

    def _whole(self, token: Token) -> int:
        if "." in token:
            raise self.error(span_of(token), f"a whole number is needed here, not {token}")
        if len(token) > MAX_DIGITS:
            raise self.error(span_of(token), f"a number here has at most {MAX_DIGITS} digits")
        return int(token)

    def _unquoted(self, token: Token) -> str:
        return token[1:-1].replace("''", "'")

    def _string(self, token: Token) -> str:
        return normal_text(self._unquoted(token))

    def _date(self, token: Token) -> dt.date:
        try:
            return dt.date.fromisoformat(token)
        except ValueError as error:
            raise self.error(span_of(token), f"{token} is not a day of the calendar") from error

    def _moment(self, token: Token) -> dt.datetime:
        """Aware moments in UTC, so that equal moments are equal nodes; naive ones as they are."""
        try:
            moment = dt.datetime.fromisoformat(token.upper())
            return moment.astimezone(dt.UTC) if moment.tzinfo else moment
        except (ValueError, OverflowError) as error:
            raise self.error(span_of(token), f"{token} is not a moment of the calendar") from error
