"""Who went from which value to which."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Audiences, Period, Persons, Resolving, as_told
from segments.app.insight.basis import Basis, Caller, basis_of
from segments.app.insight.desk import Desk
from segments.domain.insight.transitions import TransitionCell, transitions


@dataclass(frozen=True, slots=True)
class Transitions:
    """Cells in order of both values, unknown last."""

    audience: Persons
    cells: tuple[TransitionCell, ...]
    basis: Basis


class CountTransitions:
    """The use case of GetTransitions. `now` is the suite's time."""

    def __init__(self, desk: Desk, audiences: Audiences, now: Callable[[], dt.datetime]) -> None:
        self._desk = desk
        self._audiences = audiences
        self._now = now

    async def __call__(self, tenant: str, audience: Audience, period: Period, caller: Caller) -> Transitions:
        """Raises what resolving audiences raises, WrongState when tagging keeps no such past, BatchTooLarge."""
        resolving = await self._audiences.prepare(
            tenant, [audience], caller.may_read, self._now(), periods=[period]
        )
        return await self._desk.compute(lambda: self._count(resolving, audience, period, caller))

    def _count(self, resolving: Resolving, audience: Audience, period: Period, caller: Caller) -> Transitions:
        started = time.perf_counter_ns()
        (here,) = as_told([self._audiences.resolve(resolving, audience)], caller.fewest)
        before, after = self._audiences.ends(resolving, period, here.members)
        cells = [] if here.withheld else transitions(before, after, caller.fewest)
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        return Transitions(
            audience=here,
            cells=tuple(cells),
            basis=basis_of(resolving, [here], [period.tag_id], caller, elapsed_us),
        )
