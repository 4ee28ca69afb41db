"""What runs do: members computed anew, and persons like those of a seed."""

import asyncio
from contextlib import ExitStack

from pyroaring import BitMap
from segments.app.awaited_forms import AwaitedForms
from segments.app.insight.basis import Caller
from segments.app.insight.lookalike import Lookalike, LookalikeQuestion
from segments.app.progress import Progress, Work
from segments.app.segments import Segments
from segments.app.tenant_segments import TenantSegments
from segments.app.version import Board, Version
from segments.domain.changes import FeatureState
from segments.domain.people import Actor
from segments.domain.segment import State
from segments.errors import SegmentNotLive
from servicekit.revision import Revision

LOOKED_AT_S = 0.1
"""Between looks at behaviour that tagging computes."""
_DECIDED = (FeatureState.LIVE, FeatureState.FAILED)


class RunWork:
    """Checks what was asked before there is a run of it."""

    def __init__(self, board: Board, segments: Segments, awaited: AwaitedForms, lookalike: Lookalike) -> None:
        self._board = board
        self._awaited = awaited
        self._segments = segments
        self._lookalike = lookalike

    def recompute(self, tenant: str, segment_id: str, actor: Actor) -> Work:
        """Of a one-off segment, or one with LIMIT. Raises ResourceNotFound, StepForbidden, WrongState."""
        self._segments.require_computed(self._board.current, tenant, segment_id, actor)

        async def work(progress: Progress) -> None:
            with ExitStack() as awaiting:
                progress.finished(*await self._anew(tenant, segment_id, actor, progress, awaiting))

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
            progress.finished(
                *await self._segments.set_members(tenant, segment_id, lambda *_: persons, actor)
            )

        return work

    async def _anew(
        self, tenant: str, segment_id: str, actor: Actor, progress: Progress, awaiting: ExitStack
    ) -> tuple[int, Revision]:
        """Exchanges the members as soon as all that the rule of then needs is known; answers how many there are. Raises
        ResourceNotFound, StepForbidden, WrongState, SegmentNotLive (it cannot be known), FeatureQuota,
        UpstreamUnavailable; then nothing has changed."""
        asked: frozenset[str] | None = None
        tried: Version | None = None
        while True:
            version = self._board.current
            self._segments.require_computed(version, tenant, segment_id, actor)
            segments = version.tenant(tenant)
            forms = _forms(segments, segment_id)
            if forms != asked:
                awaiting.close()
                awaiting.enter_context(self._awaited.awaiting(tenant, forms))
                if forms:
                    await self._segments.require_features(tenant)
                asked = forms
            features = [each for form in forms if (each := segments.index.features.get(form)) is not None]
            waiting = [each for each in features if each.state not in _DECIDED]
            progress.at(sum(each.done_count for each in waiting), sum(each.total_count for each in waiting))
            if not waiting and len(features) == len(forms) and version is not tried:
                try:
                    return await self._segments.exchange(tenant, segment_id, actor)
                except SegmentNotLive as error:
                    if error.state != State.PREPARING.value:
                        raise
                tried = version
            await asyncio.sleep(LOOKED_AT_S)


def _forms(segments: TenantSegments, segment_id: str) -> frozenset[str]:
    """The features that a segment's rule needs."""
    standing = segments.get(segment_id)
    return frozenset(() if standing is None or standing.rule is None else standing.rule.forms)
