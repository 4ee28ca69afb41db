"""SnapshotService: freeze, read and stream members."""

from collections.abc import AsyncIterator

import numpy as np
from huaxiang.segments.v1 import snapshot_service_pb2 as pb
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceServicer
from pyroaring import BitMap
from segments.api import render
from segments.app.segments import Segments
from segments.app.snapshots import Outgoing, Snapshots, birth_hashes, exported
from segments.app.version import Board, Version
from segments.domain.packing import microseconds, moment_of
from segments.domain.upload import MAX_PERSON_ID
from segments.store.ports import Journal
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.request_ids import once, remembered
from servicekit.revision import Lane
from sqlalchemy import Connection

MEMBERS_PER_MESSAGE = 65_536


class SnapshotServicer(SnapshotServiceServicer):
    """Frozen members."""

    def __init__(
        self,
        board: Board,
        segments: Segments,
        snapshots: Snapshots,
        database: Database,
        journal: Journal,
        freshness: Freshness,
    ) -> None:
        self._board = board
        self._segments = segments
        self._journal = journal
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
        answer = await self._database.read(self._remembered, tenant, request)
        if answer is None:
            await self._segments.bring_up_to_date(tenant, request.segment_id)
            answer = await self._database.write(self._create, tenant, request, self._board.current)
        return pb.CreateSnapshotResponse.FromString(answer)

    @staticmethod
    def _remembered(connection: Connection, tenant: str, request: pb.CreateSnapshotRequest) -> bytes | None:
        return remembered(
            connection,
            tenant=tenant,
            rpc="CreateSnapshot",
            request_id=request.request_id,
            request=_asked(request),
        )

    def _create(
        self, connection: Connection, tenant: str, request: pb.CreateSnapshotRequest, version: Version
    ) -> bytes:
        def work() -> bytes:
            frozen = self._snapshots.freeze(version, tenant, request.segment_id)
            stored = self._snapshots.add(connection, tenant, frozen)
            revision = self._journal.append(connection, Lane.LIVE, {})
            answer = pb.CreateSnapshotResponse(snapshot=render.snapshot(stored), revision=revision.to_proto())
            return answer.SerializeToString()

        return once(
            connection,
            tenant=tenant,
            rpc="CreateSnapshot",
            request_id=request.request_id,
            request=_asked(request),
            work=work,
        )

    async def GetSnapshot(self, request: pb.GetSnapshotRequest, context: object) -> pb.GetSnapshotResponse:
        tenant = current_principal().require_tenant()
        stored = await self._database.read(self._snapshots.get, tenant, request.snapshot_id)
        return pb.GetSnapshotResponse(snapshot=render.snapshot(stored))

    async def ListSnapshots(
        self, request: pb.ListSnapshotsRequest, context: object
    ) -> pb.ListSnapshotsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, int, str)
        before = None if last is None else (moment_of(last[0]), last[1])
        found = await self._database.read(self._snapshots.page, tenant, request.segment_id, before, size + 1)
        token = ""
        if len(found) > size:
            key = (microseconds(found[size - 1].create_time), found[size - 1].snapshot_id)
            token = make_token(key, bound_to)
        return pb.ListSnapshotsResponse(
            snapshots=[render.snapshot(each) for each in found[:size]], next_page_token=token
        )

    async def ExportMembers(
        self, request: pb.ExportMembersRequest, context: object
    ) -> AsyncIterator[pb.ExportMembersResponse]:
        tenant = current_principal().require_tenant()
        outgoing = await self._outgoing(tenant, request)
        version = self._board.current
        # A set: who never reads the stream holds no list of ids.
        persons = exported(version, tenant, outgoing.members)
        total, first = len(persons), persons.rank(min(max(0, request.after_person_id), MAX_PERSON_ID))
        starts = range(first, total, MEMBERS_PER_MESSAGE) or range(first, first + 1)
        for start in starts:
            some = np.frombuffer(persons[start : start + MEMBERS_PER_MESSAGE].to_array(), np.uint32)
            part = pb.ExportMembersResponse(
                person_ids=some.astype("<u4").tobytes(),
                birth_hashes=birth_hashes(version, tenant, some).astype("<u8").tobytes(),
            )
            if start == first:
                part.revision.token = outgoing.token
                part.total_count = total
                part.warnings.extend(outgoing.warnings)
            yield part

    async def _outgoing(self, tenant: str, request: pb.ExportMembersRequest) -> Outgoing:
        match request.WhichOneof("set"):
            case "snapshot_id":
                stored = await self._database.read(self._snapshots.get, tenant, request.snapshot_id)
                return Outgoing(BitMap.deserialize(stored.members), stored.revision_token)
            case "segment_id":
                return self._snapshots.outgoing(self._board.current, tenant, request.segment_id)
            case _:
                raise InvalidField("set", "is missing: name a snapshot_id or a segment_id")


def _asked(request: pb.CreateSnapshotRequest) -> bytes:
    """What a repeat of a request has to repeat."""
    asked = pb.CreateSnapshotRequest(request_id=request.request_id, segment_id=request.segment_id)
    return asked.SerializeToString(deterministic=True)
