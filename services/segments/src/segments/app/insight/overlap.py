"""Who is in which of several audiences."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Audiences, Persons, Resolving, as_told
from segments.app.insight.basis import Basis, Caller, basis_of
from segments.app.insight.desk import Desk
from segments.domain.insight.overlap import intersections, withheld_sums


@dataclass(frozen=True, slots=True)
class CountedIntersection:
    """Persons who are in just these audiences, by place; `persons` None: withheld."""

    inside: tuple[int, ...]
    persons: int | None


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Most persons first, those withheld last."""

    audiences: tuple[Persons, ...]
    intersections: tuple[CountedIntersection, ...]
    basis: Basis


class Overlap:
    """The use case of OverlapAudiences. `now` is the suite's time."""

    def __init__(self, desk: Desk, audiences: Audiences, now: Callable[[], dt.datetime]) -> None:
        self._desk = desk
        self._audiences = audiences
        self._now = now

    async def __call__(self, tenant: str, audiences: Sequence[Audience], caller: Caller) -> Overlaps:
        """Raises what resolving audiences raises."""
        resolving = await self._audiences.prepare(tenant, audiences, caller.may_read, self._now())
        return await self._desk.compute(lambda: self._overlap(resolving, audiences, caller))

    def _overlap(self, resolving: Resolving, audiences: Sequence[Audience], caller: Caller) -> Overlaps:
        started = time.perf_counter_ns()
        persons = as_told([self._audiences.resolve(resolving, each) for each in audiences], caller.fewest)
        found = [
            (each.inside, len(each.persons)) for each in intersections([each.members for each in persons])
        ]
        if any(each.withheld for each in persons):
            found = []
        hidden = withheld_sums(found, len(audiences), caller.fewest)
        told = [CountedIntersection(*each) for place, each in enumerate(found) if place not in hidden]
        kept = [CountedIntersection(found[place][0], None) for place in hidden]
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        return Overlaps(
            audiences=persons,
            intersections=(*told, *sorted(kept, key=lambda each: each.inside)),
            basis=basis_of(resolving, persons, (), caller, elapsed_us),
        )
