"""AIPL, a second template of the customer's life: aware, interest, purchase, loyal. Tried from the top:

    loyal      at least `loyal_count` purchases in `purchase_days`
    purchase   at least one purchase in `purchase_days`
    interest   at least `interest_count` of the interest events, added up, in `interest_days`
    aware      any of the aware events in `aware_days`

All windows are LAST n DAYS. Who is in none has no value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
from rules.tree import Aggregate, Function, Last, Unit
from rules.values import SCALE, Kind
from tagging.domain.columns import Ints, Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.definition_limits import MAX_DAYS, MAX_TEMPLATE_EVENTS
from tagging.domain.moment import Moment

from .kind import Answer, Compiler, Question, Uncut, vector

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType

STAGES = ("loyal", "purchase", "interest", "aware")
PURCHASES = "purchases"


@dataclass(frozen=True, slots=True)
class AiplKind(Uncut):
    """Known persons only; at most one stage each."""

    field: ClassVar[str] = "aipl"
    everybody: ClassVar[bool] = False
    daily: ClassVar[bool] = True

    purchase_event: str = "order_paid"
    purchase_days: int = 365
    loyal_count: int = 2
    interest_events: tuple[str, ...] = ("view_item", "add_to_cart", "search", "like", "share", "comment")
    interest_days: int = 30
    interest_count: int = 2
    aware_events: tuple[str, ...] = ("page_view", "view_item", "message_delivered", "member_joined")
    aware_days: int = 90

    def fault(self, value_type: "TagValueType") -> str:
        if value_type.base is not Kind.TEXT or value_type.multi_valued:
            return "values: are texts, and a person has one of them"
        for name in ("purchase_days", "interest_days", "aware_days"):
            if not 1 <= getattr(self, name) <= MAX_DAYS:
                return f"{name}: is between 1 and {MAX_DAYS}"
        for name in ("interest_events", "aware_events"):
            listed: tuple[str, ...] = getattr(self, name)
            if not 1 <= len(listed) <= MAX_TEMPLATE_EVENTS:
                return f"{name}: has {len(listed)}, allowed are 1 to {MAX_TEMPLATE_EVENTS}"
            if len(set(listed)) != len(listed):
                return f"{name}: names an event twice"
        if self.loyal_count < 2:
            return "loyal_count: is at least 2: one purchase is the stage before"
        return "" if self.interest_count >= 1 else "interest_count: is at least 1"

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        asked: dict[str, Question] = {}

        def count(name: str, field: str, event: str, days: int) -> None:
            known = compiler.event(f"{self.field}.{field}", event)
            asked[name] = Aggregate(Function.COUNT, known, window=Last(days, Unit.DAY))

        count(PURCHASES, "purchase_event", self.purchase_event, self.purchase_days)
        for index, event in enumerate(self.interest_events):
            count(f"interest{index}", f"interest_events[{index}]", event, self.interest_days)
        for index, event in enumerate(self.aware_events):
            count(f"aware{index}", f"aware_events[{index}]", event, self.aware_days)
        return asked

    def listed(self) -> frozenset[str] | None:
        return frozenset(STAGES)

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        def counted(name: str, events: tuple[str, ...]) -> Ints:
            found: Ints = sum(
                (vector(answers, f"{name}{index}").data for index in range(len(events))),
                np.zeros(len(purchases), np.int64),
            )
            return found

        purchases = vector(answers, PURCHASES).data.astype(np.int64)
        interest = counted("interest", self.interest_events)
        aware = counted("aware", self.aware_events)
        found = self.stages(purchases, interest, aware)
        return Vector(np.not_equal(found, ""), found)

    def stages(self, purchases: Ints, interest: Ints, aware: Ints) -> npt.NDArray[np.object_]:
        """The stage of each slot, "" for none, from the counts in their windows, scaled by 10^4."""
        none = len(STAGES)
        chosen = np.select(
            [
                purchases >= self.loyal_count * SCALE,
                purchases >= SCALE,
                interest >= self.interest_count * SCALE,
                aware >= SCALE,
            ],
            range(none),
            none,
        )
        found: npt.NDArray[np.object_] = np.array((*STAGES, ""), object)[chosen]
        return found

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        return ()
