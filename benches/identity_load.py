"""A store with a million persons in it, written straight into its tables as the front door would have left them.

Only what is sealed is made up: it is random bytes of the right length, which nothing here opens.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from identity.api.encoding import ProtoEncoding
from identity.domain.linking import Standing
from identity.domain.person import Person, PersonKey, PersonState
from identity.domain.person_ids import IdBlocks
from identity.domain.record import Identifier
from identity.store.batches import signed
from identity.store.rows import Counters

from benches.crowd import APP_ID, DAY_US
from benches.identity_store import NOW_US, IdentityStore

TENANT = "t1"
"""The one that local servers have keys for."""
SEALED_BYTES = 44
BATCH = 20_000
SEEN_US = NOW_US - NOW_US % DAY_US
SOURCE = "app"
"""Everybody was seen today by the source that the mix comes from: what is known already changes nothing."""
_FIRST_PERSON_ID = 1
_ROWS = {"keys": 10, "edges": 9, "sightings": 6, "persons": 8}


class Loaded(NamedTuple):
    """How many persons there are, each with the identifiers of `identifiers_of`."""

    persons: int


def identifiers_of(number: int) -> tuple[Identifier, ...]:
    """The identifiers of a loaded person: three, for every other one four."""
    found = (
        Identifier("phone", "", f"+861{30 + number // 100_000_000}{number % 100_000_000:08d}"),
        Identifier("wechat_openid", APP_ID, f"o-open-{number:010d}"),
        Identifier("device_id", "", f"device-{number:010d}"),
    )
    return (Identifier("member_id", "", f"M{number:09d}"), *found) if number % 2 else found


def load(store: IdentityStore, persons: int) -> Loaded:
    """Fills an empty store: 3.5 identifiers a person, all of a person's seen together once by one source."""
    writer = _writer(store)
    encoding = ProtoEncoding()
    key_id = 1
    for start in range(0, persons, BATCH):
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _ROWS}
        sealed = os.urandom(SEALED_BYTES)
        for number in range(start, min(start + BATCH, persons)):
            ids = identifiers_of(number)
            _add_person(rows, store, encoding, number + _FIRST_PERSON_ID, key_id, ids, sealed)
            key_id += len(ids)
        writer(rows)

    def count(connection: Any) -> None:
        from identity.store.sql import open_stores

        stores = open_stores(connection, store.wiring.changelog)
        stores.tenants.lock(TENANT, stores.changes.head().epoch)
        blocks = IdBlocks().above(persons + _FIRST_PERSON_ID)
        stores.tenants.save(TENANT, Counters(key_id, 1, blocks))

    store.database.write_now(count)
    return Loaded(persons)


def _add_person(
    rows: dict[str, list[tuple[Any, ...]]],
    store: IdentityStore,
    encoding: ProtoEncoding,
    person_id: int,
    first_key_id: int,
    identifiers: Sequence[Identifier],
    sealed: bytes,
) -> None:
    hashes = [store.vault.identifier_hash(TENANT, each) for each in identifiers]
    key_ids = range(first_key_id, first_key_id + len(identifiers))
    for key_id, identifier, hash_ in zip(key_ids, identifiers, hashes, strict=True):
        born = person_id if key_id == first_key_id else 0
        standing = int(Standing.LINKING)
        rows["keys"].append(
            (
                TENANT,
                key_id,
                identifier.namespace,
                identifier.scope,
                hash_,
                standing,
                person_id,
                born,
                0,
                sealed,
            )
        )
        rows["sightings"].append((TENANT, key_id, SOURCE, SEEN_US, SEEN_US, 1))
        rows["edges"] += [
            (TENANT, key_id, other, SEEN_US, SEEN_US, 1, 0, -1, SOURCE if key_id < other else "")
            for other in key_ids
            if other != key_id
        ]
    birth_hash = store.vault.birth_hash(TENANT, hashes[0])
    state = PersonState.MEMBER if len(identifiers) == 4 else PersonState.KNOWN
    keys = tuple(PersonKey(key_id, each.namespace) for key_id, each in zip(key_ids, identifiers, strict=True))
    entry = encoding.person(Person(person_id, state, birth_hash, keys=keys))
    rows["persons"].append((TENANT, person_id, first_key_id, signed(birth_hash), 0, 1, 1, entry))


_COLUMNS = {
    "keys": "tenant, key_id, namespace, scope, hash, standing, person_id, born_person_id, marks, sealed",
    "edges": "tenant, key_id, other_key_id, first_us, last_us, kinds, verified, unbound_us, sources",
    "sightings": "tenant, key_id, source, first_us, last_us, records",
    "persons": "tenant, person_id, birth_key_id, birth_hash, redirect_person_id, version, lane, entry",
}


def _writer(store: IdentityStore) -> Any:
    """Writes rows by the table they go to, in one transaction."""

    def write(rows: dict[str, list[tuple[Any, ...]]]) -> None:
        store.database.write_now(lambda connection: _write(connection.connection.driver_connection, rows))

    def _write(driver: Any, rows: dict[str, list[tuple[Any, ...]]]) -> None:
        for table, listed in rows.items():
            if store.database.dialect == "sqlite":
                marks = ",".join("?" * _ROWS[table])
                driver.executemany(f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({marks})", listed)
            else:
                with (
                    driver.cursor() as cursor,
                    cursor.copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN") as copy,
                ):
                    for row in listed:
                        copy.write_row(row)

    return write
