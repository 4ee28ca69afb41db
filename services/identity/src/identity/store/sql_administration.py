"""Settings, acknowledgements and the changelog on SQLAlchemy; contracts in ports.py."""

import heapq
from collections.abc import Iterator, Sequence

from servicekit.changelog import MAX_APPENDED, Changelog, Entry, Head, StoredEntry
from servicekit.driver_sql import execute
from servicekit.revision import LANES, Lane, Revision
from sqlalchemy import Connection

from identity.store.rows import StoredSettings


class SqlSettings:
    """Settings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, tenant: str) -> StoredSettings | None:
        row = execute(
            self._connection, "SELECT settings, etag FROM tenant_settings WHERE tenant = ?", (tenant,)
        ).one_or_none()
        return None if row is None else StoredSettings(*row)

    def put(self, tenant: str, settings: StoredSettings) -> None:
        execute(
            self._connection,
            "INSERT INTO tenant_settings (tenant, settings, etag) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant) DO UPDATE SET settings = excluded.settings, etag = excluded.etag",
            (tenant, settings.settings, settings.etag),
        )


class SqlAcknowledgements:
    """Acknowledgements."""

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection = connection
        self._service = service

    def advance(self, consumer: str, through: Revision) -> None:
        stored = self.get(consumer)
        if stored is not None and stored.epoch == through.epoch:
            through = through.merge(stored)
        execute(
            self._connection,
            "INSERT INTO acknowledgements (consumer, epoch, live, bulk) VALUES (?, ?, ?, ?) ON CONFLICT (consumer) "
            "DO UPDATE SET epoch = excluded.epoch, live = excluded.live, bulk = excluded.bulk",
            (consumer, through.epoch, through.live, through.bulk),
        )

    def get(self, consumer: str) -> Revision | None:
        row = execute(
            self._connection, "SELECT epoch, live, bulk FROM acknowledgements WHERE consumer = ?", (consumer,)
        ).one_or_none()
        return None if row is None else Revision(self._service, *row)


class SqlChanges:
    """Changes."""

    def __init__(self, connection: Connection, changelog: Changelog) -> None:
        self._connection = connection
        self._changelog = changelog

    def head(self) -> Head:
        return self._changelog.head(self._connection)

    def append(self, lane: Lane, entries: Sequence[Entry]) -> Revision:
        revision = self._changelog.append(self._connection, lane, entries[:MAX_APPENDED])
        for start in range(MAX_APPENDED, len(entries), MAX_APPENDED):  # a policy may change all persons
            part = entries[start : start + MAX_APPENDED]
            revision = self._changelog.append(self._connection, lane, part)
        return revision

    def kept(self, kind: str, tenant: str) -> Iterator[StoredEntry]:
        lanes = [self._kept_of_lane(lane, kind, tenant) for lane in LANES]
        return heapq.merge(*lanes, key=lambda entry: entry.position)

    def _kept_of_lane(self, lane: Lane, kind: str, tenant: str) -> Iterator[StoredEntry]:
        head = self.head()
        after = max(self._changelog.first(self._connection, lane) - 1, 0)
        while after < head.last(lane):
            page = self._changelog.page(
                self._connection, lane, after, kinds=(kind,), tenant=tenant, spared=True
            )
            yield from page.entries
            after = page.through
