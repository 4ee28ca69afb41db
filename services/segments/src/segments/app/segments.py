"""Create, replace, delete and read segments."""

from dataclasses import dataclass, replace
from typing import Protocol

from segments.app.board import Board
from segments.app.names import nearest
from segments.app.rule_reading import ReadRule
from segments.domain.movement import Followed
from segments.domain.segment import Draft, Segment, etag_of, problem_of
from segments.domain.touched import Touched
from segments.errors import SegmentInUse
from servicekit.errors import EtagStale, InvalidField, ResourceExists, ResourceNotFound
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection


class RequiredFeatures(Protocol):
    """Where the features that segments need are asked for."""

    async def require(self, tenant: str, forms: list[str]) -> None:
        """States the whole set of a tenant. Raises FeatureQuota, UpstreamUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """A segment and its count, None unless it is live."""

    segment: Segment
    count: int | None
    rule: ReadRule | None


class Segments:
    """The use cases of SegmentService but preview."""

    def __init__(self, board: Board, features: RequiredFeatures) -> None:
        self._board = board
        self._features = features

    async def create(self, tenant: str, draft: Draft) -> tuple[Segment, Revision]:
        """Stores a new segment. Raises InvalidField, RuleInvalid, NodeUnsupported, ResourceExists, FeatureQuota,
        SegmentCycle; then nothing has changed."""
        _require_valid(draft)
        async with self._board.gate.reading():
            known = self._board.tenant(tenant).get(draft.segment_id)
        if known is not None:
            if known.segment.draft != draft:
                raise ResourceExists(f"segment {draft.segment_id!r}")
            return known.segment, await self._board.read_at()
        return await self._store(tenant, draft, None)

    async def update(self, tenant: str, draft: Draft, etag: str) -> tuple[Segment, Revision]:
        """Replaces a segment. Raises as create, ResourceNotFound, EtagStale."""
        _require_valid(draft)
        known = await self._existing(tenant, draft.segment_id)
        if etag and etag != known.etag:
            raise EtagStale(f"segment {draft.segment_id!r}", known.etag)
        return await self._store(tenant, draft, known)

    async def delete(self, tenant: str, segment_id: str, etag: str) -> Revision:
        """Deletes a segment; none is fine. Raises EtagStale, SegmentInUse."""

        def in_memory() -> dict[str, Followed]:
            segments = self._board.tenant(tenant)
            known = segments.get(segment_id)
            if known is None:
                return {}
            if etag and etag != known.segment.etag:
                raise EtagStale(f"segment {segment_id!r}", known.segment.etag)
            if users := segments.users_of(segment_id):
                raise SegmentInUse(segment_id, users)
            segments.remove(segment_id)
            return {tenant: Followed(deleted=[segment_id])}

        def in_store(connection: Connection, followed: dict[str, Followed]) -> Revision:
            self._board.segment_store.delete(connection, tenant, segment_id)
            return self._board.store_followed(connection, Lane.LIVE, followed)

        revision = await self._board.change(in_memory, in_store)
        async with self._board.gate.reading():
            forms = self._board.tenant(tenant).forms()
        await self._features.require(tenant, forms)
        return revision

    async def get(self, tenant: str, segment_id: str) -> Counted:
        """One segment with its count. Raises ResourceNotFound."""
        async with self._board.gate.reading():
            segments = self._board.tenant(tenant)
            standing = segments.get(segment_id)
            if standing is None:
                names = [each.segment.segment_id for each in segments.all()]
                raise ResourceNotFound(f"segment {segment_id!r}", nearest(segment_id, names))
            return Counted(standing.segment, standing.count(), standing.rule)

    async def page(self, tenant: str, after: str, size: int) -> list[Counted]:
        """Segments in order of id, after one."""
        async with self._board.gate.reading():
            found = [each for each in self._board.tenant(tenant).all() if each.segment.segment_id > after]
            return [Counted(each.segment, each.count(), each.rule) for each in found[:size]]

    # -------------------------------------------------------------------------------------------- parts

    async def _existing(self, tenant: str, segment_id: str) -> Segment:
        return (await self.get(tenant, segment_id)).segment

    async def _store(self, tenant: str, draft: Draft, known: Segment | None) -> tuple[Segment, Revision]:
        async with self._board.gate.reading():
            rule = self._board.read(tenant, draft)
            forms = sorted({*self._board.tenant(tenant).forms(), *rule.forms})
        if rule.forms:
            await self._features.require(tenant, forms)
        now = self._board.now()
        segment = Segment(
            draft=draft,
            canonical_rule=rule.canonical,
            etag=etag_of(draft),
            create_time=now if known is None else known.create_time,
            update_time=now,
        )

        def in_memory() -> dict[str, Followed]:
            segments = self._board.tenant(tenant)
            segments.put(segment, rule)
            followed = segments.follow(Touched(), now)
            stored = segments.get(draft.segment_id)
            assert stored is not None
            others = [each for each in followed.segments if each.segment_id != draft.segment_id]
            return {tenant: replace(followed, segments=[stored.segment, *others])}

        def in_store(connection: Connection, followed: dict[str, Followed]) -> tuple[Segment, Revision]:
            revision = self._board.store_followed(connection, Lane.LIVE, followed)
            return followed[tenant].segments[0], revision

        return await self._board.change(in_memory, in_store)


def _require_valid(draft: Draft) -> None:
    if problem := problem_of(draft):
        raise InvalidField(*problem)
