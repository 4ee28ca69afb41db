"""Statements that lapse, or stand again because the clock was set back: their persons are computed anew."""

from collections.abc import Mapping

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.put_values import what_rests_on
from tagging.app.recompute import RecomputePersons
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

CHUNK = 500
"""Statements of one transaction and tenant, of each sort."""


class TurnStatements:
    """One bounded piece of work per call. Idempotent: what was seen is stored with what follows from it."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        recompute: RecomputePersons,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._recompute = recompute
        self._changelog = changelog
        self._clock = clock

    def due(self, connection: Connection) -> dict[str, dict[str, list[int]]]:
        """tenant -> tag -> ids whose statement turned."""
        return self._tags.stated.turning(connection, self._clock.now(), CHUNK)

    def turn(self, connection: Connection, tenant: str, due: Mapping[str, list[int]]) -> None:
        self._facts.tenants.lock(connection, tenant)
        now = self._clock.now()
        plan = self._columns.of(connection, tenant)
        entries = []
        for tag_id, ids in sorted(due.items()):
            self._tags.stated.turn(connection, tenant, tag_id, ids, now)
            if tag_id not in plan.tags:
                continue  # deleted; in the recycle bin its statements wait
            living = self._facts.key_map.living(connection, tenant, ids)
            persons = frozenset(each.person_id for each in living.values())
            entries += self._recompute.columns_of(connection, tenant, persons, what_rests_on(plan, tag_id))
        self._changelog.append(connection, Lane.BULK, entries)
