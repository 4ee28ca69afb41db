"""Reads the ledger."""

from activation.domain.delivery import Delivery, DeliveryState
from activation.domain.ledger import Step
from activation.store.ports import CampaignStore, DeliveryLedger
from servicekit.errors import ResourceNotFound
from sqlalchemy import Connection


class Deliveries:
    """The use cases of DeliveryService."""

    def __init__(self, store: CampaignStore, ledger: DeliveryLedger) -> None:
        self._store = store
        self._ledger = ledger

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

    def explain(
        self, connection: Connection, tenant: str, campaign_id: str, person_id: int
    ) -> tuple[Delivery, list[Step]]:
        """A person's row with everything that happened to it. Raises ResourceNotFound."""
        found = self._ledger.history(connection, tenant, campaign_id, person_id)
        if found is None:
            raise ResourceNotFound(f"delivery of campaign {campaign_id!r} to person {person_id}")
        return found
