"""From a snapshot to rows: every member becomes exactly one, resumable after any crash."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Protocol

from activation.app.campaign_changes import CampaignChanges
from activation.domain.campaign import Campaign, State
from activation.domain.delivery import held_out
from activation.domain.ledger import Planned
from activation.store.ports import CampaignStore, DeliveryLedger
from servicekit.clock import Clock
from sqlalchemy import Connection

Member = tuple[int, int]
"""(person_id, birth_hash)"""
CONTROL_GROUP = "control_group"


class Snapshots(Protocol):
    """Frozen audiences, where they are kept. Raises SnapshotUnknown when there is none with the id that the tenant may
    read, UpstreamUnavailable when nobody answers."""

    async def require(self, tenant: str, snapshot_id: str) -> tuple[str, ...]:
        """What the sensitive tags behind the snapshot are kept for, in order, when it exists."""
        ...

    def members(self, tenant: str, snapshot_id: str, after_person_id: int) -> AsyncIterator[Sequence[Member]]:
        """Parts of the members with a higher person id, ascending."""
        ...


class Planning:
    """Writes rows and the cursor in one transaction."""

    def __init__(
        self, store: CampaignStore, changes: CampaignChanges, ledger: DeliveryLedger, clock: Clock
    ) -> None:
        self._store = store
        self._changes = changes
        self._ledger = ledger
        self._clock = clock

    def to_plan(self, connection: Connection) -> list[Campaign]:
        """Campaigns whose rows are not all written."""
        return self._store.in_state(connection, [State.PLANNING])

    def add(
        self, connection: Connection, campaign: Campaign, members: Sequence[Member], *, last: bool
    ) -> bool:
        """Adds rows for members in ascending order; `last` ends the planning. False when the campaign does not plan any
        more: nothing was added."""
        stored = self._store.get(connection, campaign.tenant, campaign.campaign_id, lock=True)
        if stored is None or stored.state is not State.PLANNING:
            return False
        planned = [planned_for(stored, *member) for member in members if member[0] > stored.planned_through]
        self._ledger.plan(connection, stored, planned, self._clock.now())
        through = planned[-1].person_id if planned else stored.planned_through
        stored = replace(stored, planned_through=through, plan_done=last)
        if last:
            self._ledger.settle(connection)
            self._changes.put(connection, stored.at(State.RUNNING))
        else:
            self._store.put(connection, stored)
        return True

    def fail(self, connection: Connection, campaign: Campaign, reason: str) -> None:
        """Ends a campaign whose snapshot is not there; rows that it has are cancelled by and by."""
        stored = self._store.get(connection, campaign.tenant, campaign.campaign_id, lock=True)
        if stored is not None and stored.state is State.PLANNING:
            self._changes.put(connection, stored.at(State.FAILED, reason, fence=True))


def planned_for(campaign: Campaign, person_id: int, birth_hash: int) -> Planned:
    """The tenant's control group comes first: who is in it is told apart from the campaign's own."""
    draft = campaign.draft
    if held_out(campaign.control_salt, birth_hash, campaign.control_basis_points):
        return Planned(person_id, held_out=True, reason=CONTROL_GROUP)
    return Planned(person_id, held_out(draft.salt, birth_hash, draft.holdout_basis_points))
