"""Changes of the mapping that stored values do not show yet, over the table `mapping_change`."""

from collections.abc import Iterable

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.store.mapping_ports import Mapped, MappingChange


class SqlMappingChanges:
    """MappingChanges."""

    def add(self, connection: Connection, tenant: str, mapped: Mapped, now_ms: int) -> None:
        execute(
            connection,
            "INSERT INTO mapping_change (tenant, kind, name, number, since_ms, latest_ms) VALUES (?, ?, ?, 1, ?, ?) "
            "ON CONFLICT (tenant, kind, name) DO UPDATE SET "
            "number = mapping_change.number + 1, latest_ms = excluded.latest_ms",
            (tenant, mapped.kind, mapped.name, now_ms, now_ms),
        )

    def waiting(self, connection: Connection) -> dict[str, list[MappingChange]]:
        found: dict[str, list[MappingChange]] = {}
        rows = execute(
            connection,
            "SELECT tenant, kind, name, number, since_ms, latest_ms FROM mapping_change ORDER BY since_ms, tenant",
        )
        for tenant, kind, name, *rest in rows:
            found.setdefault(tenant, []).append(MappingChange(Mapped(kind, name), *rest))
        return found

    def settle(self, connection: Connection, tenant: str, seen: Iterable[MappingChange]) -> None:
        execute_many(
            connection,
            "DELETE FROM mapping_change WHERE tenant = ? AND kind = ? AND name = ? AND number = ?",
            [(tenant, each.mapped.kind, each.mapped.name, each.number) for each in seen],
        )
