"""A campaign's course: what time ends, and when everything is done. Derived from the rows, never from a cursor."""

from activation.app.campaign_changes import CampaignChanges
from activation.app.campaigns import ROWS_AT_ONCE
from activation.domain.campaign import ENDED, Campaign, State
from activation.domain.delivery import IN_HANDS, TERMINAL, UNSENT, DeliveryState
from activation.store.ports import CampaignStore, DeliveryLedger
from servicekit.clock import Clock
from sqlalchemy import Connection

UNFINISHED = frozenset(DeliveryState) - TERMINAL
MOVES_ON = frozenset({State.RUNNING, State.DRAINING, State.PAUSED, State.CANCELLED, State.FAILED})


class Completion:
    """Looks at campaigns that are under way, one a transaction."""

    def __init__(
        self, store: CampaignStore, changes: CampaignChanges, ledger: DeliveryLedger, clock: Clock
    ) -> None:
        self._store = store
        self._changes = changes
        self._ledger = ledger
        self._clock = clock

    def under_way(self, connection: Connection) -> list[Campaign]:
        """Campaigns to look at."""
        return [each for each in self._store.under_way(connection) if each.state in MOVES_ON]

    def advance(self, connection: Connection, tenant: str, campaign_id: str) -> bool:
        """Gives back claims whose lease has ended, expires or cancels what is not to be sent any more, drains,
        completes, and destroys the key once every row is terminal. Returns whether anything changed."""
        campaign = self._store.get(connection, tenant, campaign_id, lock=True)
        if campaign is None or campaign.state not in MOVES_ON:
            return False
        now = self._clock.now()
        machine_ms = int(self._clock.machine_now().timestamp() * 1_000)
        changed = self._ledger.release_expired(connection, campaign, machine_ms, now) > 0
        if campaign.state in ENDED:
            changed |= self._end(connection, campaign, DeliveryState.CANCELLED)
        elif campaign.expire_time is not None and now >= campaign.expire_time:
            changed |= self._end(connection, campaign, DeliveryState.EXPIRED)
        return self._move_on(connection, campaign) or changed

    def _end(self, connection: Connection, campaign: Campaign, state: DeliveryState) -> bool:
        return self._ledger.expire(connection, campaign, state, self._clock.now(), ROWS_AT_ONCE) > 0

    def _move_on(self, connection: Connection, campaign: Campaign) -> bool:
        key = (campaign.tenant, campaign.campaign_id)
        planned = campaign.plan_done or campaign.state in ENDED
        if planned and not self._ledger.has_any(connection, *key, UNFINISHED):
            self._store.destroy_key(connection, *key)
            if campaign.state not in ENDED:
                self._changes.put(connection, campaign.at(State.COMPLETED))
            return True
        if campaign.state not in {State.RUNNING, State.DRAINING}:
            return False
        to_send = self._ledger.has_any(connection, *key, UNSENT | IN_HANDS)
        state = State.RUNNING if to_send else State.DRAINING
        if state is campaign.state:
            return False
        self._changes.put(connection, campaign.at(state))
        return True
