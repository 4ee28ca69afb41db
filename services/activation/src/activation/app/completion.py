"""A campaign's course: what time ends, and when everything is done. Derived from the rows, never from a cursor."""

from activation.domain.campaign import ENDED, State
from activation.domain.delivery import DeliveryState
from activation.store.ports import CampaignStore, DeliveryLedger
from servicekit.clock import Clock
from sqlalchemy import Connection


class Completion:
    """Looks at every campaign that is under way."""

    def __init__(self, store: CampaignStore, ledger: DeliveryLedger, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock

    def advance(self, connection: Connection) -> int:
        """Expires, drains and completes; destroys the key of a campaign whose rows are all terminal. Returns how many
        campaigns changed."""
        changed = 0
        under_way = [State.RUNNING, State.DRAINING, State.PAUSED, State.CANCELLED]
        for known in self._store.in_state(connection, under_way):
            if self._store.key(connection, known.tenant, known.campaign_id) is None and known.state in ENDED:
                continue
            campaign = self._store.get(connection, known.tenant, known.campaign_id, lock=True)
            if campaign is None or campaign.state not in under_way:
                continue
            now = self._clock.now()
            if campaign.expire_time is not None and now >= campaign.expire_time:
                changed += self._ledger.expire(connection, campaign, DeliveryState.EXPIRED, now) > 0
            unsent, unfinished = self._ledger.open_counts(connection, campaign.tenant, campaign.campaign_id)
            if unfinished == 0 and campaign.plan_done:
                self._store.destroy_key(connection, campaign.tenant, campaign.campaign_id)
                if campaign.state not in ENDED:
                    self._store.put(connection, campaign.at(State.COMPLETED))
                changed += 1
            elif unsent == 0 and campaign.state is State.RUNNING:
                self._store.put(connection, campaign.at(State.DRAINING))
                changed += 1
            elif unsent > 0 and campaign.state is State.DRAINING:
                self._store.put(connection, campaign.at(State.RUNNING))
                changed += 1
        return changed
