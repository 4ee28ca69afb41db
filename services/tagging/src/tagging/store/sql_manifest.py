"""The lake's manifest and the events not yet in files."""

import time
from collections.abc import Sequence

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import day_of, days
from tagging.domain.lake import LakeFile
from tagging.store.ports import Flushed
from tagging.store.sql_events import EVENT_COLUMNS
from tagging.store.sql_lists import pieces
from tagging.store.stored_events import StoredEvents


class SqlManifest:
    """Manifest over the tables `lake_file`, `fact_counter` and `event`."""

    def files(self, connection: Connection, tenant: str) -> list[LakeFile]:
        rows = execute(
            connection,
            "SELECT path, day, event_count, size_bytes FROM lake_file WHERE tenant = ?",
            (tenant,),
        )
        found = [LakeFile(row[0], day_of(row[1]), row[2], row[3]) for row in rows]
        return sorted(found, key=lambda file: (file.day, file.path))

    def recent_count(self, connection: Connection, tenant: str) -> int:
        return int(
            execute(
                connection,
                "SELECT count(*) FROM event WHERE tenant = ? AND arrival > ?",
                (tenant, self.flushed(connection, tenant)),
            ).scalar_one()
        )

    def flushed(self, connection: Connection, tenant: str) -> int:
        found = execute(
            connection, "SELECT flushed_arrival FROM fact_counter WHERE tenant = ?", (tenant,)
        ).scalar_one_or_none()
        return 0 if found is None else int(found)

    def recent(self, connection: Connection, tenant: str, after: int, limit: int) -> tuple[StoredEvents, int]:
        rows = execute(
            connection,
            f"SELECT arrival, {EVENT_COLUMNS} FROM event "
            "WHERE tenant = ? AND arrival > ? ORDER BY arrival LIMIT ?",
            (tenant, after, limit),
        ).all()
        return StoredEvents.of_rows([row[1:] for row in rows]), rows[-1][0] if rows else after

    def due(self, connection: Connection, bytes_: int, before_ms: int) -> list[str]:
        rows = execute(
            connection,
            "SELECT tenant FROM fact_counter WHERE recent_bytes >= ? "
            "OR (recent_since_ms > 0 AND recent_since_ms <= ?) ORDER BY tenant",
            (bytes_, before_ms),
        )
        return [row[0] for row in rows]

    def commit(
        self, connection: Connection, tenant: str, files: Sequence[LakeFile], flushed: Flushed
    ) -> bool:
        through = flushed.through
        moved = execute(
            connection,
            "UPDATE fact_counter SET flushed_arrival = ?, "
            "recent_bytes = CASE WHEN ? >= arrival THEN 0 "
            "ELSE recent_bytes / (arrival - flushed_arrival) * (arrival - ?) END, "
            "recent_since_ms = CASE WHEN ? >= arrival THEN 0 ELSE ? END "
            "WHERE tenant = ? AND flushed_arrival = ?",
            (through, through, through, through, int(time.time() * 1000), tenant, flushed.after),
        )
        if moved.rowcount == 0:
            return False
        self._name(connection, tenant, files)
        return True

    def replace(
        self, connection: Connection, tenant: str, gone: Sequence[str], files: Sequence[LakeFile]
    ) -> bool:
        named = 0
        for piece, marks in pieces(gone):
            named += execute(
                connection,
                f"SELECT count(*) FROM lake_file WHERE tenant = ? AND path IN ({marks})",  # marks alone
                [tenant, *piece],
            ).scalar_one()
        if named < len(gone):
            return False
        execute_many(
            connection,
            "DELETE FROM lake_file WHERE tenant = ? AND path = ?",
            [(tenant, path) for path in gone],
        )
        self._name(connection, tenant, files)
        return True

    @staticmethod
    def _name(connection: Connection, tenant: str, files: Sequence[LakeFile]) -> None:
        execute_many(
            connection,
            "INSERT INTO lake_file (tenant, path, day, event_count, size_bytes) VALUES (?, ?, ?, ?, ?)",
            [(tenant, file.path, days(file.day), file.event_count, file.size_bytes) for file in files],
        )
