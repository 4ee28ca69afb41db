"""User state: how close a person is, by the time since the last purchase against the person's own cycle.

    stranger     never bought
    acquainted   bought on fewer days than a cycle needs
    close        the last purchase is at most `close` cycles ago
    cooling      at most `cooling` cycles ago
    distant      at most `distant` cycles ago
    lost         longer ago

cycle = the days from the first day with a purchase to the last / (the number of days with a purchase - 1). Days are the
tenant's; the comparison is exact, nothing is rounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rules.tree import Aggregate, AllTime, Clock, Function, Last, TimeFunction, Unit
from rules.values import SCALE, Kind, decimal_text, divide_half_even
from tagging.domain.columns import Bools, Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.definition_limits import MAX_DAYS
from tagging.domain.groups import exact
from tagging.domain.moment import Moment

from .kind import Answer, Compiler, Question, Scaled, Uncut, vector

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType

STATES = ("stranger", "acquainted", "close", "cooling", "distant", "lost")
DAYS, SINCE_FIRST, SINCE_LAST = "days", "since_first", "since_last"


@dataclass(frozen=True, slots=True)
class UserStateKind(Uncut):
    """Multiples of the cycle rise. least_days: days with a purchase that make a cycle; window_days: how far back is
    looked (LAST n DAYS), 0 for all time. Known persons only; exactly one state each."""

    field: ClassVar[str] = "user_state"
    everybody: ClassVar[bool] = False
    daily: ClassVar[bool] = True

    purchase_event: str = "order_paid"
    least_days: int = 3
    window_days: int = 0
    close: Scaled = 15_000
    cooling: Scaled = 25_000
    distant: Scaled = 40_000

    def fault(self, value_type: "TagValueType") -> str:
        if value_type.base is not Kind.TEXT or value_type.multi_valued:
            return "values: are texts, and a person has one of them"
        if not 2 <= self.least_days <= MAX_DAYS:
            return f"least_days: is between 2 and {MAX_DAYS}: one day makes no cycle"
        if not 0 <= self.window_days <= MAX_DAYS:
            return f"window_days: is between 0 and {MAX_DAYS}"
        if not 0 < self.close < self.cooling < self.distant:
            return "close: 0 < close < cooling < distant"
        return ""

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        event = compiler.event(f"{self.field}.purchase_event", self.purchase_event)
        window = Last(self.window_days, Unit.DAY) if self.window_days else AllTime()

        def since(function: Function) -> TimeFunction:
            return TimeFunction(Clock.DAYS_SINCE, Aggregate(function, event, window=window))

        return {
            DAYS: Aggregate(Function.DAYS, event, window=window),
            SINCE_FIRST: since(Function.FIRST),
            SINCE_LAST: since(Function.LAST),
        }

    def listed(self) -> frozenset[str] | None:
        return frozenset(STATES)

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        count = vector(answers, DAYS).data.astype(np.int64) // SCALE
        first, last = vector(answers, SINCE_FIRST), vector(answers, SINCE_LAST)
        elapsed, span = last.data.astype(np.int64), (first.data - last.data).astype(np.int64)
        own = exact(elapsed * (count - 1), SCALE) * SCALE

        def within(multiple: int) -> Bools:  # elapsed <= multiple * span / (count - 1)
            return np.asarray(own <= exact(span, multiple) * multiple, np.bool_)

        chosen = np.select(
            [
                count == 0,
                count < self.least_days,
                within(self.close),
                within(self.cooling),
                within(self.distant),
            ],
            range(len(STATES) - 1),
            len(STATES) - 1,
        )
        return Vector(np.ones(len(count), np.bool_), np.array(STATES, object)[chosen])

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        days = int(vector(answers, DAYS).data[0]) // SCALE
        if days < self.least_days:
            return (f"a cycle needs {self.least_days} days with a purchase, there are {days}",)
        since_first, since_last = (int(vector(answers, name).data[0]) for name in (SINCE_FIRST, SINCE_LAST))
        cycle = decimal_text(divide_half_even(since_first - since_last, days - 1))
        return (f"the own cycle is {cycle} days, the last purchase was {since_last // SCALE} days ago",)
