"""Persons, attributes, contact points and consents on SQLAlchemy; contracts in ports.py."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from servicekit.driver_sql import execute, execute_many
from servicekit.revision import Lane
from sqlalchemy import Connection

from identity.domain.attributes import AttributeStatement
from identity.domain.consents import Address, Channel, Consent
from identity.store.batches import select_among, signed, unsigned
from identity.store.insertions import Insertion
from identity.store.ports import RecordKey
from identity.store.rows import ContactPointRow, PersonRow

_PERSON_COLUMNS = "person_id, birth_key_id, birth_hash, redirect_person_id, version, lane, entry"
_SAVE_PERSONS = Insertion(
    "persons",
    {
        "person_id": "bigint",
        "birth_key_id": "bigint",
        "birth_hash": "bigint",
        "redirect_person_id": "bigint",
        "version": "bigint",
        "lane": "smallint",
        "entry": "bytea",
    },
    "ON CONFLICT (tenant, person_id) DO UPDATE SET redirect_person_id = excluded.redirect_person_id, "
    "version = excluded.version, lane = excluded.lane, entry = excluded.entry",
)


class SqlPersons:
    """Persons."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, tenant: str, person_ids: Collection[int]) -> Mapping[int, PersonRow]:
        sql = f"SELECT {_PERSON_COLUMNS} FROM persons WHERE tenant = ?"
        rows = select_among(self._connection, sql, (tenant,), "person_id", person_ids)
        return {row[0]: _person_row(*row) for row in rows}

    def save(self, tenant: str, rows: Iterable[PersonRow]) -> None:
        _SAVE_PERSONS(
            self._connection, tenant, ((*row[:2], signed(row.birth_hash), *row[3:]) for row in rows)
        )

    def redirecting_to(self, tenant: str, person_id: int) -> Sequence[int]:
        rows = execute(
            self._connection,
            "SELECT person_id FROM persons WHERE tenant = ? AND redirect_person_id = ? ORDER BY person_id",
            (tenant, person_id),
        )
        return [row[0] for row in rows]

    def merged_birth_keys(self, tenant: str, person_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
        rows = select_among(
            self._connection,
            "SELECT redirect_person_id, birth_key_id FROM persons WHERE tenant = ?",
            (tenant,),
            "redirect_person_id",
            person_ids,
            index="persons_by_redirect",
        )
        found: dict[int, list[int]] = defaultdict(list)
        for person_id, key_id in sorted(rows):
            found[person_id].append(key_id)
        return found

    def latest_version(self, tenant: str, person_ids: Collection[int], lane: Lane) -> int:
        rows = select_among(
            self._connection,
            "SELECT max(version) FROM persons WHERE tenant = ? AND lane = ?",
            (tenant, int(lane)),
            "person_id",
            person_ids,
        )
        return max((row[0] or 0 for row in rows), default=0)

    def page(self, tenant: str, after: int, limit: int) -> Sequence[PersonRow]:
        rows = execute(
            self._connection,
            f"SELECT {_PERSON_COLUMNS} FROM persons WHERE tenant = ? AND person_id > ? "
            "ORDER BY person_id LIMIT ?",
            (tenant, after, limit),
        )
        return [_person_row(*row) for row in rows]


class SqlAttributes:
    """Attributes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, Sequence[AttributeStatement]]:
        sql = "SELECT key_id, name, source, time_us, value, verified FROM attribute_values WHERE tenant = ?"
        found: dict[int, list[AttributeStatement]] = defaultdict(list)
        rows = select_among(self._connection, sql, (tenant,), "key_id", key_ids)
        for key_id, name, source, time_us, value, verified in rows:
            statement = AttributeStatement(name, source, time_us, value, verified=bool(verified))
            found[key_id].append(statement)
        return found

    def save(self, tenant: str, statements: Iterable[tuple[int, AttributeStatement]]) -> None:
        execute_many(
            self._connection,
            "INSERT INTO attribute_values (tenant, key_id, name, source, time_us, value, verified) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, key_id, name, source) "
            "DO UPDATE SET time_us = excluded.time_us, value = excluded.value, verified = excluded.verified",
            [
                (tenant, key_id, s.name, s.source, s.time_us, s.value, int(s.verified))
                for key_id, s in statements
            ],
        )


class SqlContactPoints:
    """ContactPoints."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, Sequence[ContactPointRow]]:
        sql = "SELECT key_id, channel, scope, address_hash, sealed, stated_us FROM contact_points WHERE tenant = ?"
        found: dict[int, list[ContactPointRow]] = defaultdict(list)
        for row in select_among(self._connection, sql, (tenant,), "key_id", key_ids):
            address = Address(Channel(row[1]), row[2], row[3])
            found[row[0]].append(ContactPointRow(row[0], address, row[4], row[5]))
        return found

    def keys_at(self, tenant: str, addresses: Collection[Address]) -> set[int]:
        wanted = {(int(address.channel), address.scope, address.hash) for address in addresses}
        sql = "SELECT channel, scope, address_hash, key_id FROM contact_points WHERE tenant = ?"
        hashes = {address.hash for address in addresses}
        rows = select_among(self._connection, sql, (tenant,), "address_hash", hashes)
        return {row[3] for row in rows if (row[0], row[1], row[2]) in wanted}

    def save(self, tenant: str, rows: Iterable[ContactPointRow]) -> None:
        execute_many(
            self._connection,
            "INSERT INTO contact_points (tenant, key_id, channel, scope, address_hash, sealed, stated_us) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, key_id, channel, scope, address_hash) "
            "DO UPDATE SET sealed = excluded.sealed, stated_us = excluded.stated_us",
            [
                (
                    tenant,
                    row.key_id,
                    int(row.address.channel),
                    row.address.scope,
                    row.address.hash,
                    row.sealed,
                    row.stated_us,
                )
                for row in rows
            ],
        )


class SqlConsents:
    """Consents."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def at(self, tenant: str, addresses: Collection[Address]) -> Mapping[Address, Sequence[Consent]]:
        wanted = set(addresses)
        sql = (
            "SELECT channel, scope, address_hash, purpose, brand, granted, time_us, expire_us, text_version, "
            "evidence FROM consents WHERE tenant = ?"
        )
        found: dict[Address, list[Consent]] = defaultdict(list)
        hashes = {address.hash for address in wanted}
        for row in select_among(self._connection, sql, (tenant,), "address_hash", hashes):
            address = Address(Channel(row[0]), row[1], row[2])
            if address in wanted:
                found[address].append(Consent(address, row[3], row[4], bool(row[5]), *row[6:]))
        return found

    def add(self, tenant: str, statements: Iterable[tuple[RecordKey, Consent]]) -> None:
        execute_many(
            self._connection,
            "INSERT INTO consents (tenant, address_hash, channel, scope, purpose, brand, time_us, granted, "
            "source, record_id, expire_us, text_version, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            [
                (
                    tenant,
                    consent.address.hash,
                    int(consent.address.channel),
                    consent.address.scope,
                    consent.purpose,
                    consent.brand,
                    consent.time_us,
                    int(consent.granted),
                    *record,
                    consent.expire_us,
                    consent.text_version,
                    consent.evidence,
                )
                for record, consent in statements
            ],
        )


def _person_row(
    person_id: int, birth_key_id: int, birth_hash: int, redirect: int, version: int, lane: int, entry: bytes
) -> PersonRow:
    return PersonRow(person_id, birth_key_id, unsigned(birth_hash), redirect, version, lane, entry)
