"""Replaying a policy over stored evidence equals having had it all along, and leads back; simulating tells it."""

import copy
import json
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.api.encoding import ProtoEncoding
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import IngestRecords
from identity.app.operate import Decider
from identity.app.policies import PolicyBook
from identity.app.policy_lab import PolicyLab
from identity.app.publish_persons import PublishPersons
from identity.app.replay_policy import PolicyWish, Replayed, ReplayPolicy
from identity.app.simulate_policy import SimulatePolicy
from identity.domain.evidence import DAY_US
from identity.domain.policy_effect import PolicyEffect
from identity.domain.record import Arrival, Identifier, Record
from identity.errors import ConfirmationNeeded
from identity.main import SERVICE, Wiring
from identity.standards.load import load_standards
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from linking_world import DOCUMENT, POLICY, RECORDS, Name, Said
from servicekit.clock import ManualClock
from servicekit.errors import WrongState
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

    def __init__(self, wiring: Wiring, secret: bytes, clock: ManualClock, document: dict[str, Any]) -> None:
        self._wiring, self._vault = wiring, SameHashes(secret)
        encoding, dictionary = ProtoEncoding(), load_standards().attributes
        policies, lab = PolicyBook(POLICY), PolicyLab(POLICY, self._vault)
        publish = PublishPersons(policies, dictionary, self._vault, encoding)
        self._hot = HotKeys()
        self._ingest = IngestRecords(policies, self._vault, encoding, publish, self._hot)
        self._replay = ReplayPolicy(policies, lab, publish, encoding, clock, SERVICE)
        self._simulate = SimulatePolicy(policies, lab, SERVICE)
        self.name = f"t{uuid.uuid4().hex}"
        self.names: set[Name] = set()
        self.replay(document)

    def send(self, records: Sequence[tuple[int, Said]]) -> None:
        arrivals = [Arrival(_record(number, said), ()) for number, said in records]
        prepared = self._ingest.prepare(self.name, Lane.LIVE, arrivals)
        self._hot.learn(self.write(lambda stores: self._ingest(stores, prepared, 1)).learned)
        self.names.update(name for _, said in records for name in said.names)

    def replay(self, document: dict[str, Any], **wish: Any) -> Replayed:
        asked = PolicyWish(Decider(self.name, "tester", "a test"), json.dumps(document), **wish)
        try:
            return self.write(lambda stores: self._replay(stores, asked))
        except ConfirmationNeeded as needed:
            assert not wish
            return self.replay(document, confirm=int(needed.metadata["persons_split"]))

    def simulate(self, document: dict[str, Any]) -> PolicyEffect:
        return self.write(lambda stores: self._simulate(stores, self.name, json.dumps(document))).effect

    def rows(self) -> dict[Name, Any]:
        hashes = {self._vault.identifier_hash(self.name, _identifier(name)): name for name in self.names}

        def read(stores: Stores) -> dict[Name, Any]:
            found = stores.keys.find(self.name, hashes)
            rows = stores.keys.rows(self.name, found.values())
            return {hashes[hash_]: rows[key_id] for hash_, key_id in found.items()}

        return self.write(read)

    def state(self) -> State:
        rows = self.rows()
        name_of = {row.key_id: name for name, row in rows.items()}
        groups: dict[int, set[Name]] = defaultdict(set)
        for name, row in rows.items():
            groups[row.person_id].add(name)
        conflicts = self.write(lambda stores: stores.conflicts.page(self.name, None, 10_000))
        return (
            set(map(frozenset, groups.values())),
            {name: (row.standing, row.marks) for name, row in rows.items()},
            {(name_of[c.key_id], name_of[c.other_key_id], int(c.reason)) for c, _ in conflicts},
        )

    def published(self) -> dict[int, bytes]:
        """The entry of every living person."""
        rows = self.write(lambda stores: stores.persons.page(self.name, 0, 10_000))
        return {row.person_id: row.entry for row in rows if not row.redirect_person_id}

    def head(self) -> int:
        return self.write(lambda stores: stores.changes.head().position)

    def write(self, work: Callable[[Stores], T]) -> T:
        def run(connection: Connection) -> T:
            return work(open_stores(connection, self._wiring.changelog))

        return self._wiring.database.write_now(run)


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, POLICIES, POLICIES, st.randoms(use_true_random=False))
def test_a_replay_equals_having_had_the_policy_all_along_and_leads_back(
    wiring: Wiring,
    secret: bytes,
    clock: ManualClock,
    records: list[Said],
    first: dict[str, Any],
    second: dict[str, Any],
    order: random.Random,
) -> None:
    numbered = list(enumerate(records))
    cut = order.randint(0, len(numbered))
    moved, constant = (Tenant(wiring, secret, clock, document) for document in (first, second))
    moved.send(numbered[:cut])
    before, published = moved.state(), moved.published()
    moved.replay(second)
    constant.send(numbered[:cut])
    assert moved.state() == constant.state()
    moved.replay(first)
    assert moved.state() == before
    assert moved.published() == published
    moved.replay(second)
    for tenant in (moved, constant):
        tenant.send(numbered[cut:])
    assert moved.state() == constant.state()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, POLICIES, POLICIES)
def test_a_simulation_tells_what_a_replay_does_and_changes_nothing(
    wiring: Wiring,
    secret: bytes,
    clock: ManualClock,
    records: list[Said],
    first: dict[str, Any],
    second: dict[str, Any],
) -> None:
    tenant = Tenant(wiring, secret, clock, first)
    tenant.send(list(enumerate(records)))
    state, head, before = tenant.state(), tenant.head(), tenant.rows()
    told = tenant.simulate(second)
    assert (tenant.state(), tenant.head()) == (state, head)
    done = tenant.replay(second)
    if first == second:
        version = 0 if first is DOCUMENT else 1
        assert (done.version, done.effect, tenant.head()) == (version, PolicyEffect(), head)
        return
    assert done.effect == told
    after = tenant.rows()
    groups_of: dict[int, set[int]] = defaultdict(set)
    persons_of: dict[int, set[int]] = defaultdict(set)
    for name, row in before.items():
        groups_of[row.person_id].add(after[name].person_id)
        persons_of[after[name].person_id].add(row.person_id)
    assert told.persons_before == len(groups_of)
    assert told.persons_after == len(persons_of)
    assert told.persons_split == sum(len(groups) > 1 for groups in groups_of.values())
    assert told.persons_merged == len({p for ps in persons_of.values() if len(ps) > 1 for p in ps})
    assert told.keys_moved == sum(row.person_id != after[name].person_id for name, row in before.items())
    assert (told.conflicts_before, told.conflicts_after) == (len(state[2]), len(tenant.state()[2]))
    sizes = Counter(row.person_id for row in after.values())
    expected = sorted(sizes.values(), reverse=True)[:20]
    assert [each.key_count for each in told.largest_after] == expected
    assert all(sizes[each.person_id] == each.key_count for each in told.largest_after if each.person_id)


def test_a_policy_that_splits_half_needs_the_simulated_number(
    wiring: Wiring, secret: bytes, clock: ManualClock
) -> None:
    tenant = Tenant(wiring, secret, clock, DOCUMENT)
    said = Said((("member_id", 1), ("phone", 1)), 0, 1, False)  # type: ignore[arg-type]
    tenant.send([(1, said)])
    blocking = changed(phone={"blocked_values": ["phone-1"]})
    state, head = tenant.state(), tenant.head()
    told = tenant.simulate(blocking)
    assert (told.persons_split, told.persons_before) == (1, 1)
    for confirm in (0, 2):
        asked = PolicyWish(Decider(tenant.name, "tester", "a test"), json.dumps(blocking), confirm=confirm)
        with pytest.raises(ConfirmationNeeded) as refused:
            tenant.write(lambda stores, asked=asked: tenant._replay(stores, asked))
        assert refused.value.metadata == {"persons_split": "1", "persons": "1"}
    assert (tenant.state(), tenant.head()) == (state, head)
    with pytest.raises(WrongState):
        tenant.replay(blocking, confirm=1, expected_version=7)
    assert tenant.replay(blocking, confirm=1, expected_version=0).version == 1
