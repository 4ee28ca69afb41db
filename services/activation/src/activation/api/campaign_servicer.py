"""CampaignService: parse, call one use case in one transaction, render."""

from collections.abc import Callable

from activation.api import parse, render
from activation.app.campaigns import Campaigns
from activation.app.planning import Snapshots
from activation.app.reach import EstimateReach
from activation.domain.campaign import Campaign, State
from activation.domain.ledger import Report
from huaxiang.activation.v1 import campaign_service_pb2 as pb
from huaxiang.activation.v1.campaign_service_pb2_grpc import CampaignServiceServicer
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.revision import Revision
from servicekit.telemetry.context import current_trace
from sqlalchemy import Connection


class CampaignServicer(CampaignServiceServicer):
    """Campaigns and their course."""

    def __init__(
        self,
        database: Database,
        campaigns: Campaigns,
        snapshots: Snapshots,
        estimate_reach: EstimateReach,
        read_at: Callable[[Connection], Revision],
    ) -> None:
        self._database = database
        self._campaigns = campaigns
        self._snapshots = snapshots
        self._estimate_reach = estimate_reach
        self._read_at = read_at

    async def CreateCampaign(
        self, request: pb.CreateCampaignRequest, context: object
    ) -> pb.CreateCampaignResponse:
        tenant = current_principal().require_tenant()
        draft = parse.draft(request.campaign)
        stored, revision = await self._database.write(self._campaigns.create, tenant, draft)
        return pb.CreateCampaignResponse(campaign=render.campaign(stored), revision=revision.to_proto())

    async def StartCampaign(
        self, request: pb.StartCampaignRequest, context: object
    ) -> pb.StartCampaignResponse:
        tenant = current_principal().require_tenant()
        known = await self._database.read(self._campaigns.find, tenant, request.campaign_id)
        purposes: tuple[str, ...] = ()
        if known.state is State.DRAFT:
            purposes = await self._snapshots.require(tenant, known.draft.snapshot_id)
        trace = current_trace()
        stored, revision = await self._database.write(
            self._campaigns.start, tenant, request.campaign_id, purposes, trace.traceparent() if trace else ""
        )
        return pb.StartCampaignResponse(campaign=render.campaign(stored), revision=revision.to_proto())

    async def PauseCampaign(
        self, request: pb.PauseCampaignRequest, context: object
    ) -> pb.PauseCampaignResponse:
        tenant = current_principal().require_tenant()
        stored, revision = await self._database.write(
            self._campaigns.pause, tenant, request.campaign_id, request.reason
        )
        return pb.PauseCampaignResponse(campaign=render.campaign(stored), revision=revision.to_proto())

    async def ResumeCampaign(
        self, request: pb.ResumeCampaignRequest, context: object
    ) -> pb.ResumeCampaignResponse:
        tenant = current_principal().require_tenant()
        stored, revision = await self._database.write(self._campaigns.resume, tenant, request.campaign_id)
        return pb.ResumeCampaignResponse(campaign=render.campaign(stored), revision=revision.to_proto())

    async def CancelCampaign(
        self, request: pb.CancelCampaignRequest, context: object
    ) -> pb.CancelCampaignResponse:
        tenant = current_principal().require_tenant()
        stored, revision = await self._database.write(
            self._campaigns.cancel, tenant, request.campaign_id, request.reason
        )
        return pb.CancelCampaignResponse(campaign=render.campaign(stored), revision=revision.to_proto())

    async def GetCampaign(self, request: pb.GetCampaignRequest, context: object) -> pb.GetCampaignResponse:
        tenant = current_principal().require_tenant()
        stored, counted, read_at = await self._database.read(self._get, tenant, request.campaign_id)
        return pb.GetCampaignResponse(
            campaign=render.campaign(stored), report=render.report(counted), revision=read_at.to_proto()
        )

    def _get(
        self, connection: Connection, tenant: str, campaign_id: str
    ) -> tuple[Campaign, Report, Revision]:
        read_at = self._read_at(connection)
        return *self._campaigns.get(connection, tenant, campaign_id), read_at

    async def EstimateReach(
        self, request: pb.EstimateReachRequest, context: object
    ) -> pb.EstimateReachResponse:
        tenant = current_principal().require_tenant()
        return render.reach(await self._estimate_reach(tenant, parse.reach(request)))

    async def ListCampaigns(
        self, request: pb.ListCampaignsRequest, context: object
    ) -> pb.ListCampaignsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, str)
        after = last[0] if last else ""
        found = await self._database.read(self._campaigns.page, tenant, after, size + 1)
        more = len(found) > size
        return pb.ListCampaignsResponse(
            campaigns=[render.campaign(each) for each in found[:size]],
            next_page_token=make_token([found[size - 1].campaign_id], bound_to) if more else "",
        )
