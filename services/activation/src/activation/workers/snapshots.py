"""Snapshots as segments keeps them."""

import struct
from collections.abc import AsyncIterator, Sequence

import grpc
from activation.app.planning import Member
from activation.errors import SnapshotUnknown
from huaxiang.segments.v1 import snapshot_service_pb2 as pb
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from servicekit.errors import UpstreamUnavailable
from servicekit.principal import TENANT_KEY

_NO_SUCH = {
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
}


class SegmentsSnapshots:
    """Implements Snapshots."""

    def __init__(self, segments: grpc.aio.Channel) -> None:
        self._stub = SnapshotServiceStub(segments)

    async def require(self, tenant: str, snapshot_id: str) -> tuple[str, ...]:
        request = pb.GetSnapshotRequest(snapshot_id=snapshot_id)
        try:
            answer = await self._stub.GetSnapshot(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            raise _translated(error, snapshot_id) from error
        return tuple(answer.snapshot.sensitive_purposes)

    async def members(
        self, tenant: str, snapshot_id: str, after_person_id: int
    ) -> AsyncIterator[Sequence[Member]]:
        request = pb.ExportMembersRequest(snapshot_id=snapshot_id, after_person_id=after_person_id)
        try:
            async for part in self._stub.ExportMembers(request, metadata=((TENANT_KEY, tenant),)):
                person_ids = struct.unpack(f"<{len(part.person_ids) // 4}I", part.person_ids)
                birth_hashes = struct.unpack(f"<{len(part.birth_hashes) // 8}Q", part.birth_hashes)
                yield list(zip(person_ids, birth_hashes, strict=True))
        except grpc.aio.AioRpcError as error:
            raise _translated(error, snapshot_id) from error


def _translated(error: grpc.aio.AioRpcError, snapshot_id: str) -> Exception:
    return SnapshotUnknown(snapshot_id) if error.code() in _NO_SUCH else UpstreamUnavailable("segments")
