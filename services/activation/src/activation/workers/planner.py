"""Streams snapshots' members into the ledger."""

from activation.app.planning import Member, Planning, Snapshots
from activation.domain.campaign import Campaign
from activation.errors import SnapshotUnknown
from activation.workers.failpoints import Reach
from activation.workers.names import PLAN
from servicekit.database import Database
from servicekit.errors import Unavailable
from servicekit.telemetry.context import parse_traceparent
from servicekit.telemetry.spans import tracer

ROWS_PER_COMMIT = 2_000


class Planner:
    """One round plans each campaign as far as it goes."""

    def __init__(self, database: Database, planning: Planning, snapshots: Snapshots, reach: Reach) -> None:
        self._database = database
        self._planning = planning
        self._snapshots = snapshots
        self._reach = reach

    async def round(self) -> bool:
        """Whether there was anything to plan. Raises the last failure when some campaign could not go on."""
        campaigns = await self._database.read(self._planning.to_plan)
        failure: Unavailable | None = None
        for campaign in campaigns:
            try:
                with tracer().span(PLAN.name, parent=parse_traceparent(campaign.traceparent)):
                    await self._plan(campaign)
            except SnapshotUnknown as error:
                await self._database.write(self._planning.fail, campaign, str(error))
            except Unavailable as error:
                failure = error
        if failure is not None:
            raise failure
        return bool(campaigns)

    async def _plan(self, campaign: Campaign) -> None:
        members: list[Member] = []
        parts = self._snapshots.members(campaign.tenant, campaign.draft.snapshot_id, campaign.planned_through)
        async for part in parts:
            members += part
            while len(members) > ROWS_PER_COMMIT:
                some, members = members[:ROWS_PER_COMMIT], members[ROWS_PER_COMMIT:]
                if not await self._add(campaign, some, last=False):
                    return
                self._reach("planned")
        await self._add(campaign, members, last=True)
        self._reach("planned")

    async def _add(self, campaign: Campaign, members: list[Member], *, last: bool) -> bool:
        return await self._database.write(
            lambda connection: self._planning.add(connection, campaign, members, last=last)
        )
