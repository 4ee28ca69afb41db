"""LinkingColumns: on SQLite from texts of packed numbers, on Postgres from its binary copy."""

from collections.abc import Collection, Mapping

from servicekit.driver_sql import driver_errors, execute
from sqlalchemy import Connection

from identity.domain.full_columns import KeyColumns, PairColumns
from identity.store.batches import select_among
from identity.store.column_ports import StoredColumns
from identity.store.copied_columns import CopiedColumns
from identity.store.packed_columns import PackedColumns


class SqlLinkingColumns:
    """LinkingColumns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, tenant: str) -> StoredColumns:
        driver = self._connection.connection.driver_connection
        with driver_errors(self._connection, "columns"):
            if self._connection.dialect.name == "sqlite":
                return PackedColumns(driver, tenant).stored()
            return CopiedColumns(driver, tenant).stored()

    def evidence(self, tenant: str) -> tuple[KeyColumns, PairColumns]:
        if self._connection.dialect.name == "sqlite":
            driver = self._connection.connection.driver_connection
            with driver_errors(self._connection, "columns"):
                return PackedColumns(driver, tenant).evidence()
        stored = self.read(tenant)
        return stored.keys, stored.pairs

    def key_counts(self, tenant: str, namespaces: Collection[str]) -> Mapping[str, int]:
        sql = "SELECT namespace, count(*) FROM keys WHERE tenant = ?"
        found = select_among(self._connection, sql, (tenant,), "namespace", namespaces, " GROUP BY namespace")
        return {namespace: int(count) for namespace, count in found}

    def conflict_count(self, tenant: str) -> int:
        sql = "SELECT count(*) FROM conflicts WHERE tenant = ?"
        return int(execute(self._connection, sql, (tenant,)).scalar() or 0)
