"""Create, replace, delete and read segments."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from segments.app.freshness_notes import Freshness, freshness_of
from segments.app.names import nearest
from segments.app.readable import MayRead
from segments.app.record import record
from segments.app.rule_reading import ReadRule
from segments.app.unknown_names import UpToDate, read_up_to_date
from segments.app.version import Board, Version
from segments.domain.movement import Followed
from segments.domain.segment import Draft, Segment, etag_of, problem_of
from segments.domain.touched import Touched
from segments.errors import SegmentInUse
from segments.store.ports import Stores
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


class Segments:
    """The use cases of SegmentService but preview. `now` is the suite's time."""

    def __init__(
        self,
        board: Board,
        stores: Stores,
        features: RequiredFeatures,
        up_to_date: UpToDate,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._board = board
        self._stores = stores
        self._features = features
        self._up_to_date = up_to_date
        self._now = now

    async def create(self, tenant: str, draft: Draft, may_read: MayRead) -> tuple[Segment, Revision]:
        """Stores a new segment. Raises InvalidField, RuleInvalid, NodeUnsupported, ResourceExists, FeatureQuota,
        SegmentCycle, RightMissing, UpstreamUnavailable; then nothing has changed."""
        _require_valid(draft)
        async with self._board.defining():
            version = self._board.current
            known = version.tenant(tenant).get(draft.segment_id)
            if known is None:
                return await self._store(tenant, draft, None, may_read)
            if known.segment.draft != draft:
                raise ResourceExists(f"segment {draft.segment_id!r}")
            return known.segment, version.revision

    async def update(
        self, tenant: str, draft: Draft, etag: str, may_read: MayRead
    ) -> tuple[Segment, Revision]:
        """Replaces a segment; with equal content it changes nothing, whatever the etag. Raises as create,
        ResourceNotFound, EtagStale."""
        _require_valid(draft)
        async with self._board.defining():
            version = self._board.current
            known = _existing(version, tenant, draft.segment_id)
            if known.draft == draft:
                return known, version.revision
            if etag and etag != known.etag:
                raise EtagStale(f"segment {draft.segment_id!r}", known.etag)
            return await self._store(tenant, draft, known, may_read)

    async def delete(self, tenant: str, segment_id: str, etag: str) -> Revision:
        """Deletes a segment; none is fine. Its features are given up by the next statement of what is needed. Raises
        EtagStale, SegmentInUse."""

        def prepare(draft: Version) -> dict[str, Followed]:
            known = draft.tenant(tenant).get(segment_id)
            if known is None:
                return {}
            if etag and etag != known.segment.etag:
                raise EtagStale(f"segment {segment_id!r}", known.segment.etag)
            segments = draft.writable(tenant)
            if users := segments.users_of(segment_id):
                raise SegmentInUse(segment_id, users)
            segments.remove(segment_id)
            return {tenant: Followed(deleted=[segment_id])}

        def store(connection: Connection, draft: Version, followed: dict[str, Followed]) -> Revision:
            return record(connection, self._stores, Lane.LIVE, followed)

        async with self._board.defining():
            return await self._board.change(prepare, store)

    def get(self, version: Version, tenant: str, segment_id: str) -> tuple[Counted, Freshness]:
        """One segment with its count. Raises ResourceNotFound."""
        segments = version.tenant(tenant)
        segment = _existing(version, tenant, segment_id)
        standing = segments.get(segment_id)
        assert standing is not None
        rules = [] if standing.rule is None else [standing.rule]
        return Counted(segment, standing.count()), freshness_of(segments, rules, self._now())

    def page(self, version: Version, tenant: str, after: str, size: int) -> list[Counted]:
        """Segments in order of id, after one."""
        found = [each for each in version.tenant(tenant).all() if each.segment.segment_id > after]
        return [Counted(each.segment, each.count()) for each in found[:size]]

    # -------------------------------------------------------------------------------------------- parts

    async def _store(
        self, tenant: str, draft: Draft, known: Segment | None, may_read: MayRead
    ) -> tuple[Segment, Revision]:
        """Everything that can be wrong is found, and tagging asked, before anything is stored."""
        rule = await read_up_to_date(self._board, self._up_to_date, tenant, draft, may_read)
        now = self._now()
        segment = Segment(
            draft=draft,
            canonical_rule=rule.canonical,
            etag=etag_of(draft),
            create_time=now if known is None else known.create_time,
            update_time=now,
        )
        trial = self._board.current.draft().writable(tenant)
        trial.put(segment, rule)
        if rule.forms:
            await self._features.require(tenant, trial.forms())

        def prepare(version: Version) -> tuple[Segment, dict[str, Followed]]:
            return self._place(version, tenant, segment)

        def store(
            connection: Connection, version: Version, prepared: tuple[Segment, dict[str, Followed]]
        ) -> tuple[Segment, Revision]:
            stored, followed = prepared
            self._stores.segments.put_moment(connection, tenant, version.tenant(tenant).moment)
            return stored, record(connection, self._stores, Lane.LIVE, followed)

        return await self._board.change(prepare, store)

    def _place(self, version: Version, tenant: str, segment: Segment) -> tuple[Segment, dict[str, Followed]]:
        rule: ReadRule = version.read(tenant, segment.draft)
        segments = version.writable(tenant)
        segments.put(segment, rule)
        followed = segments.follow(Touched(), Lane.LIVE, segment.update_time)
        standing = segments.get(segment.segment_id)
        assert standing is not None
        others = [each for each in followed.segments if each.segment_id != segment.segment_id]
        followed.segments = [standing.segment, *others]
        return standing.segment, {tenant: followed}


def _existing(version: Version, tenant: str, segment_id: str) -> Segment:
    segments = version.tenant(tenant)
    standing = segments.get(segment_id)
    if standing is None:
        raise ResourceNotFound(f"segment {segment_id!r}", nearest(segment_id, segments.names()))
    return standing.segment


def _require_valid(draft: Draft) -> None:
    if problem := problem_of(draft):
        raise InvalidField(*problem)
