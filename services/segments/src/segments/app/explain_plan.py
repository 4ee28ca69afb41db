"""How a rule is answered: its parts in order, with sizes and times."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from rules.check import Population
from rules.errors import NumberOverflow
from rules.evaluate.bitmaps import Column
from rules.evaluate.setting import Setting
from segments.app.freshness_notes import Freshness, elapsed_us, freshness_of
from segments.app.insight.desk import Desk
from segments.app.preview import Preview
from segments.app.readable import MayRead
from segments.app.rule_reading import ReadRule
from segments.app.segments import existing
from segments.app.standing import OVERFLOW
from segments.app.unknown_names import UpToDate, read_up_to_date
from segments.app.version import Board, Version
from segments.domain.plan import Plan
from segments.domain.segment import Draft, Kind
from segments.errors import RuleInvalid
from segments.store.ports import WithColumns
from servicekit.errors import WrongState
from servicekit.kernels.threads import Cancellation
from servicekit.revision import Revision


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer."""

    plan: Plan
    count: int
    canonical_rule: str
    freshness: Freshness
    read_at: Revision


class ExplainPlan:
    """The use case. `now` is the suite's time."""

    def __init__(
        self,
        board: Board,
        desk: Desk,
        preview: Preview,
        up_to_date: UpToDate,
        with_columns: WithColumns,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._board = board
        self._desk = desk
        self._preview = preview
        self._up_to_date = up_to_date
        self._with_columns = with_columns
        self._now = now

    async def of_segment(self, tenant: str, segment_id: str, may_read: MayRead) -> Explained:
        """That of a segment's rule. Raises ResourceNotFound, WrongState, and as `of_rule`."""
        draft = existing(self._board.current, tenant, segment_id).draft
        if draft.kind is Kind.STATIC:
            raise WrongState(f"segment {segment_id!r}", draft.kind.value, "its members follow no rule")
        return await self.of_rule(tenant, draft.rule, draft.population, may_read)

    async def of_rule(self, tenant: str, rule: str, population: Population, may_read: MayRead) -> Explained:
        """Raises RuleInvalid, SegmentNotLive, RightMissing, QueueFull, UpstreamUnavailable."""
        draft = Draft("", "", "", rule, population, "")
        read = await read_up_to_date(self._board, self._up_to_date, tenant, draft, may_read)
        version, now = self._board.current, self._now()
        computed = await self._preview.features(version, tenant, read, now)
        stop = Cancellation()
        try:
            return await self._desk.compute(lambda: self._explain(version, tenant, read, computed, now, stop))
        except asyncio.CancelledError:
            stop.cancel()
            raise

    def _explain(
        self,
        version: Version,
        tenant: str,
        read: ReadRule,
        computed: dict[str, Column],
        now: dt.datetime,
        stop: Cancellation,
    ) -> Explained:
        started = time.perf_counter_ns()
        segments = version.tenant(tenant)
        index = segments.index
        view = self._with_columns(index.bitmaps(segments.members_by_segment()), computed)
        setting = Setting(index.schema, index.as_of(now), index.calendar)
        try:
            plan = index.plan(read.body, view, setting, read.population, stop)
            count = len(index.select(read.body, view, setting, read.population))
        except NumberOverflow as error:
            hint = "bring the numbers nearer to each other"
            raise RuleInvalid(OVERFLOW, 1, 1, hint, readable=False) from error
        took = elapsed_us(time.perf_counter_ns() - started)
        notes = freshness_of(segments, [read], now, evaluate_us=took)
        return Explained(
            plan=plan,
            count=count,
            canonical_rule=read.canonical,
            freshness=replace(notes, as_of=index.as_of(now)),
            read_at=version.revision,
        )
