"""Removes what was stated of erased persons, and their values with the versions of these."""

from collections.abc import Collection

from sqlalchemy import Connection
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

BLOCKS_AT_ONCE = 8
"""Blocks of one transaction, for which live facts wait."""


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

    def fold(self, connection: Connection, tenant: str, erased: Collection[int]) -> int:
        """Lets some files of values go that may hold theirs; until it answers 0, in a transaction each. Files that were
        replaced are removed when nobody can be reading them."""
        self._facts.tenants.lock(connection, tenant)
        return self._tags.values.fold_gone(connection, tenant, erased, BLOCKS_AT_ONCE)
