"""What an audience is like beside its base."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Audiences, Persons, Resolving
from segments.app.insight.basis import Basis, Caller, basis_of
from segments.app.insight.readable_tags import require_readable
from segments.app.insight.tabulation import tables
from segments.app.version import Board
from segments.domain.insight.contrasts import BASE, Described, described
from segments.domain.insight.preference import Standards, Verdict
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
        self, board: Board, audiences: Audiences, columns: TagColumns, now: Callable[[], dt.datetime]
    ) -> None:
        self._board = board
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
        return await self._board.compute(
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
        here, there = (self._audiences.resolve(resolving, each) for each in (audience, base))
        groups = [here.members, there.members, there.members - here.members]
        counted = tables(resolving.segments, self._columns, questions, groups, BASE, caller.fewest)
        rows = described(counted, standards)
        tags = tuple(
            TagDescription(table, _in_order(table, each, question.max_values))
            for table, each, question in zip(counted, rows, questions, strict=True)
        )
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        asked = [each.tag_id for each in questions]
        return Description(
            audience=here,
            base=there,
            tags=tags,
            preferences=_ranked(counted, rows),
            basis=basis_of(resolving, [here, there], asked, caller, elapsed_us),
        )


def _in_order(table: TagTable, rows: Sequence[Described], most: int) -> tuple[Described, ...]:
    """Stretches from the lowest up; values by persons, those withheld last and in order of their names."""
    if table.ordered:
        return tuple(rows)

    def place(row: Described) -> tuple[object, ...]:
        if row.audience.persons is None:
            return (1, 0, 0, row.cell.key)
        return (0, -row.audience.persons, -(row.base.persons or 0), row.cell.key)

    return tuple(sorted(rows, key=place)[:most])


def _ranked(
    counted: Sequence[TagTable], rows: Sequence[Sequence[Described]]
) -> tuple[tuple[str, Described], ...]:
    shown = [
        (table.tag_id, row)
        for table, each in zip(counted, rows, strict=True)
        for row in each
        if row.verdict in {Verdict.PREFERS, Verdict.AVOIDS}
    ]
    shown.sort(key=lambda each: (-each[1].weight, each[0], each[1].cell.key))
    return tuple(shown[:MAX_PREFERENCES])
