"""How long a tenant's events are kept: what is ruled, and what counts by now."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection
from tagging.domain.retention import EventHorizon, Retention
from tagging.store.lake_ports import EventRetention
from tagging.store.ports import Tenants


@dataclass(frozen=True, slots=True)
class KeptEvents:
    """The rules, and the horizon that they have brought about so far."""

    retention: Retention
    horizon: EventHorizon


class KeepEvents:
    """Rules take effect when the worker looks next."""

    def __init__(self, tenants: Tenants, retention: EventRetention) -> None:
        self._tenants = tenants
        self._retention = retention

    def get(self, connection: Connection, tenant: str) -> KeptEvents:
        """A tenant without facts has no rule and no horizon."""
        known = self._tenants.get(connection, tenant)
        days = known.settings.event_retention_days if known is not None else 0
        rules = Retention(days, self._retention.by_type(connection, tenant))
        return KeptEvents(rules, self._retention.horizon(connection, tenant))

    def put(self, connection: Connection, tenant: str, by_type: Mapping[str, int]) -> bool:
        """Replaces all rules by type; whether they differ from before."""
        return self._retention.put(connection, tenant, by_type)
