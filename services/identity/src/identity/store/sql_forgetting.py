"""Forgetting on SQLAlchemy; contract in privacy_ports.py."""

import json
from collections.abc import Collection
from typing import Any, cast

from huaxiang.identity.v1 import change_pb2, person_pb2
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

from identity.domain.consents import Address, Channel
from identity.store.batches import select_among, unpack_ids
from identity.store.privacy_rows import Removed, Scrubbed

SCRUBBED_ROWS = 5_000
"""Rows that one call looks at, at most: it shares the writer with the service's work."""
_KEYED_TABLES = ("sightings", "attribute_values", "contact_points")
_DERIVED_COLUMNS = (
    ("conflicts", "key_id"),
    ("conflicts", "other_key_id"),
    ("verdict_keys", "key_id"),
    ("probable_links", "low"),
    ("probable_links", "high"),
    ("match_tasks", "low"),
    ("match_tasks", "high"),
    ("match_labels", "low"),
    ("match_labels", "high"),
    ("match_clusters", "key_id"),
)
_CONSENT_KEY = (
    "address_hash",
    "channel",
    "scope",
    "purpose",
    "brand",
    "time_us",
    "granted",
    "source",
    "record_id",
)
_LEDGER, _CONSENTS, _CHANGELOG = "records", "consents", "changelog"


class SqlForgetting:
    """Forgetting."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def remove(self, tenant: str, key_ids: Collection[int], own: Collection[Address]) -> Removed:
        addresses, elsewhere = self._addresses(tenant, key_ids, own)
        sql = "SELECT other_key_id, key_id FROM edges WHERE tenant = ?"
        beside = {
            (row[1], row[0]) for row in select_among(self._connection, sql, (tenant,), "key_id", key_ids)
        }
        pairs = {(min(pair), max(pair)) for pair in beside}
        counts = {table: self._delete(table, tenant, key_ids) for table in _KEYED_TABLES}
        consents = sum(
            self._delete_consents(tenant, address) for address in addresses if address not in elsewhere
        )
        execute_many(
            self._connection,
            "DELETE FROM edges WHERE tenant = ? AND key_id = ? AND other_key_id = ?",
            [(tenant, *way) for pair in pairs for way in (pair, pair[::-1])],
        )
        for table, column in _DERIVED_COLUMNS:
            self._delete(table, tenant, key_ids, column)
        self._delete("keys", tenant, key_ids)
        gone = set(key_ids)
        return Removed(
            counts["attribute_values"],
            counts["contact_points"],
            consents,
            len(pairs),
            tuple(sorted(addresses - elsewhere)),
            tuple(sorted({other for _, other in beside} - gone)),
        )

    def clear_persons(self, tenant: str, person_ids: Collection[int]) -> None:
        execute_many(
            self._connection,
            "UPDATE persons SET redirect_person_id = 0, birth_hash = 0 WHERE tenant = ? AND person_id = ?",
            [(tenant, person_id) for person_id in person_ids],
        )
        execute_many(
            self._connection,
            "UPDATE merges SET cause_source = '', cause_id = '' WHERE tenant = ? "
            "AND (person_id = ? OR other_person_id = ?)",
            [(tenant, person_id, person_id) for person_id in person_ids],
        )

    def scrub(
        self, tenant: str, key_ids: Collection[int], person_ids: Collection[int], place: str
    ) -> Scrubbed:
        part, after = cast(tuple[str, list[Any]], json.loads(place) if place else (_LEDGER, ["", ""]))
        if part == _LEDGER:
            return self._scrub_ledger(tenant, frozenset(key_ids), after)
        if part == _CONSENTS:
            return self._scrub_consents(tenant, after)
        return self._scrub_changelog(tenant, frozenset(key_ids), frozenset(person_ids), after)

    def _scrub_ledger(self, tenant: str, key_ids: frozenset[int], after: list[str]) -> Scrubbed:
        rows = execute(
            self._connection,
            "SELECT source, record_id, anchor_key_id, key_ids FROM records WHERE tenant = ? "
            "AND (source, record_id) > (?, ?) ORDER BY source, record_id LIMIT ?",
            (tenant, *after, SCRUBBED_ROWS),
        ).all()
        about = [row for row in rows if row[2] in key_ids or _all_of(unpack_ids(bytes(row[3])), key_ids)]
        execute_many(
            self._connection,
            "DELETE FROM records WHERE tenant = ? AND source = ? AND record_id = ?",
            [(tenant, row[0], row[1]) for row in about],
        )
        if len(rows) < SCRUBBED_ROWS:
            return Scrubbed(len(about), json.dumps((_CONSENTS, [])))
        return Scrubbed(len(about), json.dumps((_LEDGER, [rows[-1][0], rows[-1][1]])))

    def _scrub_consents(self, tenant: str, after: list[Any]) -> Scrubbed:
        """Statements whose record is gone, at addresses that no key states: what permitted is removed. What refused
        stays without a word of the record, so that the erasure of one never widens what another permits."""
        key = ", ".join(_CONSENT_KEY)
        sql = f"SELECT {key} FROM consents WHERE tenant = ?"
        parameters: list[Any] = [tenant]
        if after:
            sql += f" AND ({key}) > ({', '.join('?' * len(_CONSENT_KEY))})"
            parameters += [bytes.fromhex(after[0]), *after[1:]]
        rows = execute(self._connection, f"{sql} ORDER BY {key} LIMIT ?", (*parameters, SCRUBBED_ROWS)).all()
        told = [(row[-2], row[-1]) for row in rows]
        standing = self._records(tenant, {record_id for _, record_id in told})
        hashes = {bytes(row[0]) for row, record in zip(rows, told, strict=True) if record not in standing}
        stated = {
            bytes(row[0])
            for row in select_among(
                self._connection,
                "SELECT address_hash FROM contact_points WHERE tenant = ?",
                (tenant,),
                "address_hash",
                hashes,
            )
        }
        orphans = [
            row
            for row, record in zip(rows, told, strict=True)
            if record not in standing and any(record) and bytes(row[0]) not in stated
        ]
        where = " AND ".join(f"{column} = ?" for column in _CONSENT_KEY)
        execute_many(
            self._connection,
            f"INSERT INTO consents (tenant, {key}, expire_us, text_version, evidence) "
            f"SELECT tenant, {', '.join(_CONSENT_KEY[:-2])}, '', '', expire_us, '', '' FROM consents "
            f"WHERE tenant = ? AND {where} AND granted = 0 ON CONFLICT DO NOTHING",
            [(tenant, *row) for row in orphans],
        )
        execute_many(
            self._connection,
            f"DELETE FROM consents WHERE tenant = ? AND {where}",
            [(tenant, *row) for row in orphans],
        )
        if len(rows) < SCRUBBED_ROWS:
            return Scrubbed(len(orphans), json.dumps((_CHANGELOG, [0])))
        last = [bytes(rows[-1][0]).hex(), *rows[-1][1:]]
        return Scrubbed(len(orphans), json.dumps((_CONSENTS, last)))

    def _records(self, tenant: str, record_ids: Collection[str]) -> set[tuple[str, str]]:
        """The records of those ids, of every source, that the ledger has."""
        sources = execute(
            self._connection, "SELECT DISTINCT source FROM consents WHERE tenant = ?", (tenant,)
        ).all()
        return {
            (row[0], row[1])
            for (source,) in sources
            for row in select_among(
                self._connection,
                "SELECT source, record_id FROM records WHERE tenant = ? AND source = ?",
                (tenant, source),
                "record_id",
                record_ids,
            )
        }

    def _scrub_changelog(
        self, tenant: str, key_ids: frozenset[int], person_ids: frozenset[int], after: list[int]
    ) -> Scrubbed:
        rows = execute(
            self._connection,
            "SELECT position, lane, kind, payload FROM changelog WHERE shard = 0 AND lane IN (1, 2) "
            "AND tenant = ? AND position > ? ORDER BY position LIMIT ?",
            (tenant, *after, SCRUBBED_ROWS),
        ).all()
        about = [row for row in rows if _speaks_of(row[2], bytes(row[3]), key_ids, person_ids)]
        execute_many(
            self._connection,
            "DELETE FROM changelog WHERE shard = 0 AND lane = ? AND position = ?",
            [(row[1], row[0]) for row in about],
        )
        place = json.dumps((_CHANGELOG, [rows[-1][0]])) if len(rows) == SCRUBBED_ROWS else ""
        return Scrubbed(len(about), place)

    def _addresses(
        self, tenant: str, key_ids: Collection[int], own: Collection[Address]
    ) -> tuple[set[Address], set[Address]]:
        """The addresses at the keys and those that they are, and which of them other keys state too."""
        sql = "SELECT channel, scope, address_hash, key_id FROM contact_points WHERE tenant = ?"
        stated = select_among(self._connection, sql, (tenant,), "key_id", key_ids)
        found = {*own, *(_address(row) for row in stated)}
        hashes = {address.hash for address in found}
        gone = set(key_ids)
        rows = select_among(self._connection, sql, (tenant,), "address_hash", hashes)
        return found, {_address(row) for row in rows if row[3] not in gone} & found

    def _delete(self, table: str, tenant: str, key_ids: Collection[int], column: str = "key_id") -> int:
        sql = f"SELECT count(*) FROM {table} WHERE tenant = ?"
        count = sum(row[0] for row in select_among(self._connection, sql, (tenant,), column, key_ids))
        execute_many(
            self._connection,
            f"DELETE FROM {table} WHERE tenant = ? AND {column} = ?",
            [(tenant, key_id) for key_id in key_ids],
        )
        return int(count)

    def _delete_consents(self, tenant: str, address: Address) -> int:
        where = "tenant = ? AND address_hash = ? AND channel = ? AND scope = ?"
        parameters = (tenant, address.hash, int(address.channel), address.scope)
        count = execute(
            self._connection, f"SELECT count(*) FROM consents WHERE {where}", parameters
        ).scalar_one()
        execute(self._connection, f"DELETE FROM consents WHERE {where}", parameters)
        return int(count)


def _address(row: Any) -> Address:
    return Address(Channel(row[0]), row[1], bytes(row[2]))


def _all_of(stated: Collection[int], key_ids: frozenset[int]) -> bool:
    return bool(stated) and key_ids.issuperset(stated)


def _speaks_of(kind: str, payload: bytes, key_ids: frozenset[int], person_ids: frozenset[int]) -> bool:
    """Whether an entry is about the erased: the events of their keys, and what was published of the persons before, or
    of others while they had one of the keys."""
    if kind == "event":
        event = change_pb2.ResolvedEvent.FromString(payload)
        return event.anchor_key_id in key_ids
    if kind == "person":
        person = person_pb2.Person.FromString(payload)
        if person.state == person_pb2.PERSON_STATE_ERASED:
            return False
        return person.person_id in person_ids or not key_ids.isdisjoint(key.key_id for key in person.keys)
    return False
