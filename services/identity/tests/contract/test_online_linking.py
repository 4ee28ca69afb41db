"""The store's persons after any history equal the full recompute of the same function, on both stores."""

import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, pairwise
from typing import TypeVar

from huaxiang.identity.v1 import person_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.api.encoding import ProtoEncoding
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Ingested, IngestRecords
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.domain.evidence import Evidence, LinkKind, sighting
from identity.domain.groups import LinkKey
from identity.domain.partition import partition
from identity.domain.record import Arrival, Identifier, Record
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from servicekit.revision import Lane
from sqlalchemy import Connection

STANDARDS = load_standards()
NAMESPACES = ("member_id", "crm_id", "phone", "wechat_openid", "device_id")
KEYS = st.tuples(st.sampled_from(NAMESPACES), st.integers(0, 2))
RECORDS = st.lists(st.lists(KEYS, min_size=1, max_size=3, unique=True), min_size=4, max_size=16)
"""Few values, so that keys meet: sharing, contests and splits are common."""
Name = tuple[str, int]
T = TypeVar("T")


class OnlineIdentity:
    """One tenant of a service, fed with records that consist of identifiers alone."""

    def __init__(self, wiring: Wiring, secret: bytes, hot: HotKeys) -> None:
        vault, encoding = KeyVault(secret), ProtoEncoding()
        policies = PolicyBook(STANDARDS.policy)
        publish = PublishPersons(STANDARDS.attributes, vault, encoding)
        self._ingest = IngestRecords(policies, vault, encoding, publish, hot)
        self._wiring = wiring
        self._hot = hot
        self.vault = vault
        self.tenant = f"t{uuid.uuid4().hex}"

    def send(self, batch: Sequence[tuple[str, Sequence[Name]]], lane: Lane = Lane.LIVE) -> Ingested:
        arrivals = [Arrival(_record(record_id, names), ()) for record_id, names in batch]
        prepared = self._ingest.prepare(self.tenant, lane, arrivals)
        ingested = self._write(lambda stores: self._ingest(stores, prepared, 1))
        self._hot.learn(ingested.learned)
        return ingested

    def persons(self, records: Iterable[Sequence[Name]]) -> set[frozenset[Name]]:
        """The partition as the store has it."""
        hash_of = {
            name: self.vault.identifier_hash(self.tenant, _identifier(name))
            for names in records
            for name in names
        }

        def read(stores: Stores) -> set[frozenset[Name]]:
            key_ids = stores.keys.find(self.tenant, hash_of.values())
            rows = stores.keys.rows(self.tenant, key_ids.values())
            groups: dict[int, set[Name]] = {}
            for name, hash_ in hash_of.items():
                groups.setdefault(rows[key_ids[hash_]].person_id, set()).add(name)
            return set(map(frozenset, groups.values()))

        return self._write(read)

    def published(self) -> dict[int, person_pb2.Person]:
        return self._write(
            lambda stores: {
                row.person_id: person_pb2.Person.FromString(row.entry)
                for row in stores.persons.page(self.tenant, 0, 10_000)
            }
        )

    def head(self) -> int:
        return self._write(lambda stores: stores.changes.head().position)

    def _write(self, work: Callable[[Stores], T]) -> T:
        def run(connection: Connection) -> T:
            return work(open_stores(connection, self._wiring.changelog))

        return self._wiring.database.write_now(run)


def _identifier(name: Name) -> Identifier:
    return Identifier(name[0], "", f"{name[0]}-{name[1]}")


def _record(record_id: str, names: Sequence[Name]) -> Record:
    digest = repr(sorted(names)).encode()
    return Record("shop", record_id, digest, 1, "", tuple(map(_identifier, names)), None, (), (), ())


def recompute(identity: OnlineIdentity, records: Iterable[Sequence[Name]]) -> set[frozenset[Name]]:
    """The same function over all evidence at once."""
    names = sorted({name for record in records for name in record})
    ids = {name: number for number, name in enumerate(names, 1)}
    neighbours: dict[int, dict[int, Evidence]] = {key_id: {} for key_id in ids.values()}
    seen = sighting(LinkKind.CO_OCCURRENCE, 1, False, "shop")
    for record in records:
        for one, other in combinations(record, 2):
            neighbours[ids[one]][ids[other]] = neighbours[ids[other]][ids[one]] = seen
    keys = {
        ids[name]: LinkKey(
            ids[name], name[0], "", identity.vault.identifier_hash(identity.tenant, _identifier(name))
        )
        for name in names
    }
    groups = partition(keys, neighbours, STANDARDS.policy).groups
    return {frozenset(names[key_id - 1] for key_id in group) for group in groups}


def batches(
    records: Sequence[Sequence[Name]], order: random.Random
) -> list[list[tuple[str, Sequence[Name]]]]:
    """The records cut into batches at random places."""
    numbered = [(f"r{number}", record) for number, record in enumerate(records)]
    cuts = sorted(order.sample(range(len(records) + 1), order.randint(0, len(records) // 2)))
    edges = [0, *cuts, len(records)]
    return [numbered[low:high] for low, high in pairwise(edges) if low < high]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, order=st.randoms(use_true_random=False), hot_size=st.sampled_from([0, 3, 1_000]))
def test_any_history_in_any_batches_equals_the_full_recompute(
    wiring: Wiring, secret: bytes, records: list[list[Name]], order: random.Random, hot_size: int
) -> None:
    identity = OnlineIdentity(wiring, secret, HotKeys(hot_size, hot_size))
    sent: list[Sequence[Name]] = []
    for batch in batches(order.sample(records, len(records)), order):
        identity.send(batch, order.choice([Lane.LIVE, Lane.BULK]))
        sent += [names for _, names in batch]
        assert identity.persons(sent) == recompute(identity, sent)
    check_published(identity)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, order=st.randoms(use_true_random=False))
def test_a_second_sending_changes_and_publishes_nothing(
    wiring: Wiring, secret: bytes, records: list[list[Name]], order: random.Random
) -> None:
    identity = OnlineIdentity(wiring, secret, HotKeys())
    numbered = [(f"r{number}", record) for number, record in enumerate(records)]
    first = identity.send(numbered)
    before, head = identity.published(), identity.head()
    again = identity.send(order.sample(numbered, len(numbered)))
    assert identity.published() == before
    assert identity.head() == head
    assert first.revision.covers(again.revision)
    more = identity.send([(f"again-{record_id}", names) for record_id, names in numbered])
    assert identity.published() == before
    assert [outcome.person_id for outcome in more.outcomes] == [
        outcome.person_id for outcome in first.outcomes
    ]


def check_published(identity: OnlineIdentity) -> None:
    """Every key in exactly one living person; redirects resolved; unique namespaces hold."""
    persons = identity.published()
    living = {i: p for i, p in persons.items() if p.state != person_pb2.PERSON_STATE_REDIRECTED}
    keys = [key.key_id for person in living.values() for key in person.keys]
    assert sorted(keys) == list(range(1, len(keys) + 1))
    for person_id, person in persons.items():
        assert person.person_id == person_id
        if person_id in living:
            assert person.keys
            unique = [k.namespace for k in person.keys if STANDARDS.policy.namespaces[k.namespace].unique]
            assert len(unique) == len(set(unique))
        else:
            assert not person.keys
            assert person.redirect_person_id in living
    assert len({person.birth_hash for person in persons.values()}) == len(persons)


def test_an_anonymous_person_becomes_known_and_the_old_id_redirects(wiring: Wiring, secret: bytes) -> None:
    identity = OnlineIdentity(wiring, secret, HotKeys())
    device, member = ("device_id", 1), ("member_id", 1)
    anonymous = identity.send([("r1", [device])]).outcomes[0].person_id
    known = identity.send([("r2", [device, member])]).outcomes[0].person_id
    assert known != anonymous
    published = identity.published()
    assert published[anonymous].redirect_person_id == known
    assert published[known].state == person_pb2.PERSON_STATE_MEMBER


def test_a_device_that_turns_out_shared_gives_its_people_back(wiring: Wiring, secret: bytes) -> None:
    identity = OnlineIdentity(wiring, secret, HotKeys())
    device, first, second = ("device_id", 1), ("member_id", 1), ("member_id", 2)
    identity.send([("r1", [device])])
    merged = identity.send([("r2", [device, first])]).outcomes[0].person_id
    outcome = identity.send([("r3", [device, second])])
    published = identity.published()
    assert [key.namespace for key in published[merged].keys] == ["member_id"]
    assert outcome.outcomes[0].person_id != merged
    device_person = next(p for p in published.values() if [k.namespace for k in p.keys] == ["device_id"])
    assert device_person.state == person_pb2.PERSON_STATE_ANONYMOUS
    assert device_person.redirect_person_id == 0


def test_keys_that_only_a_shared_key_held_together_part(wiring: Wiring, secret: bytes) -> None:
    identity = OnlineIdentity(wiring, secret, HotKeys())
    phone, device, first, second = ("phone", 1), ("device_id", 1), ("member_id", 1), ("member_id", 2)
    records = [[phone, first], [phone, device], [phone, second]]
    for number, record in enumerate(records[:2]):
        identity.send([(f"r{number}", record)])
    assert identity.persons(records[:2]) == {frozenset({phone, first, device})}
    identity.send([("r2", records[2])])
    assert identity.persons(records) == {frozenset({key}) for key in (phone, device, first, second)}
    check_published(identity)


def test_a_shared_phone_makes_nobody_known(wiring: Wiring, secret: bytes) -> None:
    identity = OnlineIdentity(wiring, secret, HotKeys())
    phone = ("phone", 1)
    person_id = identity.send([("r1", [phone])]).outcomes[0].person_id
    assert identity.published()[person_id].state == person_pb2.PERSON_STATE_KNOWN
    identity.send([(f"m{n}", [phone, ("member_id", n)]) for n in range(2)])
    assert identity.published()[person_id].state == person_pb2.PERSON_STATE_ANONYMOUS
