"""Seals old texts with the newest key, and what an earlier release stored in clear: table by table, page by page,
resumable, beside the service's work. A key that seals nothing any more is retired: it may leave the ring.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

from identity.domain.attributes import sealing_place
from identity.store.key_checks import retire_keys
from identity.store.ports import Vault

PAGE_ROWS = 500


@dataclass(frozen=True)
class Part:
    """A column of sealed texts: its table's key, and what a row's text is bound to. `clear`: whether a row of this key
    may be found in clear and must be sealed."""

    table: str
    column: str
    key: tuple[str, ...]
    bound_to: Callable[[Sequence[Any]], bytes]
    also: str = ""
    clear: Callable[[Sequence[Any]], bool] = lambda _: False


def sealed_parts(closed_attributes: Collection[str]) -> tuple[Part, ...]:
    """Every column of identity's store that holds sealed texts."""
    return (
        Part("keys", "sealed", ("tenant", "key_id"), lambda row: bytes(row[2]), also="hash"),
        Part(
            "contact_points",
            "sealed",
            ("tenant", "key_id", "channel", "scope", "address_hash"),
            lambda row: bytes(row[4]),
        ),
        Part(
            "attribute_values",
            "value",
            ("tenant", "key_id", "name", "source"),
            lambda row: sealing_place(row[1], row[2], row[3]),
            clear=lambda row: row[2] in closed_attributes,
        ),
    )


class Reseal:
    """Brings one page at a time to the newest key; where it stands is in the store."""

    def __init__(self, vault: Vault, parts: Sequence[Part]) -> None:
        self._vault = vault
        self._parts = parts

    def step(self, connection: Connection) -> bool:
        """One page in the caller's transaction; whether there is more to do."""
        newest = self._vault.newest_key_id
        for part in self._parts:
            place, finished = _progress(connection, part, newest)
            if finished:
                continue
            rows = _page(connection, part, place)
            self._reseal(connection, part, rows)
            last = rows[-1][: len(part.key)] if rows else place
            _save_progress(connection, part, newest, last, finished=len(rows) < PAGE_ROWS)
            return True
        retire_keys(connection, newest)
        return False

    def _reseal(self, connection: Connection, part: Part, rows: Sequence[Sequence[Any]]) -> None:
        """A row that changed meanwhile was sealed by the writer with a key that is as new."""
        changed: list[tuple[Any, ...]] = []
        for row in rows:
            tenant, stored, bound_to = row[0], bytes(row[-1]), part.bound_to(row)
            if self._vault.is_sealed(stored):
                if self._vault.key_id_of(stored) == self._vault.newest_key_id:
                    continue
                content = self._vault.open_bytes(tenant, stored, bound_to)
            elif stored and part.clear(row):
                content = stored
            else:
                continue
            fresh = self._vault.seal_bytes(tenant, content, bound_to)
            changed.append((fresh, *row[: len(part.key)], stored))
        where = " AND ".join(f"{column} = ?" for column in part.key)
        execute_many(
            connection,
            f"UPDATE {part.table} SET {part.column} = ? WHERE {where} AND {part.column} = ?",  # noqa: S608
            changed,
        )


def _progress(connection: Connection, part: Part, newest: int) -> tuple[tuple[Any, ...] | None, bool]:
    """Where a part stands with the newest key, and whether it is finished."""
    row = execute(
        connection, "SELECT key_id, place, finished FROM resealing WHERE part = ?", (part.table,)
    ).one_or_none()
    if row is None or row[0] != newest:
        return None, False
    return _unpacked(row[1]), bool(row[2])


def _save_progress(
    connection: Connection, part: Part, newest: int, place: Sequence[Any] | None, *, finished: bool
) -> None:
    execute(
        connection,
        "INSERT INTO resealing (part, key_id, place, finished) VALUES (?, ?, ?, ?) ON CONFLICT (part) DO UPDATE SET "
        "key_id = excluded.key_id, place = excluded.place, finished = excluded.finished",
        (part.table, newest, _packed(place), int(finished)),
    )


def _page(connection: Connection, part: Part, after: Sequence[Any] | None) -> Sequence[Sequence[Any]]:
    """The next rows: the table's key, what is also needed, and the text."""
    columns = ", ".join([*part.key, *([part.also] if part.also else []), part.column])
    sql, parameters = f"SELECT {columns} FROM {part.table}", []  # noqa: S608  # names of this module
    if after is not None:
        sql += f" WHERE ({', '.join(part.key)}) > ({', '.join('?' * len(part.key))})"
        parameters = list(after)
    sql += f" ORDER BY {', '.join(part.key)} LIMIT {PAGE_ROWS}"
    return execute(connection, sql, parameters).all()


def _packed(place: Sequence[Any] | None) -> str:
    plain = [
        {"hex": bytes(each).hex()} if isinstance(each, bytes | memoryview) else each for each in place or ()
    ]
    return json.dumps(plain)


def _unpacked(text: str) -> tuple[Any, ...] | None:
    place = tuple(bytes.fromhex(each["hex"]) if isinstance(each, dict) else each for each in json.loads(text))
    return place or None
