"""Looks for values older than promised while no run tells: that runs do not come is what makes them old."""

from collections.abc import Mapping, Sequence

from servicekit.clock import Clock
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.quality.freshness import ReadFreshness
from tagging.app.quality.record import Record
from tagging.domain.kinds.families import TOLD
from tagging.domain.plan import Tag
from tagging.domain.quality.alerts import AlertKind, Finding, staleness
from tagging.domain.quality.promise import promised_hours
from tagging.domain.tenants import Tenant
from tagging.store.ports import Tenants
from tagging.store.quality_ports import Alerts


class WatchFreshness:
    """Blocks while it looks; writes only when an alert is due to open or close."""

    def __init__(
        self,
        database: Database,
        tenants: Tenants,
        alerts: Alerts,
        columns: ColumnsInForce,
        freshness: ReadFreshness,
        record: Record,
        clock: Clock,
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._alerts = alerts
        self._columns = columns
        self._freshness = freshness
        self._record = record
        self._clock = clock

    def __call__(self) -> int:
        """How many alerts opened or closed."""
        changed = 0
        for tenant in self._database.read_now(self._tenants.all):
            found = self._database.read_now(self._found, tenant)
            if found:
                changed += self._database.write_now(self._record.stale, tenant.name, found)
        return changed

    def _found(self, connection: Connection, tenant: Tenant) -> Mapping[str, Sequence[Finding]]:
        """By tag whose alert is not as it should be: what was found."""
        plan = self._columns.of(connection, tenant.name)
        promised = [tag_id for tag_id, tag in plan.tags.items() if _is_looked_at(tag)]
        now = self._clock.now()
        is_open = self._alerts.open(connection, tenant.name)
        found: dict[str, Sequence[Finding]] = {}
        for tag_id, freshness in self._freshness(connection, tenant, plan, promised).items():
            each = tuple(staleness(freshness, now))
            if bool(each) != (AlertKind.STALE in is_open.get(tag_id, {})):
                found[tag_id] = each
        return found


def _is_looked_at(tag: Tag) -> bool:
    """How old told values are takes a look at all of them: once a day will do."""
    return bool(promised_hours(tag.definition)) and not isinstance(tag.definition.kind, TOLD)
