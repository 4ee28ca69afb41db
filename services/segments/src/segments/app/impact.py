"""What a change or a deletion of a segment would touch."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rules.check import Population
from segments.app.freshness_notes import Freshness, elapsed_us, freshness_of_members
from segments.app.preview import Preview
from segments.app.readable import MayRead
from segments.app.segments import existing
from segments.app.tenant_segments import TenantSegments
from segments.app.version import Board, Version
from segments.domain.uses import CAMPAIGN, SegmentUse, dependents
from segments.store.life_ports import SegmentUses
from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Impact:
    """Segments and campaigns in order; counts are None where there is none."""

    segments: list[str]
    campaigns: list[str]
    count: int | None


class ReportSegmentUse:
    """The use case."""

    def __init__(self, uses: SegmentUses) -> None:
        self._uses = uses

    def __call__(
        self, connection: Connection, tenant: str, consumer: str, uses: Sequence[SegmentUse]
    ) -> None:
        """Replaces what the consumer said before."""
        self._uses.replace(connection, tenant, consumer, uses)


class CheckImpact:
    """`touched` reads in the caller's snapshot, `counted` evaluates another rule."""

    def __init__(
        self, board: Board, uses: SegmentUses, preview: Preview, now: Callable[[], dt.datetime]
    ) -> None:
        self._board = board
        self._uses = uses
        self._preview = preview
        self._now = now

    def touched(self, connection: Connection, version: Version, tenant: str, segment_id: str) -> Impact:
        """Raises ResourceNotFound."""
        existing(version, tenant, segment_id)
        segments = version.tenant(tenant)
        inner = dependents(_referred(segments), segment_id)
        resting = {segment_id, *inner}
        campaigns = {
            each.name
            for each in self._uses.all(connection, tenant)
            if each.kind == CAMPAIGN and not resting.isdisjoint(each.segment_ids)
        }
        standing = segments.get(segment_id)
        assert standing is not None
        return Impact(inner, sorted(campaigns), standing.count())

    async def counted(
        self,
        version: Version,
        tenant: str,
        segment_id: str,
        rule: str,
        population: Population,
        may_read: MayRead,
    ) -> tuple[int, Freshness]:
        """How many another rule selects. Raises SegmentCycle, and as a preview."""
        found = await self._preview(tenant, rule, population, 0, may_read)
        draft = replace(existing(version, tenant, segment_id).draft, rule=rule, population=population)
        trial = self._board.current.draft()
        read = await self._board.compute(lambda: trial.read(tenant, draft))
        trial.writable(tenant).put(replace(existing(version, tenant, segment_id), draft=draft), read)
        return found.count, found.freshness

    def freshness(self, version: Version, tenant: str, segment_id: str) -> Freshness:
        """What the count of a segment rests on."""
        started = time.perf_counter_ns()
        segments = version.tenant(tenant)
        standing = segments.get(segment_id)
        notes = freshness_of_members(segments, [] if standing is None else [standing], self._now())
        return replace(notes, evaluate_us=elapsed_us(time.perf_counter_ns() - started))


def _referred(segments: TenantSegments) -> dict[str, frozenset[str]]:
    return {
        each.segment.segment_id: frozenset() if each.rule is None else each.rule.segments
        for each in segments.all()
    }
