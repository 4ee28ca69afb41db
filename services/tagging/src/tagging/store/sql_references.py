"""Reference tables as versions of rows, with what was read kept and brought up to date by what changed."""

from collections.abc import Collection, Iterator, Sequence
from threading import Lock
from typing import Any

from rules.evaluate.row_history import RowHistory
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.reference_rows import MAX_VERSIONS, RowVersion
from tagging.errors import TableFull
from tagging.store.property_json import decode, encode
from tagging.store.sql_lists import pieces

Histories = dict[str, RowHistory]
REREAD_SHARE = 4
"""When more than a quarter of the keys changed, all are read again."""
VERSION_COLUMNS = "key, from_us, columns, has_ended"


class SqlReferenceTables:
    """ReferenceTables over the tables `reference_version` and `reference_head`."""

    def __init__(self, max_versions: int = MAX_VERSIONS) -> None:
        self._max_versions = max_versions
        self._kept: dict[tuple[str, str], tuple[int, Histories]] = {}
        self._lock = Lock()

    def put(self, connection: Connection, tenant: str, table: str, versions: Sequence[RowVersion]) -> int:
        said = {
            (each.key, microseconds(each.start)): (encode(each.columns), int(each.has_ended))
            for each in versions
        }
        head = _locked_head(connection, tenant, table)
        known = _stored(connection, tenant, table, {key for key, _ in said})
        changed = sorted(place for place, row in said.items() if known.get(place) != row)
        if not changed:
            return 0
        change, count = head[0] + 1, head[1] + sum(place not in known for place in changed)
        if count > self._max_versions:
            raise TableFull(table, count, self._max_versions)
        execute_many(
            connection,
            "INSERT INTO reference_version (tenant, table_name, key, from_us, columns, has_ended, change) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, table_name, key, from_us) DO UPDATE SET "
            "columns = excluded.columns, has_ended = excluded.has_ended, change = excluded.change",
            [(tenant, table, *place, *said[place], change) for place in changed],
        )
        execute(
            connection,
            "UPDATE reference_head SET version = ?, version_count = ? WHERE tenant = ? AND table_name = ?",
            (change, count, tenant, table),
        )
        return len(changed)

    def rows(
        self, connection: Connection, tenant: str, tables: Collection[str]
    ) -> dict[str, dict[str, RowHistory]]:
        changes = dict(self.stamp(connection, tenant))
        return {table: self._read(connection, tenant, table, changes.get(table, 0)) for table in tables}

    def stamp(self, connection: Connection, tenant: str) -> tuple[tuple[str, int], ...]:
        heads = execute(
            connection,
            "SELECT table_name, version FROM reference_head WHERE tenant = ? ORDER BY table_name",
            (tenant,),
        )
        return tuple((row[0], row[1]) for row in heads)

    def versions(
        self,
        connection: Connection,
        tenant: str,
        table: str,
        keys: Collection[str] = (),
        after: tuple[str, int] | None = None,
        limit: int | None = None,
    ) -> list[RowVersion]:
        condition, bounds = "", list[Any]()
        if keys:
            condition, bounds = f" AND key IN ({', '.join('?' * len(keys))})", sorted(keys)
        if after is not None:
            condition += " AND (key > ? OR key = ? AND from_us > ?)"
            bounds += [after[0], after[0], after[1]]
        if limit is not None:
            bounds.append(limit)
        rows = execute(
            connection,
            f"SELECT {VERSION_COLUMNS} FROM reference_version "
            f"WHERE tenant = ? AND table_name = ?{condition} ORDER BY key, from_us"
            + ("" if limit is None else " LIMIT ?"),
            [tenant, table, *bounds],
        )
        return [_version(row) for row in rows]

    def counts(self, connection: Connection, tenant: str) -> dict[str, tuple[int, int]]:
        rows = execute(
            connection,
            "SELECT table_name, count(DISTINCT key), count(*) FROM reference_version "
            "WHERE tenant = ? GROUP BY table_name",
            (tenant,),
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def _read(self, connection: Connection, tenant: str, table: str, change: int) -> Histories:
        with self._lock:
            kept = self._kept.get((tenant, table))
        if kept is not None and kept[0] == change:
            return kept[1]
        read = None
        if kept is not None and kept[0] < change:
            read = _brought_up_to_date(connection, tenant, table, *kept)
        if read is None:
            read = _histories(self.versions(connection, tenant, table))
        with self._lock:
            self._kept[tenant, table] = change, read
        return read


def _locked_head(connection: Connection, tenant: str, table: str) -> tuple[int, int]:
    """The table's change and its number of versions; whoever puts rows of it at the same time waits."""
    row = execute(
        connection,
        "INSERT INTO reference_head (tenant, table_name, version, version_count) VALUES (?, ?, 0, 0) "
        "ON CONFLICT (tenant, table_name) DO UPDATE SET version = reference_head.version "
        "RETURNING version, version_count",
        (tenant, table),
    ).one()
    return row[0], row[1]


def _stored(
    connection: Connection, tenant: str, table: str, keys: Collection[str]
) -> dict[tuple[str, int], tuple[str, int]]:
    known: dict[tuple[str, int], tuple[str, int]] = {}
    for piece, marks in pieces(keys):
        found = execute(
            connection,
            f"SELECT {VERSION_COLUMNS} FROM reference_version "
            f"WHERE tenant = ? AND table_name = ? AND key IN ({marks})",
            [tenant, table, *piece],
        )
        known.update({(key, from_us): (columns, ended) for key, from_us, columns, ended in found})
    return known


def _brought_up_to_date(
    connection: Connection, tenant: str, table: str, change: int, kept: Histories
) -> Histories | None:
    """A copy with what changed since; None when that is too much of it."""
    rows = execute(
        connection,
        "SELECT DISTINCT key FROM reference_version WHERE tenant = ? AND table_name = ? AND change > ? LIMIT ?",
        (tenant, table, change, len(kept) // REREAD_SHARE + 1),
    ).all()
    if len(rows) > len(kept) // REREAD_SHARE:
        return None
    read = dict(kept)
    for piece, marks in pieces([row[0] for row in rows]):
        found = execute(
            connection,
            f"SELECT {VERSION_COLUMNS} FROM reference_version "
            f"WHERE tenant = ? AND table_name = ? AND key IN ({marks}) ORDER BY key, from_us",
            [tenant, table, *piece],
        )
        read.update(_histories([_version(row) for row in found]))
    return read


def _histories(versions: Sequence[RowVersion]) -> Histories:
    """Of versions in order of key and start."""
    found: Histories = {}
    for key, group in _by_key(versions):
        found[key] = RowHistory(tuple(each.start for each in group), tuple(each.columns for each in group))
    return found


def _by_key(versions: Sequence[RowVersion]) -> Iterator[tuple[str, list[RowVersion]]]:
    group: list[RowVersion] = []
    for each in versions:
        if group and group[0].key != each.key:
            yield group[0].key, group
            group = []
        group.append(each)
    if group:
        yield group[0].key, group


def _version(row: Sequence[Any]) -> RowVersion:
    key, from_us, columns, has_ended = row
    return RowVersion(key, decode(columns), moment_of(from_us), bool(has_ended))
