"""SnapshotService: freeze, read and stream members."""

from collections.abc import AsyncIterator

import numpy as np
from huaxiang.segments.v1 import snapshot_service_pb2 as pb
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceServicer
from huaxiang.type.v1 import revision_pb2
from pyroaring import BitMap
from segments.api import render
from segments.app.board import Board
from segments.app.snapshots import Frozen, Snapshots
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness
from servicekit.request_ids import once
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection

MEMBERS_PER_MESSAGE = 65_536


class SnapshotServicer(SnapshotServiceServicer):
    """Frozen members."""

    def __init__(self, board: Board, snapshots: Snapshots, database: Database, freshness: Freshness) -> None:
        self._board = board
        self._snapshots = snapshots
        self._database = database
        self._freshness = freshness

    async def CreateSnapshot(
        self, request: pb.CreateSnapshotRequest, context: object
    ) -> pb.CreateSnapshotResponse:
        tenant = current_principal().require_tenant()
        if not request.request_id:
            raise InvalidField("request_id", "is empty: choose one, so that a repeat does not freeze twice")
        await self._freshness.ensure(request.consistency)
        async with self._board.gate.reading():
            read_at = await self._board.read_at()
            frozen = self._snapshots.freeze(tenant, request.segment_id)
        answer = await self._database.write(self._create, tenant, request, frozen, read_at)
        return pb.CreateSnapshotResponse.FromString(answer)

    def _create(
        self,
        connection: Connection,
        tenant: str,
        request: pb.CreateSnapshotRequest,
        frozen: Frozen,
        read_at: Revision,
    ) -> bytes:
        asked = pb.CreateSnapshotRequest(request_id=request.request_id, segment_id=request.segment_id)

        def work() -> bytes:
            stored = self._snapshots.add(connection, tenant, frozen, read_at)
            revision = self._board.journal.append(connection, Lane.LIVE, {})
            answer = pb.CreateSnapshotResponse(snapshot=render.snapshot(stored), revision=revision.to_proto())
            return answer.SerializeToString()

        return once(
            connection,
            tenant=tenant,
            rpc="CreateSnapshot",
            request_id=request.request_id,
            request=asked.SerializeToString(deterministic=True),
            work=work,
        )

    async def GetSnapshot(self, request: pb.GetSnapshotRequest, context: object) -> pb.GetSnapshotResponse:
        tenant = current_principal().require_tenant()
        stored = await self._database.read(self._snapshots.get, tenant, request.snapshot_id)
        return pb.GetSnapshotResponse(snapshot=render.snapshot(stored))

    async def ExportMembers(
        self, request: pb.ExportMembersRequest, context: object
    ) -> AsyncIterator[pb.ExportMembersResponse]:
        tenant = current_principal().require_tenant()
        members, read_at = await self._members(tenant, request)
        persons = members.to_array()
        total = len(persons)
        first = int(np.searchsorted(persons, request.after_person_id, side="right"))
        starts = range(first, total, MEMBERS_PER_MESSAGE) or range(first, first + 1)
        for start in starts:
            some = BitMap(persons[start : start + MEMBERS_PER_MESSAGE])
            async with self._board.gate.reading():
                hashes = self._snapshots.birth_hashes(tenant, some)
            part = pb.ExportMembersResponse(
                person_ids=render.person_ids(some), birth_hashes=np.asarray(hashes, dtype="<u8").tobytes()
            )
            if start == first:
                part.revision.CopyFrom(read_at)
                part.total_count = total
            yield part

    async def _members(
        self, tenant: str, request: pb.ExportMembersRequest
    ) -> tuple[BitMap, revision_pb2.Revision]:
        match request.WhichOneof("set"):
            case "snapshot_id":
                stored = await self._database.read(self._snapshots.get, tenant, request.snapshot_id)
                return BitMap.deserialize(stored.members), revision_pb2.Revision(token=stored.revision_token)
            case "segment_id":
                async with self._board.gate.reading():
                    read_at = await self._board.read_at()
                    frozen = self._snapshots.freeze(tenant, request.segment_id)
                return frozen.members, read_at.to_proto()
            case _:
                raise InvalidField("set", "is missing: name a snapshot_id or a segment_id")
