"""ColumnManifests on SQLite and PostgreSQL."""

from collections.abc import Collection

from segments.domain.changes import BLOCK_BITS
from segments.domain.manifests import Manifest, NamedFile
from segments.store.sql_journal import settled_position
from servicekit.driver_sql import execute
from sqlalchemy import Connection


class SqlColumnManifests:
    """Implements ColumnManifests."""

    def all(self, connection: Connection) -> dict[str, Manifest]:
        found: dict[str, Manifest] = {}
        for tenant, *named in execute(
            connection,
            "SELECT tenant, values_column, file, bytes, checksum FROM column_file ORDER BY tenant, values_column",
        ):
            found[tenant] = found.get(tenant, Manifest()).with_files([NamedFile(*named)])
        return found

    def name(
        self, connection: Connection, tenant: str, named: NamedFile, moved: Collection[int]
    ) -> str | None:
        before: str | None = execute(
            connection,
            "SELECT file FROM column_file WHERE tenant = ? AND values_column = ?",
            (tenant, named.column),
        ).scalar_one_or_none()
        execute(
            connection,
            "INSERT INTO column_file (tenant, values_column, file, bytes, checksum) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, values_column) DO UPDATE SET file = excluded.file, bytes = excluded.bytes, "
            "checksum = excluded.checksum",
            (tenant, named.column, named.file, named.bytes, named.checksum),
        )
        _remove_rows(connection, tenant, named.column, moved)
        return before


def _remove_rows(connection: Connection, tenant: str, column: str, moved: Collection[int]) -> None:
    """Those that the file holds, but for values that a lane may yet overtake: their positions are needed then."""
    blocks = ", ".join(map(str, sorted(moved)))  # numbers
    stays = f"AND block NOT IN ({blocks})" if moved else ""
    execute(
        connection,
        f"DELETE FROM column_block WHERE tenant = ? AND values_column = ? {stays}",
        (tenant, column),
    )
    stays = f"AND person_id >> {BLOCK_BITS} NOT IN ({blocks})" if moved else ""
    execute(
        connection,
        f"DELETE FROM value_delta WHERE tenant = ? AND values_column = ? AND position <= ? {stays}",
        (tenant, column, settled_position(connection)),
    )
