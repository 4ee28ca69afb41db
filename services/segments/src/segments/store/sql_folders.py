"""FolderStore on SQLite and PostgreSQL."""

from collections.abc import Sequence

from segments.domain.folders import Folder
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection


class SqlFolderStore:
    """Implements FolderStore."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Folder]:
        rows = execute(connection, "SELECT path, display_name FROM folder WHERE tenant = ?", (tenant,)).all()
        return {path: Folder(path, name) for path, name in sorted(tuple(row) for row in rows)}

    def put(self, connection: Connection, tenant: str, folders: Sequence[Folder]) -> None:
        execute_many(
            connection,
            "INSERT INTO folder (tenant, path, display_name) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, path) DO UPDATE SET display_name = excluded.display_name",
            [(tenant, each.path, each.display_name) for each in folders],
        )

    def remove(self, connection: Connection, tenant: str, paths: Sequence[str]) -> None:
        execute_many(
            connection,
            "DELETE FROM folder WHERE tenant = ? AND path = ?",
            [(tenant, path) for path in paths],
        )
