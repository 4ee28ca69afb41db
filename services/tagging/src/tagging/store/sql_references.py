"""Reference tables as rows, with what was read kept while nothing changes."""

from collections.abc import Collection, Iterator, Mapping
from threading import Lock

from rules.evaluate.meaning import Value
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.store.property_json import decode, encode
from tagging.store.sql_lists import pieces

Rows = dict[str, Mapping[str, Value]]


class SqlReferenceTables:
    """ReferenceTables over the tables `reference_row` and `reference_head`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[int, Rows]] = {}
        self._lock = Lock()

    def put(
        self, connection: Connection, tenant: str, table: str, rows: Mapping[str, Mapping[str, Value]]
    ) -> int:
        said = {key: encode(columns) for key, columns in rows.items()}
        known: dict[str, str] = {}
        for piece, marks in pieces(said):
            found = execute(
                connection,
                "SELECT key, columns FROM reference_row "
                f"WHERE tenant = ? AND table_name = ? AND key IN ({marks})",
                [tenant, table, *piece],
            )
            known.update((row[0], row[1]) for row in found)
        changed = [(tenant, table, key, text) for key, text in sorted(said.items()) if known.get(key) != text]
        if not changed:
            return 0
        execute_many(
            connection,
            "INSERT INTO reference_row (tenant, table_name, key, columns) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tenant, table_name, key) DO UPDATE SET columns = excluded.columns",
            changed,
        )
        execute(
            connection,
            "INSERT INTO reference_head (tenant, table_name, version) VALUES (?, ?, 1) "
            "ON CONFLICT (tenant, table_name) DO UPDATE SET version = reference_head.version + 1",
            (tenant, table),
        )
        return len(changed)

    def rows(
        self, connection: Connection, tenant: str, tables: Collection[str]
    ) -> dict[str, dict[str, Mapping[str, Value]]]:
        versions = dict(self.stamp(connection, tenant))
        return {table: self._read(connection, tenant, table, versions.get(table, 0)) for table in tables}

    def stamp(self, connection: Connection, tenant: str) -> tuple[tuple[str, int], ...]:
        heads = execute(
            connection,
            "SELECT table_name, version FROM reference_head WHERE tenant = ? ORDER BY table_name",
            (tenant,),
        )
        return tuple((row[0], row[1]) for row in heads)

    def each(
        self, connection: Connection, tenant: str, table: str
    ) -> Iterator[tuple[str, Mapping[str, Value]]]:
        rows = execute(
            connection,
            "SELECT key, columns FROM reference_row WHERE tenant = ? AND table_name = ? ORDER BY key",
            (tenant, table),
        )
        for key, text in rows:
            yield key, decode(text)

    def counts(self, connection: Connection, tenant: str) -> dict[str, int]:
        rows = execute(
            connection,
            "SELECT table_name, count(*) FROM reference_row WHERE tenant = ? GROUP BY table_name",
            (tenant,),
        )
        return {row[0]: row[1] for row in rows}

    def _read(self, connection: Connection, tenant: str, table: str, version: int) -> Rows:
        with self._lock:
            kept = self._kept.get((tenant, table))
        if kept is not None and kept[0] == version:
            return kept[1]
        read = dict(self.each(connection, tenant, table))
        with self._lock:
            self._kept[tenant, table] = version, read
        return read
