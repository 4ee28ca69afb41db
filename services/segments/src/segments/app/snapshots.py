"""Frozen members, and their way out."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from pyroaring import BitMap
from segments.app.board import Board
from segments.app.freshness_notes import freshness_of
from segments.domain.segment import Snapshot, State
from segments.errors import SegmentNotLive
from segments.store.ports import SnapshotStore
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision
from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Frozen:
    """Members on their way into a snapshot or an export."""

    segment_id: str
    canonical_rule: str
    members: BitMap
    population_count: int
    as_of: dt.datetime


class Snapshots:
    """The use cases of SnapshotService."""

    def __init__(self, board: Board, store: SnapshotStore, new_id: Callable[[], str]) -> None:
        self._board = board
        self._store = store
        self._new_id = new_id

    def freeze(self, tenant: str, segment_id: str) -> Frozen:
        """The members now. Call inside the board's gate. Raises ResourceNotFound, SegmentNotLive."""
        standing = self._board.tenant(tenant).get(segment_id)
        if standing is None:
            raise ResourceNotFound(f"segment {segment_id!r}")
        segment = standing.segment
        if segment.state is not State.LIVE:
            raise SegmentNotLive(segment_id, segment.state.value, segment.note)
        freshness = freshness_of(self._board, tenant, standing.rule)
        return Frozen(
            segment_id,
            segment.canonical_rule,
            standing.members.copy(),
            freshness.population_count,
            freshness.as_of,
        )

    def add(self, connection: Connection, tenant: str, frozen: Frozen, read_at: Revision) -> Snapshot:
        """Stores a snapshot."""
        snapshot = Snapshot(
            snapshot_id=self._new_id(),
            segment_id=frozen.segment_id,
            canonical_rule=frozen.canonical_rule,
            count=len(frozen.members),
            create_time=self._board.now(),
            population_count=frozen.population_count,
            as_of=frozen.as_of,
            revision_token=read_at.token(),
            members=frozen.members.serialize(),
        )
        self._store.add(connection, tenant, snapshot)
        return snapshot

    def get(self, connection: Connection, tenant: str, snapshot_id: str) -> Snapshot:
        """One snapshot. Raises ResourceNotFound."""
        snapshot = self._store.get(connection, tenant, snapshot_id)
        if snapshot is None:
            raise ResourceNotFound(f"snapshot {snapshot_id!r}")
        return snapshot

    def birth_hashes(self, tenant: str, person_ids: BitMap) -> list[int]:
        """In order of id. Call inside the board's gate."""
        return list(self._board.tenant(tenant).index.birth_hashes(person_ids))
