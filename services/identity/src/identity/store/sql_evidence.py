"""Tenants, the ledger, keys, edges and sightings on SQLAlchemy; contracts in ports.py."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

from identity.domain.evidence import Evidence
from identity.domain.linking import Standing
from identity.domain.person_ids import IdBlocks
from identity.store.batches import pack_ids, select_among, select_pairs
from identity.store.insertions import Insertion
from identity.store.ports import Pair, RecordKey
from identity.store.rows import Counters, KeyRow, KnownRecord, LedgerRow, Sighting

_STANDINGS = tuple(Standing)
_EVIDENCE_COLUMNS = "first_us, last_us, kinds, verified, unbound_us"
_KEY_COLUMNS = "key_id, namespace, scope, hash, standing, person_id, born_person_id, marks"
_INSERT_RECORDS = Insertion(
    "records",
    {
        "source": "text",
        "record_id": "text",
        "digest": "bytea",
        "time_us": "bigint",
        "anchor_key_id": "bigint",
        "key_ids": "bytea",
        "link_kind": "smallint",
        "verified": "bigint",
    },
)
_INSERT_KEYS = Insertion(
    "keys",
    {
        "key_id": "bigint",
        "namespace": "text",
        "scope": "text",
        "hash": "bytea",
        "standing": "smallint",
        "person_id": "bigint",
        "born_person_id": "bigint",
        "marks": "smallint",
        "sealed": "bytea",
    },
)
_INSERT_EDGES = Insertion(
    "edges",
    {
        "key_id": "bigint",
        "other_key_id": "bigint",
        "first_us": "bigint",
        "last_us": "bigint",
        "kinds": "smallint",
        "verified": "smallint",
        "unbound_us": "bigint",
        "sources": "text",
    },
)
_OBSERVE = Insertion(
    "sightings",
    {"key_id": "bigint", "source": "text", "first_us": "bigint", "last_us": "bigint", "records": "bigint"},
    "ON CONFLICT (tenant, key_id, source) DO UPDATE SET "
    "first_us = CASE WHEN excluded.first_us < sightings.first_us "
    "THEN excluded.first_us ELSE sightings.first_us END, "
    "last_us = CASE WHEN excluded.last_us > sightings.last_us THEN excluded.last_us ELSE sightings.last_us END, "
    "records = sightings.records + excluded.records",
)


class SqlTenants:
    """Tenants."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, tenant: str, epoch: str) -> Counters:
        select = (
            "SELECT epoch, policy_version, next_key_id, next_ingest_sequence, next_block, next_known, next_anonymous "
            "FROM tenants WHERE tenant = ?"
        )
        if self._connection.dialect.name == "postgresql":
            select += " FOR UPDATE"
        row = execute(self._connection, select, (tenant,)).one_or_none()
        if row is None:
            execute(
                self._connection,
                "INSERT INTO tenants (tenant, epoch, next_key_id, next_ingest_sequence, "
                "next_block, next_known, next_anonymous, policy_version) VALUES (?, ?, 1, 1, 0, 0, 0, 0) "
                "ON CONFLICT (tenant) DO NOTHING",
                (tenant, epoch),
            )
            row = execute(self._connection, select, (tenant,)).one()
        stored_epoch, version, key_id, sequence, *blocks = row
        counters = Counters(key_id, sequence, IdBlocks(*blocks), version)
        if stored_epoch == epoch:
            return counters
        execute(self._connection, "UPDATE tenants SET epoch = ? WHERE tenant = ?", (epoch, tenant))
        counters = Counters(key_id, sequence, counters.blocks.abandoned(), version)
        self.save(tenant, counters)
        return counters

    def save(self, tenant: str, counters: Counters) -> None:
        execute(
            self._connection,
            "UPDATE tenants SET next_key_id = ?, next_ingest_sequence = ?, next_block = ?, next_known = ?, "
            "next_anonymous = ? WHERE tenant = ?",
            (
                counters.next_key_id,
                counters.next_ingest_sequence,
                counters.blocks.next_block,
                counters.blocks.next_known,
                counters.blocks.next_anonymous,
                tenant,
            ),
        )

    def all(self) -> Sequence[str]:
        return [row[0] for row in execute(self._connection, "SELECT tenant FROM tenants ORDER BY tenant")]


class SqlLedger:
    """Ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self, tenant: str, records: Collection[RecordKey]) -> Mapping[RecordKey, KnownRecord]:
        ids_of_source: dict[str, list[str]] = defaultdict(list)
        for source, record_id in records:
            ids_of_source[source].append(record_id)
        return {
            (source, row[0]): KnownRecord(row[1], row[2])
            for source, record_ids in ids_of_source.items()
            for row in select_among(
                self._connection,
                "SELECT record_id, digest, anchor_key_id FROM records WHERE tenant = ? AND source = ?",
                (tenant, source),
                "record_id",
                record_ids,
            )
        }

    def add(self, tenant: str, rows: Iterable[LedgerRow]) -> None:
        _INSERT_RECORDS(
            self._connection, tenant, ((*row[:5], pack_ids(row.key_ids), *row[6:]) for row in rows)
        )


class SqlKeys:
    """Keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, tenant: str, hashes: Collection[bytes]) -> Mapping[bytes, int]:
        sql = "SELECT hash, key_id FROM keys WHERE tenant = ?"
        return dict(map(tuple, select_among(self._connection, sql, (tenant,), "hash", hashes)))

    def rows(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, KeyRow]:
        sql = f"SELECT {_KEY_COLUMNS} FROM keys WHERE tenant = ?"
        return {
            row[0]: _key_row(row) for row in select_among(self._connection, sql, (tenant,), "key_id", key_ids)
        }

    def of_persons(self, tenant: str, person_ids: Collection[int]) -> Mapping[int, Sequence[KeyRow]]:
        sql = f"SELECT {_KEY_COLUMNS} FROM keys WHERE tenant = ?"
        found: dict[int, list[KeyRow]] = defaultdict(list)
        for row in select_among(
            self._connection, sql, (tenant,), "person_id", person_ids, index="keys_by_person"
        ):
            found[row[5]].append(_key_row(row))
        for rows in found.values():
            rows.sort(key=lambda row: row.key_id)
        return found

    def add(self, tenant: str, rows: Iterable[tuple[KeyRow, bytes]]) -> None:
        _INSERT_KEYS(
            self._connection,
            tenant,
            ((*row[:4], int(row.standing), *row[5:], sealed) for row, sealed in rows),
        )

    def update(self, tenant: str, rows: Iterable[KeyRow]) -> None:
        execute_many(
            self._connection,
            "UPDATE keys SET standing = ?, person_id = ?, born_person_id = ?, marks = ? "
            "WHERE tenant = ? AND key_id = ?",
            [
                (int(row.standing), row.person_id, row.born_person_id, row.marks, tenant, row.key_id)
                for row in rows
            ],
        )

    def sealed(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, bytes]:
        sql = "SELECT key_id, sealed FROM keys WHERE tenant = ?"
        return dict(map(tuple, select_among(self._connection, sql, (tenant,), "key_id", key_ids)))


class SqlEdges:
    """Edges: each pair is stored in both directions, so that a star is one range."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def between(self, tenant: str, pairs: Collection[Pair]) -> Mapping[Pair, Evidence]:
        select = f"key_id, other_key_id, {_EVIDENCE_COLUMNS}, sources"
        rows = select_pairs(self._connection, select, "edges", tenant, ("key_id", "other_key_id"), pairs)
        make = lru_cache(_evidence)
        return {row[:2]: make(*row[2:]) for row in rows}

    def stars(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, Mapping[int, Evidence]]:
        sql = f"SELECT key_id, other_key_id, {_EVIDENCE_COLUMNS} FROM edges WHERE tenant = ?"
        found: dict[int, dict[int, Evidence]] = defaultdict(dict)
        make = lru_cache(_evidence)
        for row in select_among(self._connection, sql, (tenant,), "key_id", key_ids):
            found[row[0]][row[1]] = make(*row[2:])
        return found

    def save(self, tenant: str, edges: Mapping[Pair, Evidence], new: Collection[Pair]) -> None:
        born = set(new)
        rows = [
            (*seen[:5], ",".join(sources), tenant, one, other)
            for (low, high), seen in edges.items()
            if (low, high) not in born
            for one, other, sources in ((low, high, seen.sources), (high, low, ()))
        ]
        execute_many(
            self._connection,
            "UPDATE edges SET first_us = ?, last_us = ?, kinds = ?, verified = ?, unbound_us = ?, sources = ? "
            "WHERE tenant = ? AND key_id = ? AND other_key_id = ?",
            rows,
        )
        _INSERT_EDGES(
            self._connection,
            tenant,
            (row for low, high in new for row in _new_rows(low, high, edges[low, high])),
        )


def _new_rows(low: int, high: int, seen: Evidence) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return (low, high, *seen[:5], ",".join(seen.sources)), (high, low, *seen[:5], "")


def _evidence(
    first_us: int, last_us: int, kinds: int, verified: int, unbound_us: int, sources: str = ""
) -> Evidence:
    """Most pairs of a batch were seen on the same few days by the same sources: callers share what is equal."""
    named = tuple(filter(None, sources.split(",")))
    return Evidence(first_us, last_us, kinds, verified, unbound_us, named)


class SqlSightings:
    """Sightings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def observe(self, tenant: str, sightings: Iterable[Sighting]) -> None:
        _OBSERVE(self._connection, tenant, sightings)

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Sequence[Sighting]:
        sql = "SELECT key_id, source, first_us, last_us, records FROM sightings WHERE tenant = ?"
        found = [Sighting(*row) for row in select_among(self._connection, sql, (tenant,), "key_id", key_ids)]
        return sorted(found, key=lambda sighting: (sighting.key_id, sighting.source))


def _key_row(row: Any) -> KeyRow:
    return KeyRow(row[0], row[1], row[2], row[3], _STANDINGS[row[4]], row[5], row[6], row[7])
