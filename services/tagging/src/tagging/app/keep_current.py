"""What keeps values current when no fact comes live: persons left stale, and hours that pass."""

from collections.abc import Collection

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.publish import SILENT, ColumnChoice, ComputeEverybody, Outcome, ageing
from tagging.app.recompute import CHUNK, RecomputePersons
from tagging.domain.columns import microseconds
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

MANY = 2_000
"""More persons than this are cheaper to compute with everybody."""


class KeepCurrent:
    """Each method does one bounded piece of work, blocks meanwhile, and says whether there was any."""

    def __init__(
        self,
        database: Database,
        changelog: Changelog,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        recompute: RecomputePersons,
        compute: ComputeEverybody,
        clock: Clock,
    ) -> None:
        self._database = database
        self._changelog = changelog
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._recompute = recompute
        self._compute = compute
        self._clock = clock
        self._piecewise: set[str] = set()

    def recompute_stale(self) -> bool:
        """Persons whose values lag behind facts of the bulk lane."""
        for tenant, count in self._database.read_now(self._facts.progress.stale_counts).items():
            if count > MANY and tenant not in self._piecewise:
                self._everybody(tenant, "stale", lambda plan: plan.stream())
                left = self._database.read_now(self._facts.progress.stale_counts).get(tenant, 0)
                if left >= count:  # a column failed or facts kept coming: go on person by person
                    self._piecewise.add(tenant)
            else:
                self._database.write_now(self._stale_chunk, tenant)
                if count <= CHUNK:
                    self._piecewise.discard(tenant)
            return True
        return False

    def _stale_chunk(self, connection: Connection, tenant: str) -> None:
        self._facts.tenants.lock(connection, tenant)
        stale = self._facts.progress.stale_persons(connection, tenant, CHUNK)
        whole = frozenset(person for person, is_whole in stale.items() if is_whole)
        entries = list(self._recompute(connection, tenant, frozenset(stale), whole, Lane.BULK))
        self._facts.progress.remove_stale(connection, tenant, stale.keys())
        self._changelog.append(connection, Lane.BULK, entries)

    def age(self) -> bool:
        """Persons of whom an hour window or a whole elapsed day has passed."""
        due = self._database.read_now(self.due)
        for tenant, persons in due.items():
            now = microseconds(self._clock.now())
            if self._database.read_now(self._tags.due.count, tenant, now) > MANY:
                self._everybody(tenant, "age", _ageing)
            else:
                self._database.write_now(self.age_persons, tenant, persons)
            return True
        return False

    def due(self, connection: Connection) -> dict[str, list[int]]:
        """Some of those of whom something has passed, by tenant."""
        return self._tags.due.due(connection, microseconds(self._clock.now()), CHUNK)

    def age_persons(self, connection: Connection, tenant: str, due: Collection[int]) -> None:
        """Some persons in one transaction. What computes everybody meanwhile leaves them these values."""
        columns = _ageing(self._columns.of(connection, tenant))
        if not columns:  # the columns that they were due for are gone
            self._tags.due.forget(connection, tenant, microseconds(self._clock.now()))
            return
        entries = self._recompute.columns_of(connection, tenant, due, columns)
        known = self._facts.key_map.persons(connection, tenant, due)
        gone = [each for each in due if each not in known]
        self._tags.due.put(connection, tenant, dict.fromkeys(gone))
        self._changelog.append(connection, Lane.BULK, entries)

    def _everybody(self, tenant: str, why: str, columns: ColumnChoice) -> Outcome:
        return self._compute(tenant, why, columns, SILENT)


def _ageing(plan: ColumnPlan) -> set[str]:
    """The stream columns that change by themselves within a day, and what rests on them."""
    return plan.with_what_rests_on_them(ageing(plan)) & plan.stream()
