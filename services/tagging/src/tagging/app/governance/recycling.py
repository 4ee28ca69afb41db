"""Empties the recycle bin: what was deleted 30 days ago goes for good, with what was stated of persons; its history
stays."""

import datetime as dt

from servicekit.clock import Clock
from sqlalchemy import Connection
from tagging.domain.governance.life import RECYCLE_DAYS, Taking, purge
from tagging.domain.governance.people import SYSTEM
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores
from tagging.store.value_ports import StatedValues

PURGED_AT_ONCE = 100


class EmptyRecycleBin:
    """At most 100 tags per transaction."""

    def __init__(
        self, facts: FactStores, governance: GovernanceStores, stated: StatedValues, clock: Clock
    ) -> None:
        self._facts = facts
        self._governance = governance
        self._stated = stated
        self._clock = clock

    def __call__(self, connection: Connection) -> int:
        """How many went."""
        now = self._clock.now()
        before = now - dt.timedelta(days=RECYCLE_DAYS)
        found = self._governance.lives.expired(connection, before, PURGED_AT_ONCE)
        for tenant in sorted({tenant for tenant, _ in found}):
            self._facts.tenants.lock(connection, tenant)
        gone = 0
        for tenant, seen in found:
            life = self._governance.lives.get(connection, tenant, seen.tag_id)
            if life is None or life.deletion is None or life.deletion.purge_time > now:
                continue  # restored before this transaction held the lock
            self._governance.history.append(connection, tenant, [purge(life, Taking(SYSTEM, now))])
            self._governance.versions.remove(connection, tenant, life.tag_id)
            self._governance.lives.remove(connection, tenant, life.tag_id)
            self._stated.drop(connection, tenant, life.tag_id)
            gone += 1
        return gone
