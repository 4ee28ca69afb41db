"""Reads the ledger."""

from dataclasses import dataclass

from activation.app.counting import Counting
from activation.domain.campaign import Campaign
from activation.domain.caps import Cap
from activation.domain.delivery import Delivery, DeliveryState
from activation.domain.explanation import in_words
from activation.domain.ledger import Grounds, Step, grounds_of
from activation.store.policy_ports import PolicyStore
from activation.store.ports import CampaignStore, DeliveryLedger
from servicekit.errors import ResourceNotFound
from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Explained:
    """A row, what happened to it, oldest first, and what policy looked at when it decided last: the caps that covered
    the message, in the order of `grounds.counts`."""

    delivery: Delivery
    steps: tuple[Step, ...]
    grounds: Grounds | None
    caps: tuple[Cap, ...]
    words: str


class Deliveries:
    """The use cases of DeliveryService."""

    def __init__(
        self,
        store: CampaignStore,
        ledger: DeliveryLedger,
        policies: PolicyStore,
        counting: Counting,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._policies = policies
        self._counting = counting

    def page(
        self,
        connection: Connection,
        tenant: str,
        campaign_id: str,
        state: DeliveryState | None,
        after_person_id: int,
        limit: int,
    ) -> list[Delivery]:
        """Rows in order of person_id. Raises ResourceNotFound for no such campaign."""
        if self._store.get(connection, tenant, campaign_id) is None:
            raise ResourceNotFound(f"campaign {campaign_id!r}")
        return self._ledger.page(connection, tenant, campaign_id, state, after_person_id, limit)

    def explain(self, connection: Connection, tenant: str, campaign_id: str, person_id: int) -> Explained:
        """A person's row, everything that happened to it, and what policy decided by. Raises ResourceNotFound."""
        found = self._ledger.history(connection, tenant, campaign_id, person_id)
        campaign = self._store.get(connection, tenant, campaign_id)
        if found is None or campaign is None:
            raise ResourceNotFound(f"delivery of campaign {campaign_id!r} to person {person_id}")
        delivery, steps = found
        grounds = grounds_of(delivery.grounds)
        caps = () if grounds is None else self._caps(connection, campaign, grounds)
        return Explained(delivery, tuple(steps), grounds, caps, in_words(delivery, steps, grounds, caps))

    def _caps(self, connection: Connection, campaign: Campaign, grounds: Grounds) -> tuple[Cap, ...]:
        """The caps that were counted, of the version that decided."""
        stored = self._policies.version(connection, campaign.tenant, grounds.policy_version)
        if stored is None:
            return ()
        caps = stored.policy.caps_on(self._counting.kind(campaign.draft), grounds.day)
        return caps[: len(grounds.counts)]
