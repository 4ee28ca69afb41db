"""What an audience is like beside its base."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Audiences, Persons, Resolving, as_told
from segments.app.insight.basis import Basis, Caller, basis_of
from segments.app.insight.desk import Desk
from segments.app.insight.readable_tags import require_readable
from segments.app.insight.tabulation import tables
from segments.domain.insight.contrasts import BASE, Described, described
from segments.domain.insight.preference import Standards
from segments.domain.insight.tables import Question, TagTable
from segments.store.insight_ports import TagColumns

MAX_PREFERENCES = 100


@dataclass(frozen=True, slots=True)
class TagDescription:
    """`values` in the order to show them, cut to what was asked; `table` has the rest."""

    table: TagTable
    values: tuple[Described, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """`preferences`: (tag_id, value) of those shown, the strongest first."""

    audience: Persons
    base: Persons
    tags: tuple[TagDescription, ...]
    preferences: tuple[tuple[str, Described], ...]
    basis: Basis


class Describe:
    """The use case of DescribeAudience. `now` is the suite's time."""

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
        audience: Audience,
        base: Audience,
        questions: Sequence[Question],
        standards: Standards,
        caller: Caller,
    ) -> Description:
        """Raises ResourceNotFound, TagNotReadable, and what resolving audiences raises."""
        resolving = await self._audiences.prepare(tenant, [audience, base], caller.may_read, self._now())
        require_readable(resolving.segments, [each.tag_id for each in questions], caller.may_read)
        return await self._desk.compute(
            lambda: self._describe(resolving, audience, base, questions, standards, caller)
        )

    def _describe(
        self,
        resolving: Resolving,
        audience: Audience,
        base: Audience,
        questions: Sequence[Question],
        standards: Standards,
        caller: Caller,
    ) -> Description:
        started = time.perf_counter_ns()
        both = [self._audiences.resolve(resolving, each) for each in (audience, base)]
        here, there = as_told(both, caller.fewest)
        if here.withheld or there.withheld:
            questions = ()
        groups = [here.members, there.members, there.members - here.members]
        counted = tables(resolving.segments, self._columns, questions, groups, BASE, caller.fewest)
        found = described(counted, [each.max_values for each in questions], standards)
        tags = tuple(
            TagDescription(table, tuple(values)) for table, values in zip(counted, found.values, strict=True)
        )
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        asked = [each.tag_id for each in questions]
        return Description(
            audience=here,
            base=there,
            tags=tags,
            preferences=tuple(found.preferences[:MAX_PREFERENCES]),
            basis=basis_of(resolving, [here, there], asked, caller, elapsed_us),
        )
