"""Hypothesis strategies for well-typed rules over a catalogue.

Every rule drawn passes `check_rule` with no problem and prints to a text that parses back to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from rules import tree as t
from rules.schema import Catalogue, EventType, Scope
from rules.testing import words
from rules.testing.choosing import Drawn, Seeded
from rules.testing.maker import Values
from rules.testing.vocabulary import Readable, Vocabulary
from rules.values import Kind

MAX_NESTING = 3


@st.composite
def rules(draw: Any, catalogue: Catalogue, *, whole: bool = False) -> t.Rule:
    """A condition; `whole`: sometimes a set of segments, sometimes with LIMIT and SAMPLE."""
    maker = Conditions(Values(Drawn(draw), Vocabulary(catalogue)))
    return maker.rule(MAX_NESTING) if whole else t.Rule(maker.condition(MAX_NESTING, None))


def seeded_rules(
    seed: Random, vocabulary: Vocabulary, count: int, nesting: int = MAX_NESTING
) -> list[t.Rule]:
    """Of the whole language: `rules` without hypothesis."""
    maker = Conditions(Values(Seeded(seed), vocabulary))
    return [maker.rule(nesting) for _ in range(count)]


@st.composite
def conditions(draw: Any, catalogue: Catalogue) -> t.Condition:
    maker = Conditions(Values(Drawn(draw), Vocabulary(catalogue)))
    return maker.condition(MAX_NESTING, None)


@st.composite
def numbers(draw: Any, catalogue: Catalogue) -> t.Expression:
    """An expression with a number as its value."""
    maker = Conditions(Values(Drawn(draw), Vocabulary(catalogue)))
    return maker.values.number(2, None, maker.where)


@st.composite
def aggregates(draw: Any, catalogue: Catalogue) -> t.Aggregate:
    """An aggregate of any type of value."""
    maker = Conditions(Values(Drawn(draw), Vocabulary(catalogue)))
    kind = maker.values.pick([Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME, Kind.BOOL])
    found = maker.values.aggregate({kind}, maker.where)
    return found or t.Aggregate(t.Function.COUNT, maker.values.pick(maker.values.vocabulary.events).name)


@st.composite
def grouped(draw: Any, catalogue: Catalogue) -> t.Grouped:
    """An aggregate with BY."""
    maker = Conditions(Values(Drawn(draw), Vocabulary(catalogue)))
    return maker.grouped()


@dataclass(frozen=True)
class Conditions:
    values: Values

    def condition(self, depth: int, scope: Scope | None) -> t.Condition:
        roll = self.values.count(0, 9)
        if depth > 0 and roll < 4:
            operands = tuple(self.condition(depth - 1, scope) for _ in range(self.values.count(2, 3)))
            return t.And(operands) if roll < 2 else t.Or(operands)
        if depth > 0 and roll == 4:
            return t.Not(self.condition(depth - 1, scope))
        return self.leaf(scope)

    def where(self, scope: Scope) -> t.Condition | None:
        """Half of all aggregates have one."""
        return self.condition(1, scope) if self.values.chance(50) else None

    def leaf(self, scope: Scope | None) -> t.Condition:
        makers: list[Callable[[Scope | None], t.Condition | None]] = [
            self.compare,
            self.compare,
            self.compare,
            self.calculated,
            self.behaviour,
            self.behaviour,
            self.behaviour,
            self.between,
            self.one_of,
            self.has,
            self.text_test,
            self.under,
            self.is_known,
            self.anniversary,
            self.standing,
        ]
        return self.values.pick(makers)(scope) or t.Constant(self.values.chance(50))

    def compare(self, scope: Scope | None) -> t.Condition | None:
        """Something read, with a constant or with something else read."""
        kind = self.values.pick([Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME, Kind.BOOL])
        readable = self._readable({kind}, scope)
        left: t.Expression | None
        if readable is not None and self.values.chance(60):
            left, right = readable.expression, self.values.literal(kind, readable)
        else:
            left = self.values.read(kind, scope, self.where)
            listed = left is not None and kind is Kind.TEXT
            other = self.values.read(kind, scope, self.where) if listed else self.values.literal(kind)
            if left is None or other is None:
                return None
            return t.Compare(self._operator(kind), left, other)
        return t.Compare(self._operator(kind), left, right)

    def calculated(self, scope: Scope | None) -> t.Condition:
        left = self.values.number(2, scope, self.where)
        right = self.values.number(self.values.pick([0, 0, 1]), scope, self.where)
        return t.Compare(self._operator(Kind.NUMBER), left, right)

    def behaviour(self, scope: Scope | None) -> t.Condition | None:
        """An aggregate with a constant: the most common leaf about what a person did."""
        if scope is not None:
            return self.compare(scope)
        aggregate = self.values.aggregate({Kind.NUMBER}, self.where)
        if aggregate is None:
            return None
        return t.Compare(self._operator(Kind.NUMBER), aggregate, self.values.literal(Kind.NUMBER))

    def between(self, scope: Scope | None) -> t.Condition | None:
        kind = self.values.pick([Kind.NUMBER, Kind.DATE, Kind.DATETIME])
        operand = self.values.read(kind, scope, self.where)
        if operand is None:
            return None
        return t.Between(operand, self.values.literal(kind), self.values.literal(kind))

    def one_of(self, scope: Scope | None) -> t.Condition | None:
        scalars = {Kind.TEXT, Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.BOOL}
        readable = self._readable(scalars, scope)
        if readable is None:
            return None
        return t.In(readable.expression, self._several(readable.type.kind, readable))

    def has(self, scope: Scope | None) -> t.Condition | None:
        readable = self._readable({Kind.LIST}, scope)
        if readable is None or readable.type.element is None:
            return None
        quantifier = self.values.pick(list(t.Quantifier))
        return t.Has(readable.expression, quantifier, self._several(readable.type.element, readable))

    def text_test(self, scope: Scope | None) -> t.Condition | None:
        readable = self._readable({Kind.TEXT}, scope)
        if readable is None:
            return None
        operator = self.values.pick(list(t.TextOperator))
        matches = operator is t.TextOperator.MATCHES
        pattern = self.values.pick(words.PATTERNS if matches else ("a", "b", "上", "-1", "ab"))
        return t.TextTest(operator, readable.expression, pattern)

    def under(self, scope: Scope | None) -> t.Condition | None:
        options = [
            each
            for each in self._options(scope)
            if each.values is not None and each.values.is_tree and not each.lines
        ]
        if not options:
            return None
        chosen = self.values.pick(options)
        assert chosen.values is not None
        return t.Under(chosen.expression, self.values.pick(sorted(chosen.values.values)))

    def is_known(self, scope: Scope | None) -> t.Condition | None:
        kind = self.values.pick([Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME, Kind.BOOL])
        operand = self.values.read(kind, scope, self.where)
        return None if operand is None else t.IsKnown(operand, self.values.chance(50))

    def anniversary(self, scope: Scope | None) -> t.Condition | None:
        readable = self._readable({Kind.DATE}, scope)
        if readable is None:
            return None
        return t.Anniversary(
            readable.expression, self.values.pick([1, 7, 30, 300, 366]), self.values.chance(50)
        )

    def standing(self, scope: Scope | None) -> t.Condition | None:
        """What is neither compared nor calculated: ANY in an event, segments and sequences of a person."""
        if scope is not None:
            lists = [] if scope.lines else self.values.vocabulary.lists_of_records(scope.event)
            if not lists:
                return None
            name = self.values.pick(lists).name
            return t.AnyLine(name, self.condition(1, Scope(scope.event, name)))
        segments = sorted(self.values.vocabulary.catalogue.segments)
        if self.values.chance(50):
            return self.sequence()
        return t.InSegment(self.values.pick(segments)) if segments else None

    def sequence(self) -> t.Sequence:
        """Of few types, so that steps are found; now and then a step is what another forbids."""
        values = self.values
        types = [values.vocabulary.events[0]] * 2 + [values.pick(values.vocabulary.events)]
        steps = [t.Step(self.event_filter(values.pick(types)))]
        for _ in range(values.count(1, 3)):
            without = [self.event_filter(values.pick(types)) for _ in range(values.pick([0, 0, 1, 1, 2]))]
            steps.append(t.Step(self.event_filter(values.pick(types)), tuple(without)))
        events = values.vocabulary.catalogue.events
        used = [events[each.event] for step in steps for each in (step.match, *step.without)]
        keys = values.vocabulary.shared_keys(used)
        by = (
            tuple(dict.fromkeys(values.pick(keys) for _ in range(values.pick([0, 0, 1, 1, 2]))))
            if keys
            else ()
        )
        unit = values.pick([t.Unit.MINUTE, t.Unit.HOUR, t.Unit.DAY])
        within = t.Duration(values.count(1, 48), unit) if values.chance(50) else None
        return t.Sequence(tuple(steps), by, within, values.window() if values.chance(40) else t.AllTime())

    def event_filter(self, event: EventType) -> t.EventFilter:
        return t.EventFilter(event.name, self.where(Scope(event)) if self.values.chance(40) else None)

    def grouped(self) -> t.Grouped:
        """Of the events or of the lines of one of their lists; WHERE reads the same rows."""
        values, kinds = self.values, {Kind.TEXT, Kind.NUMBER, Kind.BOOL}
        event = values.pick(values.vocabulary.events)
        readable = [
            each
            for each in values.vocabulary.aggregated(event)
            if each.type.kind in kinds and isinstance(each.expression, t.Property)
        ]
        by = values.pick(readable)
        numbers = [each for each in readable if each.type.kind is Kind.NUMBER and each.lines == by.lines]
        function = values.pick([t.Function.COUNT, t.Function.DAYS, *[t.Function.SUM] * bool(numbers)])
        read = values.pick(numbers).expression if function is t.Function.SUM else None
        assert isinstance(by.expression, t.Property)
        assert read is None or isinstance(read, t.Property)
        where = self.where(Scope(event, by.lines))
        aggregate = t.Aggregate(function, event.name, read, where, values.window())
        half_life = values.count(1, 40) if values.chance(50) else None
        return t.Grouped(aggregate, by.expression, half_life)

    # -- sets

    def rule(self, depth: int) -> t.Rule:
        """A condition or, now and then, a set of segments, sometimes with steps."""
        body = self.members(2) if self.values.chance(10) else self.condition(depth, None)
        return t.Rule(body, self.steps())

    def members(self, depth: int) -> t.SetExpression:
        roll = self.values.count(0, 3)
        if depth == 0 or roll == 0:
            return t.SegmentMembers(self.values.pick(sorted(self.values.vocabulary.catalogue.segments)))
        operands = tuple(self.members(depth - 1) for _ in range(2))
        if roll == 1:
            return t.Union(operands)
        return t.Intersect(operands) if roll == 2 else t.Except(*operands)

    def steps(self) -> tuple[t.Limit | t.Sample, ...]:
        orderable = {Kind.NUMBER, Kind.DATE, Kind.DATETIME}
        steps: list[t.Limit | t.Sample] = []
        options = [each for each in self.values.vocabulary.tags if each.type.kind in orderable]
        if options and self.values.chance(20):
            by = self.values.pick(options).expression
            assert isinstance(by, t.TagRef)
            if self.values.chance(50):
                steps.append(t.Limit(by, count=self.values.count(1, 1000)))
            else:
                steps.append(t.Limit(by, percent=self.values.percent(), descending=True))
        if self.values.chance(20):
            steps.append(t.Sample(self.values.percent(), self.values.pick(words.TEXTS)))
        return tuple(self.values.pick([steps, steps[::-1]]))

    # -- parts

    def _options(self, scope: Scope | None) -> list[Readable]:
        vocabulary = self.values.vocabulary
        return vocabulary.tags if scope is None else vocabulary.readable(scope)

    def _readable(self, kinds: set[Kind], scope: Scope | None) -> Readable | None:
        options = [each for each in self._options(scope) if each.type.kind in kinds]
        return self.values.pick(options) if options else None

    def _operator(self, kind: Kind) -> t.Comparison:
        equality = [t.Comparison.EQ, t.Comparison.NE]
        return self.values.pick(equality if kind is Kind.BOOL else list(t.Comparison))

    def _several(self, kind: Kind, readable: Readable) -> tuple[t.Literal, ...]:
        return tuple(self.values.literal(kind, readable) for _ in range(self.values.count(1, 3)))
