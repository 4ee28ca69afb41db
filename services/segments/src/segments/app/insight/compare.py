"""How two audiences differ."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Audiences, Persons, Resolving, as_told
from segments.app.insight.basis import Basis, Caller, basis_of
from segments.app.insight.desk import Desk
from segments.app.insight.readable_tags import require_readable
from segments.app.insight.tabulation import tables
from segments.domain.insight.contrasts import COMMON, Compared, compared
from segments.domain.insight.tables import Question, TagTable
from segments.store.insight_ports import TagColumns


@dataclass(frozen=True, slots=True)
class TagComparison:
    """`values` in the order to show them, cut to what was asked."""

    table: TagTable
    values: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`both`: persons in both audiences, None when withheld."""

    first: Persons
    second: Persons
    base: Persons
    both: int | None
    tags: tuple[TagComparison, ...]
    basis: Basis


class Compare:
    """The use case of CompareAudiences. `now` is the suite's time."""

    def __init__(
        self, desk: Desk, audiences: Audiences, columns: TagColumns, now: Callable[[], dt.datetime]
    ) -> None:
        self._desk = desk
        self._audiences = audiences
        self._columns = columns
        self._now = now

    async def __call__(
        self,
        tenant: str,
        audiences: tuple[Audience, Audience, Audience],
        questions: Sequence[Question],
        caller: Caller,
    ) -> Comparison:
        """`audiences`: the first, the second and the base. Raises ResourceNotFound, TagNotReadable, and what resolving
        audiences raises."""
        resolving = await self._audiences.prepare(tenant, audiences, caller.may_read, self._now())
        require_readable(resolving.segments, [each.tag_id for each in questions], caller.may_read)
        return await self._desk.compute(lambda: self._compare(resolving, audiences, questions, caller))

    def _compare(
        self,
        resolving: Resolving,
        audiences: tuple[Audience, Audience, Audience],
        questions: Sequence[Question],
        caller: Caller,
    ) -> Comparison:
        started = time.perf_counter_ns()
        first, second, base = as_told(
            [self._audiences.resolve(resolving, each) for each in audiences], caller.fewest
        )
        is_withheld = first.withheld or second.withheld or base.withheld
        if is_withheld:
            questions = ()
        only = [first.members - second.members, second.members - first.members]
        groups = [first.members, second.members, base.members, *only]
        counted = tables(resolving.segments, self._columns, questions, groups, COMMON, caller.fewest)
        rows = compared(counted, [each.max_values for each in questions])
        tags = tuple(TagComparison(table, tuple(each)) for table, each in zip(counted, rows, strict=True))
        both = len(first.members & second.members)
        small = any(0 < each < caller.fewest for each in (both, *map(len, only)))
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        asked = [each.tag_id for each in questions]
        return Comparison(
            first=first,
            second=second,
            base=base,
            both=None if small or is_withheld else both,
            tags=tags,
            basis=basis_of(resolving, [first, second, base], asked, caller, elapsed_us),
        )
