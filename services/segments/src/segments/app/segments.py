"""Create, replace, delete and read segments."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from pyroaring import BitMap
from segments.app.awaited_forms import AwaitedForms
from segments.app.folder_tree import require_folder
from segments.app.freshness_notes import Freshness, elapsed_us, freshness_of_members, valueless
from segments.app.membership import live_segment
from segments.app.names import nearest
from segments.app.ownership import require_owner, require_reason
from segments.app.readable import MayRead
from segments.app.record import record
from segments.app.rule_reading import ReadRule
from segments.app.tenant_segments import TenantSegments
from segments.app.unknown_names import UpToDate, read_up_to_date
from segments.app.version import Board, Version
from segments.domain.folders import is_below
from segments.domain.frozen import Frozen
from segments.domain.movement import Followed
from segments.domain.people import Actor
from segments.domain.segment import Deletion, Draft, Kind, Segment, State, etag_of, problem_of
from segments.domain.touched import Touched
from segments.domain.versions import Saying, SegmentVersion
from segments.errors import ADMINISTER, SegmentDeleted, SegmentInUse, SegmentQuota
from segments.store.ports import Stores, TenantIndex
from servicekit.errors import (
    EtagStale,
    InvalidField,
    ResourceExists,
    ResourceNotFound,
    RightMissing,
    WrongState,
)
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection


class RequiredFeatures(Protocol):
    """Where the features that segments need are asked for."""

    async def require(self, tenant: str, forms: list[str]) -> None:
        """States the whole set of a tenant. Raises FeatureQuota, UpstreamUnavailable."""
        ...


MAX_SEGMENTS = 10_000
"""Of a tenant, standing at a time."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A segment and its count, None when it has no members to speak of."""

    segment: Segment
    count: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Segments that fit everything that is said. `brand` None is any, "" the group; no states are all."""

    folder: str = ""
    owner: str = ""
    brand: str | None = None
    states: frozenset[State] = frozenset()

    def fits(self, segment: Segment) -> bool:
        draft = segment.draft
        return (
            (not self.folder or is_below(draft.folder, self.folder))
            and self.owner in ("", draft.owner)
            and self.brand in (None, draft.brand)
            and (not self.states or segment.state in self.states)
        )


class Segments:
    """The use cases of SegmentService but preview. `now` is the suite's time."""

    def __init__(
        self,
        board: Board,
        stores: Stores,
        features: RequiredFeatures,
        awaited: AwaitedForms,
        up_to_date: UpToDate,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._board = board
        self._stores = stores
        self._features = features
        self._awaited = awaited
        self._up_to_date = up_to_date
        self._now = now

    async def create(
        self, tenant: str, draft: Draft, actor: Actor, may_read: MayRead, reason: str = ""
    ) -> tuple[Segment, Revision]:
        """Stores a new segment, the actor's unless another owner is said. Raises InvalidField, RuleInvalid,
        ResourceExists, FolderUnknown, SegmentQuota, FeatureQuota, SegmentCycle, RightMissing, UpstreamUnavailable;
        then nothing has changed."""
        _require_valid(draft)
        async with self._board.defining():
            version = self._board.current
            known = version.tenant(tenant).get(draft.segment_id)
            if known is None:
                owned = replace(draft, owner=draft.owner or actor.subject)
                return await self._store(tenant, owned, None, self._saying(actor, reason), may_read)
            if known.segment.draft != _owned(draft, known.segment):
                raise ResourceExists(f"segment {draft.segment_id!r}")
            return known.segment, version.revision

    async def update(
        self, tenant: str, draft: Draft, etag: str, actor: Actor, may_read: MayRead, reason: str = ""
    ) -> tuple[Segment, Revision]:
        """Replaces a segment; with equal content it changes nothing, whatever the etag. Raises as create,
        ResourceNotFound, EtagStale, StepForbidden."""
        _require_valid(draft)
        async with self._board.defining():
            version = self._board.current
            known = existing(version, tenant, draft.segment_id)
            draft = _owned(draft, known)
            if known.draft.kind is not draft.kind:
                raise InvalidField("segment.kind", f"is {known.draft.kind.value} and stays so")
            if known.draft == draft:
                return known, version.revision
            require_owner(known, actor, "change")
            if etag and etag != known.etag:
                raise EtagStale(f"segment {draft.segment_id!r}", known.etag)
            return await self._store(tenant, draft, known, self._saying(actor, reason), may_read)

    async def delete(
        self, tenant: str, segment_id: str, etag: str, actor: Actor, reason: str = "", *, force: bool = False
    ) -> Revision:
        """Puts a segment into the recycle bin; none is fine. Its features are given up by the next statement of what is
        needed. Raises EtagStale, SegmentInUse, StepForbidden, RightMissing, InvalidField."""
        require_reason(reason, needed=force)
        if force and not actor.may_administer:
            raise RightMissing(ADMINISTER)
        now = self._now()

        def prepare(draft: Version) -> tuple[Segment | None, dict[str, Followed]]:
            known = draft.tenant(tenant).get(segment_id)
            if known is None:
                return None, {}
            require_owner(known.segment, actor, "delete")
            if etag and etag != known.segment.etag:
                raise EtagStale(f"segment {segment_id!r}", known.segment.etag)
            segments = draft.writable(tenant)
            users = [f"segment {each}" for each in segments.users_of(segment_id)]
            if users and not force:
                raise SegmentInUse(segment_id, users)
            segments.remove(segment_id)
            if users:
                draft.reread(tenant, None)
            followed = segments.follow(Touched(), Lane.LIVE) if users else Followed()
            followed.deleted = [segment_id]
            return known.segment, {tenant: followed}

        def store(
            connection: Connection, draft: Version, prepared: tuple[Segment | None, dict[str, Followed]]
        ) -> Revision:
            gone, followed = prepared
            if gone is not None:
                campaigns = [
                    f"{each.kind} {each.name}"
                    for each in self._stores.uses.all(connection, tenant)
                    if segment_id in each.segment_ids
                ]
                if campaigns and not force:
                    raise SegmentInUse(segment_id, campaigns)
                deletion = Deletion(gone, now, actor.subject, reason, force)
                self._stores.recycle_bin.put(connection, tenant, deletion)
            return record(connection, self._stores, Lane.LIVE, followed)

        async with self._board.defining():
            return await self._board.change(prepare, store)

    async def restore(
        self, tenant: str, deletion: Deletion, actor: Actor, may_read: MayRead, reason: str = ""
    ) -> tuple[Segment, Revision]:
        """Takes a segment out of the recycle bin, as a new version. Raises StepForbidden, and as create."""
        gone = deletion.segment
        require_owner(gone, actor, "restore")
        saying = self._saying(actor, reason or "restored from the recycle bin")
        async with self._board.defining():
            return await self._store(tenant, gone.draft, gone, saying, may_read, restored=deletion)

    async def recompute(self, tenant: str, segment_id: str, actor: Actor) -> tuple[Segment, Revision]:
        """Computes the members of a one-off segment, or of one with LIMIT, anew; until behaviour that it needs is there
        those of before stand. Raises ResourceNotFound, WrongState, StepForbidden, FeatureQuota, UpstreamUnavailable."""
        async with self._board.defining():
            self.require_computed(self._board.current, tenant, segment_id, actor)
            trial = self._board.current.draft().writable(tenant)
            trial.compute_anew(segment_id)
            if forms := self._awaited.needed(tenant, trial):
                await self._features.require(tenant, forms)
            _, stored, revision = await self._compute_anew(tenant, segment_id)
            return stored, revision

    async def require_features(self, tenant: str) -> None:
        """Asks tagging for what segments and runs need by now. Raises FeatureQuota, UpstreamUnavailable."""
        async with self._board.defining():
            forms = self._awaited.needed(tenant, self._board.current.tenant(tenant))
            await self._features.require(tenant, forms)

    async def exchange(self, tenant: str, segment_id: str, actor: Actor) -> tuple[int, Revision]:
        """As recompute, of behaviour that is known: members move from the old ones to the new ones in one change.
        Answers how many there are. Raises ResourceNotFound, WrongState, StepForbidden, SegmentNotLive; then nothing has
        changed."""
        async with self._board.defining():
            self.require_computed(self._board.current, tenant, segment_id, actor)
            count, _, revision = await self._compute_anew(tenant, segment_id, live=True)
            return count, revision

    def require_computed(self, version: Version, tenant: str, segment_id: str, actor: Actor) -> None:
        """That the actor may have it computed anew. Raises ResourceNotFound, StepForbidden, WrongState."""
        known = existing(version, tenant, segment_id)
        require_owner(known, actor, "recompute")
        standing = version.tenant(tenant).get(segment_id)
        assert standing is not None
        if not standing.freezes:
            problem = "only a one-off segment, or one with LIMIT, is computed anew"
            raise WrongState(f"segment {segment_id!r}", known.draft.kind.value, problem)

    async def bring_up_to_date(self, tenant: str, segment_id: str) -> None:
        """Computes anew whom LIMIT keeps, before members are frozen for good; others follow their rule by themselves.
        One that does not exist is fine. Raises SegmentNotLive while that cannot be known; then nothing has changed."""
        standing = self._board.current.tenant(tenant).get(segment_id)
        if standing is not None and standing.turns_daily and standing.frozen is not None:
            async with self._board.defining():
                if self._board.current.tenant(tenant).get(segment_id) is not None:
                    await self._compute_anew(tenant, segment_id, live=True)

    async def set_members(
        self, tenant: str, segment_id: str, change: Callable[[BitMap, TenantIndex], BitMap], actor: Actor
    ) -> tuple[int, Revision]:
        """Gives a static segment other members, made from those it has; answers how many there are. Raises as
        require_static."""
        async with self._board.defining():
            self.require_static(self._board.current, tenant, segment_id, actor)
            now = self._now()

            def freeze(segments: TenantSegments) -> None:
                standing = segments.get(segment_id)
                before = None if standing is None else standing.frozen
                index = self._board.current.tenant(tenant).index
                members = change(BitMap() if before is None else before.members, index)
                segments.freeze(segment_id, Frozen(members, now))

            count, _, revision = await self._exchange(tenant, segment_id, freeze, Lane.BULK)
            return count, revision

    def require_static(self, version: Version, tenant: str, segment_id: str, actor: Actor) -> None:
        """That the actor may upload members. Raises ResourceNotFound, StepForbidden, WrongState."""
        known = existing(version, tenant, segment_id)
        require_owner(known, actor, "upload members")
        if known.draft.kind is not Kind.STATIC:
            problem = "only a static segment's members are uploaded"
            raise WrongState(f"segment {segment_id!r}", known.draft.kind.value, problem)

    async def _compute_anew(
        self, tenant: str, segment_id: str, *, live: bool = False
    ) -> tuple[int, Segment, Revision]:
        def anew(segments: TenantSegments) -> None:
            segments.compute_anew(segment_id)

        return await self._exchange(tenant, segment_id, anew, Lane.LIVE, live=live)

    async def _exchange(
        self,
        tenant: str,
        segment_id: str,
        change: Callable[[TenantSegments], None],
        lane: Lane,
        *,
        live: bool = False,
    ) -> tuple[int, Segment, Revision]:
        """How many members there are, the segment, and what covers them. With `live` raises SegmentNotLive, and leaves
        everything as it is, when they cannot be those of now."""

        def prepare(draft: Version) -> tuple[int, Segment, dict[str, Followed]]:
            segments = draft.writable(tenant)
            assert segments.get(segment_id) is not None  # definitions take turns
            change(segments)
            followed = segments.follow(Touched(), lane, self._now())
            if live:
                live_segment(segments, segment_id)
            _note_frozen(segments, segment_id, followed)
            placed = segments.get(segment_id)
            assert placed is not None
            return len(placed.members), placed.segment, {tenant: followed}

        def store(
            connection: Connection, version: Version, prepared: tuple[int, Segment, dict[str, Followed]]
        ) -> tuple[int, Segment, Revision]:
            count, stored, followed = prepared
            self._stores.segments.put_moment(connection, tenant, version.tenant(tenant).moment)
            return count, stored, record(connection, self._stores, lane, followed)

        return await self._board.change(prepare, store)

    def get(self, version: Version, tenant: str, segment_id: str) -> tuple[Counted, Freshness]:
        """One segment with its count. Raises ResourceNotFound."""
        started = time.perf_counter_ns()
        segments = version.tenant(tenant)
        segment = existing(version, tenant, segment_id)
        standing = segments.get(segment_id)
        assert standing is not None
        notes = freshness_of_members(segments, [standing], self._now())
        rules = [] if standing.rule is None else [standing.rule]
        warnings = (*notes.warnings, *valueless(segments, rules))
        counted = Counted(segment, standing.count())
        took = elapsed_us(time.perf_counter_ns() - started)
        return counted, replace(notes, warnings=warnings, evaluate_us=took)

    def warnings(self, tenant: str, segment_id: str) -> tuple[str, ...]:
        """What there is to say of a segment that was just stored; nothing of one that went meanwhile."""
        version = self._board.current
        if version.tenant(tenant).get(segment_id) is None:
            return ()
        return self.get(version, tenant, segment_id)[1].warnings

    def page(self, version: Version, tenant: str, asked: Filter, after: str, size: int) -> list[Counted]:
        """Segments in order of id, after one."""
        found = [
            each
            for each in version.tenant(tenant).all()
            if each.segment.segment_id > after and asked.fits(each.segment)
        ]
        return [Counted(each.segment, each.count()) for each in found[:size]]

    # -------------------------------------------------------------------------------------------- parts

    async def _store(
        self,
        tenant: str,
        draft: Draft,
        known: Segment | None,
        saying: Saying,
        may_read: MayRead,
        *,
        restored: Deletion | None = None,
    ) -> tuple[Segment, Revision]:
        """Everything that can be wrong is found, and tagging asked, before anything is stored."""
        _require_room(self._board.current.tenant(tenant), draft.segment_id)
        rule = await read_up_to_date(self._board, self._up_to_date, tenant, draft, may_read)
        now = saying.time
        segment = Segment(
            draft=draft,
            canonical_rule=rule.canonical,
            etag=etag_of(draft),
            create_time=now if known is None else known.create_time,
            update_time=now,
            version=1 if known is None else known.version + 1,
        )
        trial = self._board.current.draft().writable(tenant)
        trial.put(segment, rule)
        if rule.forms:
            await self._features.require(tenant, self._awaited.needed(tenant, trial))

        def prepare(version: Version) -> tuple[Segment, dict[str, Followed]]:
            return self._place(version, tenant, segment, None if restored is None else restored.frozen)

        def store(
            connection: Connection, version: Version, prepared: tuple[Segment, dict[str, Followed]]
        ) -> tuple[Segment, Revision]:
            stored, followed = prepared
            self._take_out_of_the_bin(connection, tenant, stored, restored=restored is not None)
            require_folder(connection, self._stores, tenant, stored.draft.folder)
            self._stores.versions.put(connection, tenant, SegmentVersion.of(stored, saying))
            self._stores.segments.put_moment(connection, tenant, version.tenant(tenant).moment)
            return stored, record(connection, self._stores, Lane.LIVE, followed)

        return await self._board.change(prepare, store)

    def _take_out_of_the_bin(
        self, connection: Connection, tenant: str, segment: Segment, *, restored: bool
    ) -> None:
        """Raises SegmentDeleted for a new segment with the id of one that lies there."""
        deletion = self._stores.recycle_bin.get(connection, tenant, segment.segment_id)
        if deletion is not None and not restored:
            raise SegmentDeleted(segment.segment_id, deletion.purge_time)
        self._stores.recycle_bin.remove(connection, tenant, segment.segment_id)

    def _saying(self, actor: Actor, reason: str) -> Saying:
        require_reason(reason)
        return Saying(actor.subject, reason, self._now())

    def _place(
        self, version: Version, tenant: str, segment: Segment, frozen: Frozen | None
    ) -> tuple[Segment, dict[str, Followed]]:
        rule: ReadRule = version.read(tenant, segment.draft)
        segments = version.writable(tenant)
        segments.put(segment, rule)
        if frozen is None and segment.draft.kind is Kind.STATIC and segment.version == 1:
            frozen = Frozen(BitMap(), segment.create_time)
        if frozen is not None:
            segments.freeze(segment.segment_id, frozen)
        version.reread_broken(tenant)
        followed = segments.follow(Touched(), Lane.LIVE, segment.update_time)
        _note_frozen(segments, segment.segment_id, followed)
        standing = segments.get(segment.segment_id)
        assert standing is not None
        others = [each for each in followed.segments if each.segment_id != segment.segment_id]
        followed.segments = [standing.segment, *others]
        return standing.segment, {tenant: followed}


def _note_frozen(segments: TenantSegments, segment_id: str, followed: Followed) -> None:
    """What is stored of the members of a segment that was placed."""
    standing = segments.get(segment_id)
    if standing is not None:
        followed.frozen[segment_id] = standing.frozen


def _owned(draft: Draft, known: Segment) -> Draft:
    """Who does not say an owner leaves it as it is."""
    return replace(draft, owner=draft.owner or known.draft.owner)


def _require_room(segments: TenantSegments, segment_id: str) -> None:
    """For one that does not stand yet. Raises SegmentQuota."""
    if segments.get(segment_id) is None and (count := len(segments.names()) + 1) > MAX_SEGMENTS:
        raise SegmentQuota(count, MAX_SEGMENTS)


def existing(version: Version, tenant: str, segment_id: str) -> Segment:
    """One segment. Raises ResourceNotFound, with a near name."""
    segments = version.tenant(tenant)
    standing = segments.get(segment_id)
    if standing is None:
        raise ResourceNotFound(f"segment {segment_id!r}", nearest(segment_id, segments.names()))
    return standing.segment


def _require_valid(draft: Draft) -> None:
    if problem := problem_of(draft):
        raise InvalidField(*problem)
