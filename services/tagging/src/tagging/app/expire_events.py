"""Lets events expire when their days are over, by the tenant's day.

One transaction raises the horizon, leaves the persons concerned stale, so that their values follow in the bulk lane,
and drops from the manifest the days of which nothing counts any more. Readers go by the horizon from then on, in the
stream, in runs and in timelines alike; rows and files are removed afterwards, in pieces.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence

from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.retire_files import RetireFiles
from tagging.domain.columns import microseconds
from tagging.domain.lake import LakeFile
from tagging.domain.retention import EventHorizon, Retention
from tagging.store.lake_ports import EventRetention
from tagging.store.ports import FactStores, Manifest

REMOVED = 2_000
"""Rows removed in one transaction."""
TOLD_PERSONS = 10_000
"""Persons of whom it is told one by one that they lost events; of more, everybody."""
DAY_ANYWHERE = dt.timedelta(hours=36)
"""From midnight UTC of a day to its end where it ends last."""


class ExpireEvents:
    """Idempotent: within a day the second call finds nothing to do."""

    def __init__(
        self,
        database: Database,
        facts: FactStores,
        manifest: Manifest,
        retention: EventRetention,
        retire: RetireFiles,
        rewriting_lock: asyncio.Lock,
        changelog: Changelog,
    ) -> None:
        self._database = database
        self._facts = facts
        self._manifest = manifest
        self._retention = retention
        self._retire = retire
        self._lock = rewriting_lock
        self._changelog = changelog

    async def expire(self, tenant: str) -> int:
        """Removes what has expired; returns how many rows went. While a bootstrap runs nothing expires."""
        async with self._lock:
            self._retire.retire(await self._database.write(self._raise, tenant))
        removed = 0
        while count := await self._database.write(self._retention.remove, tenant, REMOVED):
            removed += count
            await asyncio.sleep(0)
        return removed

    def _raise(self, connection: Connection, tenant: str) -> list[str]:
        """The files that are named no more."""
        facts, retention = self._facts, self._retention
        facts.tenants.lock(connection, tenant)
        known, cursor = facts.tenants.get(connection, tenant), facts.progress.cursor(connection)
        if known is None or cursor is None:
            return []
        settings = known.settings
        rules = Retention(settings.event_retention_days, retention.by_type(connection, tenant))
        before = retention.horizon(connection, tenant)
        after = before.raised(rules, known.day, settings.calendar)
        losing: list[int] = []
        if after != before:
            losing = retention.owners_between(connection, tenant, before, after)
            retention.raise_horizon(connection, tenant, after)
            facts.progress.add_stale(connection, tenant, losing, cursor.bulk + 1)
        gone = self._drop(connection, tenant, after)
        self._tell(connection, tenant, losing)
        return gone

    def _tell(self, connection: Connection, tenant: str, person_ids: Sequence[int]) -> None:
        """Portraits show events: those of who lost some are old at once, the values when they are computed."""
        if person_ids:
            told = self._facts.entries.touched(
                tenant,
                person_ids if len(person_ids) <= TOLD_PERSONS else (),
                everybody=len(person_ids) > TOLD_PERSONS,
            )
            self._changelog.append(connection, Lane.BULK, [told])

    def _drop(self, connection: Connection, tenant: str, horizon: EventHorizon) -> list[str]:
        files = self._manifest.files(connection, tenant)
        gone = [file.path for file in files if _end_us(file) <= horizon.earliest_us]
        self._manifest.replace(connection, tenant, gone, [])
        return gone


def _end_us(file: LakeFile) -> int:
    """No event of a file is at this moment or later, whatever the tenant's zone was when it was written."""
    return microseconds(dt.datetime.combine(file.day, dt.time(), dt.UTC) + DAY_ANYWHERE)
