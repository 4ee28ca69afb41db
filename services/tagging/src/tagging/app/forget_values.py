"""Removes what was stated of erased persons, and the versions of their values."""

from sqlalchemy import Connection
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


class ForgetValues:
    """In the transaction that removes their events; the caller holds the tenant's lock. Idempotent."""

    def __init__(self, facts: FactStores, tags: TagStores) -> None:
        self._facts = facts
        self._tags = tags

    def __call__(self, connection: Connection, tenant: str) -> int:
        """How many statements and records of versions held some."""
        erased = self._facts.key_map.erased(connection, tenant)
        return self._tags.stated.forget(connection, tenant, erased) + self._tags.history.forget(
            connection, tenant, erased
        )
