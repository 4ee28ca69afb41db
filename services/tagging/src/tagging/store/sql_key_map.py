"""The key map as tables: statements, owners, and the rare keys that several persons list."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rules.check import Population
from rules.evaluate.meaning import Value
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.key_ownership import latest_statements, owner_of
from tagging.domain.persons import Person, PersonDelta, PersonState
from tagging.store.key_arrays import KeyArrays
from tagging.store.person_arrays import PersonArrays, last_change
from tagging.store.person_files import PersonFiles
from tagging.store.person_ports import HeldPersons
from tagging.store.ports import LivingPersons, PersonIds
from tagging.store.property_json import decode, encode
from tagging.store.sql_counters import ensure_counters
from tagging.store.sql_key_owners import keys_of_persons, owners_of_keys
from tagging.store.sql_lists import pieces

MAX_REDIRECTS = 16
"""Redirects followed in a row; identity resolves them, so more than one is seen only between lanes."""
_COLUMNS = "person_id, version, state, redirect_person_id, key_ids, birth_hash, attributes"
_PUT_PERSON = (
    "INSERT INTO person "
    "(tenant, person_id, version, state, redirect_person_id, key_ids, birth_hash, attributes, change) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, person_id) DO UPDATE SET "
    "version = excluded.version, state = excluded.state, "
    "redirect_person_id = excluded.redirect_person_id, key_ids = excluded.key_ids, "
    "birth_hash = excluded.birth_hash, attributes = excluded.attributes, change = excluded.change"
)
_PUT_OWNER = (
    "INSERT INTO key_owner (tenant, key_id, person_id, change) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (tenant, key_id) DO UPDATE SET person_id = excluded.person_id, change = excluded.change"
)
_POPULATIONS = {
    Population.KNOWN: (PersonState.KNOWN, PersonState.MEMBER),
    Population.MEMBER: (PersonState.MEMBER,),
    Population.ALL: (PersonState.ANONYMOUS, PersonState.KNOWN, PersonState.MEMBER),
}


class SqlKeyMap:
    """KeyMap over the tables `person`, `key_owner` and `contested_key`."""

    def __init__(self, files: PersonFiles | None = None) -> None:
        """`files`: of who lives and whose each key is, kept near the store."""
        self._arrays = KeyArrays(files)
        self._persons = PersonArrays(files)

    def apply(self, connection: Connection, tenant: str, statements: Sequence[Person]) -> PersonDelta:
        said = latest_statements(statements)
        stored = self.persons(connection, tenant, said)
        news = {
            person_id: person
            for person_id, person in sorted(said.items())
            if person_id not in stored or person.version > stored[person_id].version
        }
        overtaken = tuple(
            stored[person_id]
            for person_id, person in sorted(said.items())
            if person_id in stored and person.version < stored[person_id].version
        )
        if not news:
            return PersonDelta(overtaken=overtaken)
        ensure_counters(connection, tenant)
        change = _count(connection, tenant, news.values())
        execute_many(connection, _PUT_PERSON, [(*_row(tenant, each), change) for each in news.values()])
        touched = self._settle(connection, tenant, news, stored, change)
        changed = []
        for person_id, person in news.items():
            before = stored.get(person_id)
            if before is None or _universe(before) != _universe(person):
                changed.append(person)
                redirects = {person.redirect_person_id, before.redirect_person_id if before else 0}
                touched |= {person_id} | redirects - {0}
            elif before.attributes != person.attributes:
                touched.add(person_id)
        return PersonDelta(tuple(changed), overtaken, frozenset(touched))

    def persons(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> dict[int, Person]:
        found: dict[int, Person] = {}
        for piece, marks in pieces(person_ids):
            rows = execute(
                connection,
                f"SELECT {_COLUMNS} FROM person WHERE tenant = ? AND person_id IN ({marks})",
                [tenant, *piece],
            )
            found.update((row[0], _person(row)) for row in rows)
        return found

    def living(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> dict[int, Person]:
        stands_for = {person_id: person_id for person_id in person_ids}
        found: dict[int, Person] = {}
        for _ in range(MAX_REDIRECTS):
            known = self.persons(connection, tenant, set(stands_for.values()))
            redirected: dict[int, int] = {}
            for asked, person_id in stands_for.items():
                person = known.get(person_id)
                if person is None:
                    continue
                if person.state.is_living:
                    found[asked] = person
                elif person.redirect_person_id:
                    redirected[asked] = person.redirect_person_id
            stands_for = redirected
            if not stands_for:
                break
        return found

    def owners(self, connection: Connection, tenant: str, key_ids: Collection[int]) -> dict[int, int]:
        return {key: person for key, person in owners_of_keys(connection, tenant, key_ids).items() if person}

    def keys_of(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {person_id: [] for person_id in person_ids}
        for key_id, person_id in sorted(keys_of_persons(connection, tenant, found).items()):
            found[person_id].append(key_id)
        return found

    def population(self, connection: Connection, tenant: str, population: Population) -> PersonIds:
        states = _POPULATIONS[population]
        rows = execute(
            connection,
            f"SELECT person_id FROM person WHERE tenant = ? AND state IN ({', '.join('?' * len(states))})",
            [tenant, *map(int, states)],
        )
        return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64))

    def objecting(self, connection: Connection, tenant: str) -> PersonIds:
        _, may_object = self._persons.read(connection, tenant)
        known = self.persons(connection, tenant, may_object.tolist())
        found = (person.person_id for person in known.values() if person.objects)
        return np.sort(np.fromiter(found, dtype=np.int64))

    def attributes(
        self, connection: Connection, tenant: str, after: int, limit: int
    ) -> list[tuple[int, Mapping[str, Value]]]:
        rows = execute(
            connection,
            "SELECT person_id, attributes FROM person WHERE tenant = ? AND person_id > ? AND state IN (1, 2, 3) "
            "AND attributes <> '{}' ORDER BY person_id LIMIT ?",
            (tenant, after, limit),
        )
        return [(row[0], decode(row[1])) for row in rows]

    def attributes_of(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[tuple[int, Mapping[str, Value]]]:
        found: list[tuple[int, Mapping[str, Value]]] = []
        for piece, marks in pieces(sorted(person_ids)):
            rows = execute(
                connection,
                "SELECT person_id, attributes FROM person WHERE tenant = ? AND state IN (1, 2, 3) "
                f"AND attributes <> '{{}}' AND person_id IN ({marks}) ORDER BY person_id",
                (tenant, *piece),
            )
            found += [(row[0], decode(row[1])) for row in rows]
        return found

    def everybody(self, connection: Connection, tenant: str) -> LivingPersons:
        return self._persons.read(connection, tenant)[0]

    def erased(self, connection: Connection, tenant: str) -> list[int]:
        rows = execute(
            connection,
            "SELECT person_id FROM person WHERE tenant = ? AND state = ? UNION "
            "SELECT r.person_id FROM person r JOIN person e ON e.tenant = r.tenant "
            "AND e.person_id = r.redirect_person_id "
            "WHERE r.tenant = ? AND r.redirect_person_id > 0 AND e.state = ? ORDER BY 1",
            (tenant, int(PersonState.ERASED), tenant, int(PersonState.ERASED)),
        )
        return [row[0] for row in rows]

    def universe(self, connection: Connection, tenant: str, after: int, limit: int) -> list[Person]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM person WHERE tenant = ? AND person_id > ? ORDER BY person_id LIMIT ?",
            (tenant, after, limit),
        )
        return [_person(row) for row in rows]

    def stated_before(self, connection: Connection, tenant: str, version: int, limit: int) -> list[int]:
        rows = execute(
            connection,
            "SELECT person_id FROM person WHERE tenant = ? AND version < ? ORDER BY person_id LIMIT ?",
            (tenant, version, limit),
        )
        return [row[0] for row in rows]

    def array(self, connection: Connection, tenant: str) -> PersonIds:
        return self._arrays.read(connection, tenant)

    def held(self, connection: Connection, tenant: str) -> HeldPersons:
        """Everybody and every key, as of the connection's snapshot; not in a transaction that applies statements."""
        persons, may_object = self._persons.read(connection, tenant)
        owners = self._arrays.read(connection, tenant)
        return HeldPersons(last_change(connection, tenant), persons, may_object, owners)

    @staticmethod
    def _settle(
        connection: Connection,
        tenant: str,
        news: Mapping[int, Person],
        stored: Mapping[int, Person],
        change: int,
    ) -> set[int]:
        """Gives every key that the news list, or no longer list, to whom it belongs now.

        Answers who gained or lost a key.
        """
        keys = {key for person in news.values() for key in person.key_ids}
        keys.update(key for person_id in news if person_id in stored for key in stored[person_id].key_ids)
        owned = owners_of_keys(connection, tenant, keys)
        contested = _contested(connection, tenant, keys)
        listed: dict[int, set[int]] = {key: {owned[key]} - {0} if key in owned else set() for key in keys}
        for key, persons in contested.items():
            listed[key] |= persons
        listed = {
            key: {person_id for person_id in persons if person_id not in news}
            for key, persons in listed.items()
        }
        for person in news.values():
            for key in person.key_ids:
                listed[key].add(person.person_id)
        versions = {person_id: person.version for person_id, person in news.items()}
        others = {each for persons in listed.values() if len(persons) > 1 for each in persons} - news.keys()
        versions |= _versions(connection, tenant, others)
        owner = {
            key: next(iter(persons)) if len(persons) == 1 else owner_of(persons, versions)
            for key, persons in listed.items()
        }
        moved = {key: person_id for key, person_id in owner.items() if owned.get(key, 0) != person_id}
        _write_owners(connection, tenant, moved, change)
        _write_contested(connection, tenant, contested, listed, owner)
        return ({owned.get(key, 0) for key in moved} | set(moved.values())) - {0}


def _universe(person: Person) -> tuple[PersonState, int, int]:
    return person.state, person.redirect_person_id, person.birth_hash


def _contested(connection: Connection, tenant: str, key_ids: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for piece, marks in pieces(key_ids):
        rows = execute(
            connection,
            f"SELECT key_id, person_id FROM contested_key WHERE tenant = ? AND key_id IN ({marks})",
            [tenant, *piece],
        )
        for key_id, person_id in rows:
            found.setdefault(key_id, set()).add(person_id)
    return found


def _versions(connection: Connection, tenant: str, person_ids: Collection[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for piece, marks in pieces(person_ids):
        rows = execute(
            connection,
            f"SELECT person_id, version FROM person WHERE tenant = ? AND person_id IN ({marks})",
            [tenant, *piece],
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def _write_owners(connection: Connection, tenant: str, moved: Mapping[int, int], change: int) -> None:
    execute_many(
        connection, _PUT_OWNER, [(tenant, key, person_id, change) for key, person_id in sorted(moved.items())]
    )


def _write_contested(
    connection: Connection,
    tenant: str,
    before: Mapping[int, set[int]],
    listed: Mapping[int, set[int]],
    owner: Mapping[int, int],
) -> None:
    was = {(key, person_id) for key, persons in before.items() for person_id in persons}
    now = {(key, each) for key, persons in listed.items() for each in persons if each != owner[key]}
    execute_many(
        connection,
        "DELETE FROM contested_key WHERE tenant = ? AND key_id = ? AND person_id = ?",
        [(tenant, *pair) for pair in sorted(was - now)],
    )
    execute_many(
        connection,
        "INSERT INTO contested_key (tenant, key_id, person_id) VALUES (?, ?, ?)",
        [(tenant, *pair) for pair in sorted(now - was)],
    )


def _count(connection: Connection, tenant: str, persons: Iterable[Person]) -> int:
    """The number of this change, by which arrays in memory, and files, tell what they do not have yet."""
    listed = list(persons)
    highest_person = max(person.person_id for person in listed)
    highest_key = max((key for person in listed for key in person.key_ids), default=0)
    return int(
        execute(
            connection,
            "UPDATE fact_counter SET key_change = key_change + 1, "
            "highest_person_id = CASE WHEN highest_person_id < ? THEN ? ELSE highest_person_id END, "
            "highest_key_id = CASE WHEN highest_key_id < ? THEN ? ELSE highest_key_id END WHERE tenant = ? "
            "RETURNING key_change",
            (highest_person, highest_person, highest_key, highest_key, tenant),
        ).scalar_one()
    )


def _row(tenant: str, person: Person) -> tuple[Any, ...]:
    return (
        tenant,
        person.person_id,
        person.version,
        int(person.state),
        person.redirect_person_id,
        np.array(person.key_ids, dtype="<i8").tobytes(),
        _signed(person.birth_hash),
        encode(person.attributes),
    )


def _person(row: Sequence[Any]) -> Person:
    person_id, version, state, redirect, key_ids, birth_hash, attributes = row
    return Person(
        person_id=person_id,
        version=version,
        state=PersonState(state),
        redirect_person_id=redirect,
        key_ids=tuple(np.frombuffer(key_ids, dtype="<i8").tolist()),
        birth_hash=birth_hash & 0xFFFF_FFFF_FFFF_FFFF,
        attributes=decode(attributes),
    )


def _signed(unsigned: int) -> int:
    return unsigned - (1 << 64) if unsigned >= 1 << 63 else unsigned
