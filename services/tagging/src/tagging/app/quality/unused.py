"""Tags that nobody uses, and what retiring them would save."""

import datetime as dt
from collections.abc import Sequence

from servicekit.clock import Clock
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.quality.users import FindUsers
from tagging.domain.quality.usage import MONTH_DAYS, NOTHING, Unused, idle_since
from tagging.store.quality_ports import QualityStores


class ProposeRetirement:
    """Reads in the caller's snapshot; changes nothing."""

    def __init__(
        self, quality: QualityStores, columns: ColumnsInForce, users: FindUsers, clock: Clock
    ) -> None:
        self._quality = quality
        self._columns = columns
        self._users = users
        self._clock = clock

    def __call__(
        self, connection: Connection, tenant: str, idle_days: int, after: str, limit: int
    ) -> tuple[Sequence[Unused], dt.date | None]:
        """Tags above `after`, in order, that nobody read for so many days and nothing rests on; and since when reads
        are counted, None for not yet."""
        mark = self._quality.marks.get(connection, tenant)
        if mark is None:
            return (), None
        plan = self._columns.of(connection, tenant)
        relied_on = self._users(connection, tenant, plan).relied_on
        today = self._clock.now().date()
        latest = today - dt.timedelta(days=idle_days)
        last_reads = self._quality.activities.last_reads(connection, tenant)
        idle: dict[str, dt.date] = {}
        for tag_id, tag in sorted(plan.tags.items()):
            if tag_id > after and tag_id not in relied_on and len(idle) < limit:
                since = idle_since(tag.update_time.date(), mark.counted, last_reads.get(tag_id))
                if since <= latest:
                    idle[tag_id] = since
        month = self._quality.activities.since(
            connection, tenant, today - dt.timedelta(days=MONTH_DAYS - 1), idle.keys()
        )
        measured = self._quality.measurements.latest(connection, tenant, idle.keys())
        found = [
            Unused(
                tag_id,
                since,
                last_reads.get(tag_id),
                measured[tag_id].measured.known_count if tag_id in measured else 0,
                month.get(tag_id, NOTHING),
            )
            for tag_id, since in idle.items()
        ]
        return found, mark.counted
