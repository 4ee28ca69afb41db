"""ChangeService: tagging's changelog as a Watch, and the bootstrap beside it."""

from collections.abc import AsyncIterator

import grpc
from huaxiang.tagging.v1 import change_pb2, change_service_pb2, change_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from servicekit.changelog import StoredEntry
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.progress import Progress
from servicekit.revision import LANES, Lane, from_proto
from servicekit.watch import Watches
from tagging.app.export_index import ExportIndex, IndexPart
from tagging.domain.changes import ChangeKind

_KINDS = {
    change_pb2.CHANGE_KIND_VALUES: ChangeKind.VALUES,
    change_pb2.CHANGE_KIND_PERSON: ChangeKind.PERSON,
    change_pb2.CHANGE_KIND_TAG: ChangeKind.TAG,
    change_pb2.CHANGE_KIND_FEATURE: ChangeKind.FEATURE,
    change_pb2.CHANGE_KIND_DAY: ChangeKind.DAY,
    change_pb2.CHANGE_KIND_TOUCHED: ChangeKind.TOUCHED,
    change_pb2.CHANGE_KIND_QUALITY_ALERT: ChangeKind.QUALITY_ALERT,
}
_BY_NAME_ONLY = {ChangeKind.TOUCHED, ChangeKind.QUALITY_ALERT}
_BY_DEFAULT = tuple(each for each in ChangeKind if each not in _BY_NAME_ONLY)
_NAMES = ", ".join(each.name for each in ChangeKind)
Context = grpc.aio.ServicerContext


class ChangeServicer(change_service_pb2_grpc.ChangeServiceServicer):
    """For the role service; covers all tenants."""

    def __init__(self, database: Database, watches: Watches, export_index: ExportIndex) -> None:
        self._database = database
        self._watches = watches
        self._export_index = export_index

    async def Watch(
        self, request: change_service_pb2.WatchRequest, context: "Context[object, object]"
    ) -> AsyncIterator[change_service_pb2.WatchResponse]:
        if unknown := set(request.kinds) - _KINDS.keys():
            raise InvalidField("kinds", f"holds {len(unknown)} that are none of {_NAMES}")
        batches = self._watches.watch(
            from_proto(request.after),
            lanes=_lanes(request.lane),
            kinds=[_KINDS[kind] for kind in request.kinds] or _BY_DEFAULT,
        )
        async for batch in batches:
            yield change_service_pb2.WatchResponse(
                changes=[_change(entry) for entry in batch.entries],
                lane=revision_pb2.Lane.ValueType(int(batch.lane)),
                progress=batch.progress.to_proto(),
            )

    async def ExportTagIndex(
        self, request: change_service_pb2.ExportTagIndexRequest, context: "Context[object, object]"
    ) -> AsyncIterator[change_service_pb2.ExportTagIndexResponse]:
        async for part in self._database.stream(self._export_index):
            yield _response(part)


def _lanes(lane: int) -> tuple[Lane, ...]:
    if lane == revision_pb2.LANE_UNSPECIFIED:
        return LANES
    if lane not in tuple(LANES):
        raise InvalidField("lane", "is none of LANE_LIVE, LANE_BULK")
    return (Lane(lane),)


def _change(entry: StoredEntry) -> change_pb2.Change:
    change = change_pb2.Change.FromString(entry.payload)
    change.tenant = entry.tenant
    change.position = entry.position
    change.traceparent = entry.traceparent or ""
    return change


def _response(part: IndexPart | Progress) -> change_service_pb2.ExportTagIndexResponse:
    if isinstance(part, Progress):
        return change_service_pb2.ExportTagIndexResponse(progress=part.to_proto())
    response = change_service_pb2.ExportTagIndexResponse(tenant=part.tenant)
    for entry in part.entries:
        assert isinstance(entry.payload, bytes)
        said = change_pb2.Change.FromString(entry.payload)
        match said.WhichOneof("change"):
            case "day":
                response.day.CopyFrom(said.day)
            case "person":
                response.persons.append(said.person)
            case "tag":
                response.tags.append(said.tag.tag)
            case "feature":
                response.features.append(said.feature)
            case "block":
                response.blocks.append(said.block)
    return response
