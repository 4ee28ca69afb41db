"""Frozen members, and their way out."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from segments.app.freshness_notes import freshness_of_members
from segments.app.membership import live_segment, segment_with_members
from segments.app.readable import purposes_of
from segments.app.version import Version
from segments.domain.segment import Snapshot
from segments.store.ports import SnapshotStore
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision
from sqlalchemy import Connection

REMOVED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Frozen:
    """Members on their way into a snapshot."""

    segment_id: str
    canonical_rule: str
    members: BitMap
    population_count: int
    as_of: dt.datetime
    read_at: Revision
    purposes: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Members to be listed, and what they were read at. `warnings`: what there is to know of them."""

    members: BitMap
    token: str
    warnings: tuple[str, ...] = ()


class Snapshots:
    """The use cases of SnapshotService. `now` is the suite's time."""

    def __init__(
        self, store: SnapshotStore, new_id: Callable[[], str], now: Callable[[], dt.datetime]
    ) -> None:
        self._store = store
        self._new_id = new_id
        self._now = now

    def freeze(self, version: Version, tenant: str, segment_id: str) -> Frozen:
        """The members now. Raises ResourceNotFound, SegmentNotLive: members of before are not kept for good."""
        segments = version.tenant(tenant)
        standing = live_segment(segments, segment_id)
        assert standing.rule is not None
        freshness = freshness_of_members(segments, [standing], self._now())
        return Frozen(
            segment_id,
            standing.segment.canonical_rule,
            standing.members,
            freshness.population_count,
            freshness.as_of,
            version.revision,
            purposes_of(segments, standing.rule),
            standing.segment.version,
        )

    def outgoing(self, version: Version, tenant: str, segment_id: str) -> Outgoing:
        """The members as they stand. Raises ResourceNotFound, SegmentNotLive without members to speak of."""
        segments = version.tenant(tenant)
        standing = segment_with_members(segments, segment_id)
        notes = freshness_of_members(segments, [standing], self._now())
        return Outgoing(standing.members, version.revision.token(), notes.warnings)

    def add(self, connection: Connection, tenant: str, frozen: Frozen) -> Snapshot:
        """Stores a snapshot."""
        snapshot = Snapshot(
            snapshot_id=self._new_id(),
            segment_id=frozen.segment_id,
            canonical_rule=frozen.canonical_rule,
            count=len(frozen.members),
            create_time=self._now(),
            population_count=frozen.population_count,
            as_of=frozen.as_of,
            revision_token=frozen.read_at.token(),
            members=frozen.members.serialize(),
            purposes=frozen.purposes,
            version=frozen.version,
        )
        self._store.add(connection, tenant, snapshot)
        return snapshot

    def get(self, connection: Connection, tenant: str, snapshot_id: str) -> Snapshot:
        """One snapshot. Raises ResourceNotFound."""
        snapshot = self._store.get(connection, tenant, snapshot_id)
        if snapshot is None:
            raise ResourceNotFound(f"snapshot {snapshot_id!r}")
        return snapshot

    def page(
        self,
        connection: Connection,
        tenant: str,
        segment_id: str,
        before: tuple[dt.datetime, str] | None,
        limit: int,
    ) -> list[Snapshot]:
        """A segment's, newest first, without members."""
        return self._store.page(connection, tenant, segment_id, before, limit)

    def remove_old(self, connection: Connection, keep: dt.timedelta) -> int:
        """Removes some snapshots older than that; answers how many."""
        return self._store.remove_before(connection, self._now() - keep, REMOVED_AT_ONCE)


def exported(version: Version, tenant: str, members: BitMap) -> BitMap:
    """The members that may leave: frozen ones who were erased since do not."""
    return members - version.tenant(tenant).index.erased()


def birth_hashes(version: Version, tenant: str, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """In the same order."""
    return version.tenant(tenant).index.birth_hashes(person_ids)
