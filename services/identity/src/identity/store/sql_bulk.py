"""Bulk imports and the rows they add, by the fastest way of each dialect; contracts in bulk_ports.py."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

from servicekit.driver_sql import driver_errors, execute
from sqlalchemy import Connection

from identity.store.batches import pack_ids, select_among, signed
from identity.store.bulk_ports import NewRows, StoredImport, TableRow

ROWS_OF_STATEMENT = (2_048, 256, 32)
"""Rows that one SQLite statement inserts: many cost less than one by one, and while they are inserted other threads
run. A statement may have 32,766 cells."""
_COLUMNS = {
    "keys": "tenant, key_id, hash, namespace, scope, sealed, standing, person_id, born_person_id, marks",
    "edges": "tenant, key_id, other_key_id, first_us, last_us, kinds, verified, unbound_us, sources",
    "sightings": "tenant, key_id, source, first_us, last_us, records",
    "records": "tenant, source, record_id, digest, time_us, anchor_key_id, key_ids, link_kind, verified",
    "attribute_values": "tenant, key_id, name, source, time_us, value, verified",
    "contact_points": "tenant, key_id, channel, scope, address_hash, sealed, stated_us",
    "persons": "tenant, person_id, birth_key_id, birth_hash, redirect_person_id, version, lane, entry",
}
_HASH = 2
_IMPORT_COLUMNS = "opening_digest, committed_rows, accepted, known, differing, refused"


class SqlImports:
    """Imports."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, tenant: str, import_id: str) -> StoredImport | None:
        sql = f"SELECT {_IMPORT_COLUMNS} FROM imports WHERE tenant = ? AND import_id = ?"
        found = execute(self._connection, sql, (tenant, import_id)).one_or_none()
        return None if found is None else StoredImport(*found)

    def put(self, tenant: str, import_id: str, stored: StoredImport) -> None:
        execute(
            self._connection,
            f"INSERT INTO imports (tenant, import_id, {_IMPORT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, import_id) DO UPDATE SET committed_rows = excluded.committed_rows, "
            "accepted = excluded.accepted, known = excluded.known, differing = excluded.differing, "
            "refused = excluded.refused",
            (tenant, import_id, *stored),
        )


class SqlBulkRows:
    """BulkRows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: NewRows) -> None:
        with self.adding() as add:
            add(rows)

    @contextmanager
    def adding(self) -> Iterator[Callable[[NewRows], None]]:
        driver: Any = self._connection.connection.driver_connection
        with driver_errors(self._connection, "bulk rows"):
            if self._connection.dialect.name == "postgresql":
                yield partial(_write, _copy, driver)
                return
            with ThreadPoolExecutor(1, thread_name_prefix="bulk-rows") as beside:
                working: list[Future[None]] = []
                yield lambda rows: working.append(beside.submit(_write, _insert, driver, rows))
                for each in working:
                    each.result()

    def known_addresses(self, tenant: str, hashes: Collection[bytes]) -> set[bytes]:
        return {
            bytes(row[0])
            for table in ("contact_points", "consents")
            for row in select_among(
                self._connection,
                f"SELECT address_hash FROM {table} WHERE tenant = ?",  # names
                (tenant,),
                "address_hash",
                hashes,
            )
        }


def _write(write: Callable[..., None], driver: Any, rows: NewRows) -> None:
    for table in fields(rows):
        listed = list(getattr(rows, table.name))
        if table.name == "keys":
            listed.sort(key=itemgetter(_HASH))  # the index by hash is the largest, and random
        elif table.name == "records":
            listed = [(*row[:6], pack_ids(row[6]), *row[7:]) for row in listed]
        elif table.name == "persons":
            listed = [(*row[:3], signed(row[3]), *row[4:]) for row in listed]
        if listed:
            write(driver, table.name, _COLUMNS[table.name], listed)


def _insert(driver: Any, table: str, columns: str, rows: list[TableRow]) -> None:
    """By statements of many rows each."""
    one = f"({','.join('?' * len(rows[0]))})"
    head = f"INSERT INTO {table} ({columns}) VALUES "
    start = 0
    for size in ROWS_OF_STATEMENT:
        many = head + ",".join([one] * size)
        while len(rows) - start >= size:
            driver.execute(many, tuple(chain.from_iterable(rows[start : start + size])))
            start += size
    driver.executemany(head + one, rows[start:])


def _copy(driver: Any, table: str, columns: str, rows: list[TableRow]) -> None:
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
