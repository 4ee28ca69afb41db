"""Tells tagging and segments which segments campaigns rest on, so that nobody takes a tag or a segment of theirs away
unawares."""

import grpc
from activation.domain.campaign import ENDED, Campaign, State
from activation.store.ports import CampaignStore
from huaxiang.segments.v1 import segment_use_service_pb2, snapshot_service_pb2
from huaxiang.segments.v1.segment_use_service_pb2_grpc import SegmentUseServiceStub
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from huaxiang.tagging.v1 import tag_use_service_pb2 as pb
from huaxiang.tagging.v1.tag_use_service_pb2_grpc import TagUseServiceStub
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from servicekit.principal import TENANT_KEY
from sqlalchemy import Connection

CONSUMER = "activation"
LOOK_S = 5.0
"""Between two looks, at most; machine time."""
_OPEN = frozenset(State) - ENDED

Uses = tuple[tuple[str, str], ...]
"""(campaign, segment or "") of the campaigns that have not ended, in order."""


class TagUse:
    """One look a round; a tenant's whole set is stated when it changed, and once after a start."""

    def __init__(
        self,
        database: Database,
        campaigns: CampaignStore,
        segments: grpc.aio.Channel,
        tagging: grpc.aio.Channel,
    ) -> None:
        self._database = database
        self._campaigns = campaigns
        self._snapshots = SnapshotServiceStub(segments)
        self._tagging = TagUseServiceStub(tagging)
        self._uses = SegmentUseServiceStub(segments)
        self._told: dict[str, Uses] = {}
        self._segments: dict[tuple[str, str], str] = {}

    async def round(self) -> bool:
        """Never asks for another round at once. Raises UpstreamUnavailable."""
        tenants, running = await self._database.read(self._look)
        known = {(each.tenant, each.draft.snapshot_id) for each in running}
        self._segments = {key: name for key, name in self._segments.items() if key in known}
        for tenant in tenants:
            uses = []
            for each in running:
                if each.tenant == tenant:
                    uses.append((each.draft.campaign_id, await self._segment(tenant, each.draft.snapshot_id)))
            found = tuple(sorted(uses))
            if self._told.get(tenant) != found:
                await self._tell(tenant, found)
                self._told[tenant] = found
        return False

    def _look(self, connection: Connection) -> tuple[list[str], list[Campaign]]:
        return self._campaigns.every_tenant(connection), self._campaigns.in_state(connection, _OPEN)

    async def _segment(self, tenant: str, snapshot_id: str) -> str:
        """The segment that a snapshot was made of; "" when segments no longer has it."""
        if (tenant, snapshot_id) not in self._segments:
            request = snapshot_service_pb2.GetSnapshotRequest(snapshot_id=snapshot_id)
            try:
                answer = await self._snapshots.GetSnapshot(request, metadata=((TENANT_KEY, tenant),))
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise UpstreamUnavailable("segments") from error
                self._segments[tenant, snapshot_id] = ""
            else:
                self._segments[tenant, snapshot_id] = answer.snapshot.segment_id
        return self._segments[tenant, snapshot_id]

    async def _tell(self, tenant: str, uses: Uses) -> None:
        request = pb.ReportTagUseRequest(
            consumer=CONSUMER,
            uses=[
                pb.TagUse(
                    kind=pb.TAG_USER_KIND_CAMPAIGN, name=campaign, segments=[segment] if segment else []
                )
                for campaign, segment in uses
            ],
        )
        try:
            await self._tagging.ReportTagUse(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable("tagging") from error
        await self._tell_segments(tenant, uses)

    async def _tell_segments(self, tenant: str, uses: Uses) -> None:
        request = segment_use_service_pb2.ReportSegmentUseRequest(
            consumer=CONSUMER,
            uses=[
                segment_use_service_pb2.SegmentUse(
                    kind=segment_use_service_pb2.SEGMENT_USER_KIND_CAMPAIGN,
                    name=campaign,
                    segment_ids=[segment] if segment else [],
                )
                for campaign, segment in uses
            ],
        )
        try:
            await self._uses.ReportSegmentUse(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable("segments") from error
