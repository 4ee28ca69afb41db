"""What tagging and segments are told of campaigns: those that have not ended, with the segment of their snapshot."""
# ruff: noqa: N802  # rpc names are the contract's

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from activation.domain.campaign import Campaign, State
from activation.store.sql_campaigns import SqlCampaignStore
from activation.workers.tag_use import TagUse
from huaxiang.segments.v1 import (
    segment_use_service_pb2,
    segment_use_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
)
from huaxiang.tagging.v1 import tag_use_service_pb2, tag_use_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import ResourceNotFound, UpstreamUnavailable
from servicekit.server import Service
from servicekit.testing.servers import serving


@dataclass
class Left(
    snapshot_service_pb2_grpc.SnapshotServiceServicer,
    segment_use_service_pb2_grpc.SegmentUseServiceServicer,
    tag_use_service_pb2_grpc.TagUseServiceServicer,
):
    """Segments with one snapshot, and tagging that remembers what it was told."""

    told: list[tuple[str, list[tuple[str, list[str]]]]] = field(default_factory=list)
    used: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)
    away: bool = False

    async def ReportSegmentUse(self, request, context):
        assert request.consumer == "activation"
        uses = [(each.name, list(each.segment_ids)) for each in request.uses]
        self.used[current_principal().require_tenant()] = uses
        return segment_use_service_pb2.ReportSegmentUseResponse()

    async def GetSnapshot(self, request, context):
        if request.snapshot_id != "snap":
            raise ResourceNotFound("snapshot")
        return snapshot_service_pb2.GetSnapshotResponse(snapshot={"segment_id": "rich"})

    async def ReportTagUse(self, request, context):
        if self.away:
            raise UpstreamUnavailable("the test")
        assert request.consumer == "activation"
        uses = [(each.name, list(each.segments)) for each in request.uses]
        self.told.append((current_principal().require_tenant(), uses))
        return tag_use_service_pb2.ReportTagUseResponse()


@pytest.fixture
async def left() -> Left:
    return Left()


@pytest.fixture
async def tag_use(database: Database, tmp_path: Path, left: Left) -> AsyncIterator[TagUse]:
    services = [
        Service(
            snapshot_service_pb2.DESCRIPTOR.services_by_name["SnapshotService"],
            snapshot_service_pb2_grpc.add_SnapshotServiceServicer_to_server,
            left,
        ),
        Service(
            segment_use_service_pb2.DESCRIPTOR.services_by_name["SegmentUseService"],
            segment_use_service_pb2_grpc.add_SegmentUseServiceServicer_to_server,
            left,
        ),
        Service(
            tag_use_service_pb2.DESCRIPTOR.services_by_name["TagUseService"],
            tag_use_service_pb2_grpc.add_TagUseServiceServicer_to_server,
            left,
        ),
    ]
    async with serving(services, tmp_path) as server:
        channel = server.connect()
        yield TagUse(database, SqlCampaignStore(), channel, channel)


async def test_open_campaigns_are_told_when_they_change(
    database: Database, tag_use: TagUse, left: Left, campaign: Campaign, other: Campaign
) -> None:
    store = SqlCampaignStore()
    await tag_use.round()
    assert left.told == []
    await database.write(store.add, campaign, b"1")
    gone = replace(other, tenant="t2", draft=replace(other.draft, snapshot_id="gone"))
    await database.write(store.add, gone, b"2")
    await tag_use.round()
    assert left.told == [("t1", [("c1", ["rich"])]), ("t2", [("c2", [])])]
    assert left.used == {"t1": [("c1", ["rich"])], "t2": [("c2", [])]}
    await tag_use.round()
    assert len(left.told) == 2
    await database.write(store.put, campaign.at(State.COMPLETED))
    left.away = True
    with pytest.raises(UpstreamUnavailable, match="tagging"):
        await tag_use.round()
    left.away = False
    await tag_use.round()
    assert left.told[2:] == [("t1", [])]
    assert left.used["t1"] == []
