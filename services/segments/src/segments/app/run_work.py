"""What runs do: members computed anew, and persons like those of a seed."""

import asyncio

from pyroaring import BitMap
from segments.app.insight.basis import Caller
from segments.app.insight.lookalike import Lookalike, LookalikeQuestion
from segments.app.runs import Progress, Work
from segments.app.segments import Segments
from segments.app.version import Board
from segments.domain.changes import FeatureState
from segments.domain.people import Actor
from segments.domain.segment import State
from servicekit.errors import ResourceNotFound, WrongState

LOOKED_AT_S = 0.1
"""Between looks at behaviour that tagging computes."""


class RunWork:
    """Checks what was asked before there is a run of it."""

    def __init__(self, board: Board, segments: Segments, lookalike: Lookalike) -> None:
        self._board = board
        self._segments = segments
        self._lookalike = lookalike

    def recompute(self, tenant: str, segment_id: str, actor: Actor) -> Work:
        """Of a one-off segment, or one with LIMIT. Raises ResourceNotFound, StepForbidden, WrongState."""
        self._segments.require_computed(self._board.current, tenant, segment_id, actor)

        async def work(progress: Progress) -> None:
            standing = self._board.current.tenant(tenant).get(segment_id)
            before = None if standing is None else standing.frozen
            try:
                await self._segments.recompute(tenant, segment_id, actor)
                await self._computed(tenant, segment_id, progress)
            except BaseException:
                if before is not None:
                    await asyncio.shield(self._segments.set_back(tenant, segment_id, before))
                raise

        return work

    def expand(
        self,
        tenant: str,
        segment_id: str,
        question: LookalikeQuestion,
        count: int,
        token: str,
        actor: Actor,
        caller: Caller,
    ) -> Work:
        """Of a static segment. Raises ResourceNotFound, StepForbidden, WrongState, EvaluationUnseen."""
        self._segments.require_static(self._board.current, tenant, segment_id, actor)
        self._lookalike.require_seen(tenant, question, token)

        async def work(progress: Progress) -> None:
            found = await self._lookalike.expand(tenant, question, count, token, caller, progress.at)
            persons = BitMap(found.person_ids)
            progress.at(progress.total, progress.total)
            _, revision = await self._segments.set_members(tenant, segment_id, lambda *_: persons, actor)
            progress.finished(len(persons), revision)

        return work

    async def _computed(self, tenant: str, segment_id: str, progress: Progress) -> None:
        """Waits until the segment has members. Raises WrongState when it fails, ResourceNotFound when it goes."""
        while True:
            version = self._board.current
            segments = version.tenant(tenant)
            standing = segments.get(segment_id)
            if standing is None:
                raise ResourceNotFound(f"segment {segment_id!r}")
            if standing.live:
                progress.finished(len(standing.members), version.revision)
                return
            if standing.segment.state is State.FAILED:
                raise WrongState(f"segment {segment_id!r}", "failed", standing.segment.note)
            forms = () if standing.rule is None else standing.rule.forms
            features = [segments.index.features[form] for form in forms if form in segments.index.features]
            waiting = [each for each in features if each.state is not FeatureState.LIVE]
            progress.at(sum(each.done_count for each in waiting), sum(each.total_count for each in waiting))
            await asyncio.sleep(LOOKED_AT_S)
