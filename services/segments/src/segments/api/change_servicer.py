"""ChangeService: the changelog as one Watch."""

from collections.abc import AsyncIterator

from huaxiang.segments.v1 import change_service_pb2 as pb
from huaxiang.segments.v1.change_service_pb2_grpc import ChangeServiceServicer
from segments.api import parse, render
from servicekit.changelog import StoredEntry
from servicekit.revision import from_proto
from servicekit.watch import Watches


class ChangeServicer(ChangeServiceServicer):
    """Who entered and who left."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches

    async def Watch(self, request: pb.WatchRequest, context: object) -> AsyncIterator[pb.WatchResponse]:
        lanes = parse.lanes(request.lane)
        wanted = frozenset(request.segment_ids)

        def keep(entry: StoredEntry) -> bool:
            return not wanted or _segment_of(entry) in wanted

        async for batch in self._watches.watch(from_proto(request.after), lanes=lanes, keep=keep):
            yield pb.WatchResponse(
                changes=[render.change(entry) for entry in batch.entries],
                lane=batch.lane.value,  # type: ignore[arg-type]  # the numbers are the proto's
                progress=batch.progress.to_proto(),
            )


def _segment_of(entry: StoredEntry) -> str:
    change = pb.Change.FromString(entry.payload)
    match change.WhichOneof("change"):
        case "members":
            return change.members.segment_id
        case "segment":
            return change.segment.segment_id
        case _:
            return change.deleted_segment_id
