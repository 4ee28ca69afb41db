"""Draws one well-typed rule: values first, then the conditions over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rules import tree as t
from rules.schema import EventType, Scope
from rules.testing import words
from rules.testing.choosing import Chooser
from rules.testing.vocabulary import Readable, Vocabulary
from rules.values import SCALE, Kind

T = TypeVar("T")
F = t.Function
_ORDERED = [Kind.NUMBER, Kind.DATE, Kind.DATETIME]


@dataclass(frozen=True)
class Values:
    """Draws literals, windows and values; `depth` bounds what is nested."""

    chooser: Chooser
    vocabulary: Vocabulary

    def pick(self, options: Sequence[T]) -> T:
        return self.chooser.pick(list(options))

    def chance(self, percent: int) -> bool:
        return self.count(0, 99) < percent

    def count(self, low: int, high: int) -> int:
        return self.chooser.count(low, high)

    # -- literals

    def literal(self, kind: Kind, readable: Readable | None = None) -> t.Literal:
        values = readable.values if readable else None
        match kind:
            case Kind.NUMBER:
                return t.Number(self.pick(words.NUMBERS))
            case Kind.TEXT:
                return t.Text(self.pick(sorted(values.values) if values else words.TEXTS))
            case Kind.BOOL:
                return t.Bool(self.chance(50))
            case Kind.DATE:
                return t.Date(self.pick(words.DAYS))
            case Kind.DATETIME:
                moment = self.pick(words.MOMENTS)
                return t.Moment(moment.replace(tzinfo=None) if self.chance(30) else moment)
        raise AssertionError(f"no literal of {kind}")

    # -- windows

    def window(self) -> t.Window:
        unit = self.pick([t.Unit.DAY, t.Unit.DAY, t.Unit.WEEK, t.Unit.MONTH, t.Unit.QUARTER, t.Unit.YEAR])
        period = self.pick([t.Unit.WEEK, t.Unit.MONTH, t.Unit.QUARTER, t.Unit.YEAR])
        count = self.count(1, 40 if unit is t.Unit.DAY else 3)
        makers: list[Callable[[], t.Window]] = [
            t.AllTime,
            t.AllTime,
            lambda: t.Last(count, unit),
            lambda: t.Last(self.count(1, 72), self.pick([t.Unit.MINUTE, t.Unit.HOUR])),
            lambda: t.Past(count, unit),
            lambda: t.Previous(count, unit, self.pick(list(t.Back))),
            lambda: t.Previous(self.count(1, 48), t.Unit.HOUR, t.Back.LAST),
            lambda: t.Period(self.pick(list(t.Which)), period, self.chance(40)),
            lambda: t.BetweenDays(*sorted([self.pick(words.DAYS[3:]), self.pick(words.DAYS[3:])])),
            lambda: t.BetweenMoments(*sorted([self.pick(words.MOMENTS), self.pick(words.MOMENTS)])),
        ]
        if self.vocabulary.catalogue.periods:
            near = [each for each in words.NEAR_PERIODS if each in self.vocabulary.catalogue.periods]
            far = sorted(self.vocabulary.catalogue.periods)
            makers.append(lambda: t.During(self.pick(near if near and self.chance(75) else far)))
        return self.pick(makers)()

    # -- expressions

    def aggregate(self, kinds: set[Kind], where: "WhereMaker") -> t.Aggregate | None:
        """An aggregate whose value is of one of the kinds; None when the event drawn has nothing to read."""
        event = self.pick(self.vocabulary.events)
        readable = self.vocabulary.aggregated(event)
        numbers = [each for each in readable if each.type.kind is Kind.NUMBER]
        makers: list[Callable[[], t.Aggregate | None]] = []
        if Kind.NUMBER in kinds:
            plain = [F.COUNT, F.COUNT, F.DAYS, F.GAP]
            makers += [lambda: self._over_event(self.pick(plain), event, where)] * 2
            makers.append(lambda: self._reading(F.SUM, event, numbers, where))
            makers.append(lambda: self._reading(F.AVG, event, numbers, where))
            scalars = [each for each in readable if each.type.kind is not Kind.LIST]
            makers.append(lambda: self._reading(F.DISTINCT, event, scalars, where))
            makers.append(lambda: self._net(event, numbers, where))
            makers.append(lambda: self._streak(event, where))
        extremes = [each for each in readable if each.type.kind in kinds and each.type.kind in _ORDERED]
        if extremes:
            makers.append(lambda: self._reading(self.pick([F.MIN, F.MAX]), event, extremes, where))
        single = [
            each
            for each in readable
            if each.type.kind in kinds and each.type.kind is not Kind.LIST and not each.lines
        ]
        picks = [F.FIRST, F.LAST, F.NTH]
        if single:
            makers.append(lambda: self._reading(self.pick(picks), event, single, where))
        if Kind.DATETIME in kinds:
            makers.append(lambda: self._over_event(self.pick(picks), event, where))
        return self.pick(makers)() if makers else None

    def _over_event(self, function: F, event: EventType, where: "WhereMaker") -> t.Aggregate:
        index = self.count(1, 3) if function is F.NTH else None
        return t.Aggregate(function, event.name, None, where(Scope(event)), self.window(), index=index)

    def _reading(
        self, function: F, event: EventType, options: list[Readable], where: "WhereMaker"
    ) -> t.Aggregate | None:
        if not options:
            return None
        chosen = self.pick(options)
        assert isinstance(chosen.expression, t.Property)
        condition = where(Scope(event, chosen.lines))
        index = self.count(1, 3) if function is F.NTH else None
        return t.Aggregate(function, event.name, chosen.expression, condition, self.window(), index=index)

    def _net(self, event: EventType, numbers: list[Readable], where: "WhereMaker") -> t.Aggregate | None:
        events = self.vocabulary.catalogue.events
        shared = [
            each
            for each in numbers
            if isinstance(each.expression, t.Property)
            and len(each.expression.path) == 1
            and any(events[name].property(each.expression.path[0]) for name in event.reversed_by)
        ]
        if not shared:
            return None
        prop = self.pick(shared).expression
        assert isinstance(prop, t.Property)
        return t.Aggregate(F.SUM, event.name, prop, where(Scope(event)), self.window(), net=True)

    def _streak(self, event: EventType, where: "WhereMaker") -> t.Aggregate:
        unit = self.pick([t.Unit.DAY, t.Unit.WEEK, t.Unit.MONTH])
        return t.Aggregate(F.STREAK, event.name, None, where(Scope(event)), self.window(), unit=unit)

    def read(self, kind: Kind, scope: Scope | None, where: "WhereMaker") -> t.Expression | None:
        """A tag, property or (where a person is asked) aggregate of the kind."""
        options = self.vocabulary.tags if scope is None else self.vocabulary.readable(scope)
        fitting = [each.expression for each in options if each.type.kind is kind]
        if scope is None and (not fitting or self.chance(60)):
            return self.aggregate({kind}, where) or (self.pick(fitting) if fitting else None)
        return self.pick(fitting) if fitting else None

    def number(self, depth: int, scope: Scope | None, where: "WhereMaker") -> t.Expression:
        """A number: read, computed from a date, calculated, or constant."""
        roll = self.count(0, 9)
        if roll < 2 and depth > 0:
            left, right = self.number(depth - 1, scope, where), self.number(depth - 1, scope, where)
            return t.Arithmetic(self.pick(list(t.Operator)), left, right)
        if roll < 4 and scope is None:
            function = self.pick([t.Clock.DAYS_SINCE, t.Clock.ELAPSED_DAYS, t.Clock.AGE])
            operand = self.read(self.pick([Kind.DATE, Kind.DATETIME]), None, where)
            if operand is not None:
                return t.TimeFunction(function, operand)
        found = self.read(Kind.NUMBER, scope, where) if roll < 9 else None
        return found if found is not None else t.Number(self.pick(words.NUMBERS))

    def percent(self) -> int:
        return self.count(1, 100) * SCALE


WhereMaker = Callable[[Scope], "t.Condition | None"]
