"""Streams snapshots' members into the ledger."""

import grpc
import numpy as np
from activation.app.planning import Planning
from activation.domain.campaign import Campaign
from huaxiang.segments.v1 import snapshot_service_pb2 as pb
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from servicekit.principal import TENANT_KEY

ROWS_PER_COMMIT = 5_000


class Planner:
    """One round plans one campaign as far as it goes."""

    def __init__(self, database: Database, planning: Planning, segments: grpc.aio.Channel) -> None:
        self._database = database
        self._planning = planning
        self._snapshots = SnapshotServiceStub(segments)

    async def round(self) -> bool:
        """Whether there was anything to plan."""
        campaigns = await self._database.read(self._planning.to_plan)
        for campaign in campaigns:
            await self._plan(campaign)
        return bool(campaigns)

    async def _plan(self, campaign: Campaign) -> None:
        request = pb.ExportMembersRequest(
            snapshot_id=campaign.draft.snapshot_id, after_person_id=campaign.planned_through
        )
        call = self._snapshots.ExportMembers(request, metadata=((TENANT_KEY, campaign.tenant),))
        members: list[tuple[int, int]] = []
        try:
            async for part in call:
                person_ids = np.frombuffer(part.person_ids, dtype="<u4").tolist()
                birth_hashes = np.frombuffer(part.birth_hashes, dtype="<u8").tolist()
                members += zip(person_ids, birth_hashes, strict=True)
                while len(members) > ROWS_PER_COMMIT:
                    some, members = members[:ROWS_PER_COMMIT], members[ROWS_PER_COMMIT:]
                    if not await self._add(campaign, some, last=False):
                        return
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                reason = f"no snapshot has the id {campaign.draft.snapshot_id}"
                await self._database.write(self._planning.fail, campaign, reason)
                return
            raise UpstreamUnavailable("segments") from error
        await self._add(campaign, members, last=True)

    async def _add(self, campaign: Campaign, members: list[tuple[int, int]], *, last: bool) -> bool:
        return await self._database.write(
            lambda connection: self._planning.add(connection, campaign, members, last=last)
        )
