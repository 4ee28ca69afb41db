"""Tenants that are fed and given policies, so that their stores can be compared."""

import copy
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from identity.api.encoding import ProtoEncoding
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import IngestRecords, Outcome
from identity.app.keyed_records import Batch
from identity.app.operate import Decider
from identity.app.policies import PolicyBook
from identity.app.policy_lab import PolicyLab
from identity.app.publish_persons import PublishPersons
from identity.app.replay_policy import PolicyWish, Replayed, ReplayPolicy
from identity.app.simulate_policy import SimulatePolicy
from identity.domain.evidence import DAY_US
from identity.domain.policy import Policy
from identity.domain.policy_effect import PolicyEffect
from identity.domain.record import Arrival, Identifier, Record
from identity.errors import ConfirmationNeeded
from identity.main import SERVICE
from identity.standards.load import load_standards
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from linking_world import DOCUMENT, POLICY, Name, Said
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.revision import Lane
from sqlalchemy import Connection

T = TypeVar("T")
State = tuple[set[frozenset[Name]], dict[Name, tuple[int, int]], set[tuple[Name, Name, int]]]
"""The partition; standing and marks of each key; conflicts with their reasons."""


def changed(**words: dict[str, Any]) -> dict[str, Any]:
    """The document with other words for some namespaces."""
    document = copy.deepcopy(DOCUMENT)
    for item in document["namespaces"]:
        item.update(words.get(item["name"], {}))
    return document


REORDERED = {**DOCUMENT, "namespaces": [DOCUMENT["namespaces"][n] for n in (2, 0, 4, 1, 3)]}
DOCUMENTS: tuple[dict[str, Any], ...] = (
    DOCUMENT,
    REORDERED,
    {**DOCUMENT, "max_component_keys": 4, "max_person_keys": 3},
    changed(member_id={"limits": {"strong": 1, "weak": 1}}, phone={"validity_days": 0}),
    changed(crm_id={"unique": False}, email={"verified_only": False}),
    changed(
        phone={"grade": "weak", "blocked_values": ["phone-0"]}, email={"blocked_patterns": ["email-[12]"]}
    ),
)
POLICIES = st.sampled_from(DOCUMENTS)


class SameHashes(KeyVault):
    """Hashes identifiers of all tenants alike: ties are broken by the hash, so that tenants can be compared."""

    def identifier_hash(self, tenant: str, identifier: Identifier) -> bytes:
        return super().identifier_hash("any", identifier)


class Tenant:
    """A tenant that is fed and given policies."""

    def __init__(
        self, database: Database, secret: bytes, clock: Clock, name: str = "", built_in: Policy = POLICY
    ) -> None:
        self._database, self._changelog, self._vault = database, Changelog(SERVICE), SameHashes(secret)
        encoding, dictionary = ProtoEncoding(), load_standards().attributes
        self._policies = policies = PolicyBook(built_in)
        lab = PolicyLab(built_in, self._vault)
        publish = PublishPersons(dictionary, self._vault, encoding)
        self._hot = HotKeys()
        self._ingest = IngestRecords(policies, self._vault, encoding, publish, self._hot)
        self.use_case = ReplayPolicy(policies, lab, publish, encoding, clock, SERVICE)
        self._simulate = SimulatePolicy(policies, lab, SERVICE)
        self.name = name or f"t{uuid.uuid4().hex}"
        self.names: set[Name] = set()

    def send(self, records: Sequence[tuple[int, Said]]) -> None:
        self.commit(self.prepare(records))

    def prepare(self, records: Sequence[tuple[int, Said]]) -> Batch:
        self.names.update(name for _, said in records for name in said.names)
        arrivals = [Arrival(_record(number, said), ()) for number, said in records]
        return self._ingest.prepare(self.name, Lane.LIVE, arrivals)

    def commit(self, prepared: Batch) -> Sequence[Outcome]:
        ingested = self.write(lambda stores: self._ingest(stores, prepared, 1))
        self._hot.learn(ingested.learned)
        return ingested.outcomes

    def replay(self, document: dict[str, Any], **wish: Any) -> Replayed:
        asked = PolicyWish(Decider(self.name, "tester", "a test"), json.dumps(document), **wish)
        try:
            return self.write(lambda stores: self._in_force(stores, self.use_case(stores, asked)))
        except ConfirmationNeeded as needed:
            assert not wish
            return self.replay(document, confirm=int(needed.metadata["persons_split"]))

    def _in_force(self, stores: Stores, done: Replayed) -> Replayed:
        self._policies.of(stores, self.name)
        return done

    def simulate(self, document: dict[str, Any]) -> PolicyEffect:
        return self.write(lambda stores: self._simulate(stores, self.name, json.dumps(document))).effect

    def rows(self) -> dict[Name, Any]:
        return self._read(self._rows)

    def _rows(self, stores: Stores) -> dict[Name, Any]:
        hashes = {self._vault.identifier_hash(self.name, _identifier(name)): name for name in self.names}
        found = stores.keys.find(self.name, hashes)
        rows = stores.keys.rows(self.name, found.values())
        return {hashes[hash_]: rows[key_id] for hash_, key_id in found.items()}

    def state(self) -> State:
        rows, conflicts = self._read(
            lambda stores: (self._rows(stores), stores.conflicts.page(self.name, None, 10_000))
        )
        name_of = {row.key_id: name for name, row in rows.items()}
        groups: dict[int, set[Name]] = defaultdict(set)
        for name, row in rows.items():
            groups[row.person_id].add(name)
        return (
            set(map(frozenset, groups.values())),
            {name: (row.standing, row.marks) for name, row in rows.items()},
            {(name_of[c.key_id], name_of[c.other_key_id], int(c.reason)) for c, _ in conflicts},
        )

    def published(self) -> dict[int, bytes]:
        """The entry of every living person."""
        rows = self._read(lambda stores: stores.persons.page(self.name, 0, 10_000))
        return {row.person_id: row.entry for row in rows if not row.redirect_person_id}

    def leads(self, person_ids: Collection[int]) -> dict[int, int]:
        """Whom each of these persons stands for by now; those of whom nobody is left are not there."""
        rows = self._read(lambda stores: stores.persons.page(self.name, 0, 10_000))
        lead = {row.person_id: row.redirect_person_id or row.person_id for row in rows}
        return {each: lead[each] for each in person_ids if each in lead}

    def policy_version(self) -> int:
        return self._read(lambda stores: stores.policies.in_force(self.name))

    def head(self) -> int:
        return self._read(lambda stores: stores.changes.head().position)

    def _read(self, look: Callable[[Stores], T]) -> T:
        return self._database.read_now(lambda connection: look(open_stores(connection, self._changelog)))

    def write(self, work: Callable[[Stores], T]) -> T:
        def run(connection: Connection) -> T:
            return work(open_stores(connection, self._changelog))

        return self._database.write_now(run)


def _identifier(name: Name, verified: bool = False) -> Identifier:
    return Identifier(name[0], "", f"{name[0]}-{name[1]}", verified=verified)


def _record(number: int, said: Said) -> Record:
    return Record(
        "shop",
        f"r{number}",
        repr(said).encode(),
        said.day * DAY_US + 5,
        "",
        tuple(_identifier(name, said.verified) for name in said.names),
        None,
        (),
        (),
        (),
        0,
        said.kind,
    )
