"""Erasing at any point of any history, on both stores: the rest is as if the erased had never been, and nothing that
comes later, or again, brings anybody back.
"""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

from huaxiang.identity.v1 import person_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.api.encoding import ProtoEncoding
from identity.app.erase_keys import EraseKeys
from identity.app.erase_person import ErasureQuestion, Erasures, PersonErasure
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Ingested, IngestRecords, IngestStatus
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.app.scrub_erased import ScrubErased
from identity.domain.attributes import AttributeStatement
from identity.domain.consents import Channel
from identity.domain.erasure import is_about_erased
from identity.domain.evidence import Evidence, LinkKind, sighting
from identity.domain.groups import LinkKey
from identity.domain.partition import partition
from identity.domain.policy import Policy
from identity.domain.record import Arrival, Event, Identifier, Record, StatedAddress, StatedConsent
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from servicekit.clock import ManualClock
from servicekit.revision import Lane
from sqlalchemy import Connection, text

STANDARDS = load_standards()
Name = tuple[str, int]
NAMES = st.tuples(
    st.sampled_from(["member_id", "crm_id", "phone", "wechat_openid", "device_id"]), st.integers(0, 1)
)
RECORDS = st.lists(NAMES, min_size=1, max_size=3, unique=True)
STEPS = st.lists(st.one_of(RECORDS, RECORDS, RECORDS, NAMES), min_size=4, max_size=14)
"""A list is a record, a name alone asks to erase whoever holds it."""
T = TypeVar("T")
FACT_TABLES = ("keys", "sightings", "attribute_values", "contact_points")


class ErasingIdentity:
    """One tenant of a service, with a referee that keeps the evidence which should be left."""

    def __init__(
        self,
        wiring: Wiring,
        secret: bytes,
        clock: ManualClock,
        hot: HotKeys | None = None,
        policy: Policy = STANDARDS.policy,
    ) -> None:
        self.vault, encoding = KeyVault(secret), ProtoEncoding()
        self.policy = policy
        policies = PolicyBook(policy)
        publish = PublishPersons(STANDARDS.attributes, self.vault, encoding)
        self._hot = hot or HotKeys()
        self._ingest = IngestRecords(policies, self.vault, encoding, publish, self._hot)
        self._erasures = Erasures(
            EraseKeys(policies, self.vault, encoding, publish), ("tagging",), clock, "identity"
        )
        self._scrub = ScrubErased(clock)
        self._wiring = wiring
        self.tenant = f"t{uuid.uuid4().hex}"
        self.evidence: dict[str, set[Name]] = {}
        self.erased: set[Name] = set()

    def send(self, record_id: str, names: Sequence[Name]) -> Ingested:
        prepared = self._ingest.prepare(self.tenant, Lane.LIVE, [Arrival(_record(record_id, names), ())])
        ingested = self.write(lambda stores: self._ingest(stores, prepared, 1))
        self._hot.learn(ingested.learned)
        return ingested

    def holder(self, name: Name) -> int:
        """The person of a name, 0 for none."""
        hash_ = self.hash_of(name)

        def read(stores: Stores) -> int:
            key_ids = stores.keys.find(self.tenant, [hash_])
            rows = stores.keys.rows(self.tenant, key_ids.values())
            return next((row.person_id for row in rows.values()), 0)

        return self.write(read)

    def erase(self, person_id: int) -> PersonErasure:
        question = ErasureQuestion(self.tenant, "tester", person_id, "why")
        return self.write(lambda stores: self._erasures.erase(stores, question))

    def scrub(self) -> None:
        scan = self.write(self._scrub.find)
        while scan is not None:
            scan = self.write(lambda stores, scan=scan: self._scrub.step(stores, scan))

    def partition(self, names: set[Name]) -> dict[int, set[Name]]:
        groups: dict[int, set[Name]] = {}
        for name in names:
            groups.setdefault(self.holder(name), set()).add(name)
        return groups

    def hash_of(self, name: Name) -> bytes:
        return self.vault.identifier_hash(self.tenant, _identifier(name))

    def is_about_erased(self, names: Sequence[Name]) -> bool:
        stated = {self.hash_of(name): _identifier(name) for name in names}
        return is_about_erased(stated, {self.hash_of(name) for name in self.erased}, STANDARDS.policy)

    def erased_entries(self) -> dict[int, int]:
        """How often each person was published as erased."""
        found: dict[int, int] = {}
        rows = self._wiring.database.read_now(
            lambda c: list(
                c.execute(
                    text("SELECT payload FROM changelog WHERE kind = 'person' AND tenant = :t"),
                    {"t": self.tenant},
                ).scalars()
            )
        )
        for payload in rows:
            person = person_pb2.Person.FromString(bytes(payload))
            if person.state == person_pb2.PERSON_STATE_ERASED:
                found[person.person_id] = found.get(person.person_id, 0) + 1
        return found

    def rows_of(self, table: str, key_ids: Sequence[int]) -> int:
        listed = ", ".join(map(str, key_ids)) or "0"
        return self._wiring.database.read_now(
            lambda c: c.execute(
                text(f"SELECT count(*) FROM {table} WHERE tenant = :t AND key_id IN ({listed})"),
                {"t": self.tenant},
            ).scalar_one()
        )

    def write(self, work: Callable[[Stores], T]) -> T:
        def run(connection: Connection) -> T:
            return work(open_stores(connection, self._wiring.changelog))

        return self._wiring.database.write_now(run)


def _identifier(name: Name) -> Identifier:
    return Identifier(name[0], "", f"{name[0]}-{name[1]}")


def _record(record_id: str, names: Sequence[Name]) -> Record:
    identifiers = tuple(map(_identifier, names))
    attributes = (AttributeStatement("name", "shop", 1, b"\x1a\x01x", closed=True),)
    at = [StatedAddress(Channel.SMS, "", each.value) for each in identifiers if each.namespace == "phone"]
    consents = tuple(StatedConsent(each, "marketing", True, 1, None, "v1", "e") for each in at)
    digest = repr(sorted(names)).encode()
    return Record(
        "shop",
        record_id,
        digest,
        1,
        "",
        identifiers,
        Event("order_paid", b""),
        attributes,
        consents,
        tuple(at),
    )


def run_history(identity: ErasingIdentity, steps: Sequence[Sequence[Name] | Name]) -> None:
    """Takes the steps; the referee follows: what is erased is taken from all evidence there was."""
    for number, step in enumerate(steps):
        if isinstance(step, tuple):
            person_id = identity.holder(step)
            if not person_id:
                continue
            known = {name for names in identity.evidence.values() for name in names}
            gone = {name for name in known if identity.holder(name) == person_id}
            identity.erase(person_id)
            identity.erased |= gone
            for names in identity.evidence.values():
                names.difference_update(gone)
        else:
            about = identity.is_about_erased(step)
            (outcome,) = identity.send(f"r{number}", step).outcomes
            assert (outcome.status is IngestStatus.REFUSED) == about
            if not about:
                identity.evidence[f"r{number}"] = set(step) - identity.erased


def check_redirects(identity: ErasingIdentity) -> None:
    """Every id ever born stands for one living or erased person, in one step."""
    rows = identity.write(lambda stores: list(stores.persons.page(identity.tenant, 0, 10_000)))
    persons = {row.person_id: person_pb2.Person.FromString(row.entry) for row in rows}
    for person in persons.values():
        redirected = person.state == person_pb2.PERSON_STATE_REDIRECTED
        assert bool(person.redirect_person_id) == redirected
        end = persons[person.redirect_person_id] if redirected else person
        assert end.state != person_pb2.PERSON_STATE_REDIRECTED
        assert bool(identity.write(lambda s, e=end: s.keys.of_persons(identity.tenant, [e.person_id]))) == (
            end.state != person_pb2.PERSON_STATE_ERASED
        )


def recompute(identity: ErasingIdentity) -> set[frozenset[Name]]:
    """The linking of the evidence that should be left, all at once."""
    names = sorted({name for stated in identity.evidence.values() for name in stated})
    ids = {name: number for number, name in enumerate(names, 1)}
    neighbours: dict[int, dict[int, Evidence]] = {key_id: {} for key_id in ids.values()}
    seen = sighting(LinkKind.CO_OCCURRENCE, 1, False, "shop")
    for stated in identity.evidence.values():
        for one, other in combinations(stated, 2):
            neighbours[ids[one]][ids[other]] = neighbours[ids[other]][ids[one]] = seen
    keys = {ids[name]: LinkKey(ids[name], name[0], "", identity.hash_of(name)) for name in names}
    groups = partition(keys, neighbours, identity.policy).groups
    return {frozenset(names[key_id - 1] for key_id in group) for group in groups}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, scrubbed=st.booleans(), max_component_keys=st.sampled_from([2_000, 3]))
def test_the_rest_is_as_if_the_erased_had_never_been(
    wiring: Wiring,
    secret: bytes,
    clock: ManualClock,
    steps: list[list[Name] | Name],
    scrubbed: bool,
    max_component_keys: int,
) -> None:
    policy = replace(STANDARDS.policy, max_component_keys=max_component_keys)
    identity = ErasingIdentity(wiring, secret, clock, policy=policy)
    run_history(identity, steps)
    check_redirects(identity)
    left = {name for names in identity.evidence.values() for name in names}
    if scrubbed:
        identity.scrub()
    assert {frozenset(names) for names in identity.partition(left).values()} == recompute(identity)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, late=st.lists(RECORDS, max_size=4), scrubbed=st.booleans())
def test_nothing_later_or_again_brings_anybody_back(
    wiring: Wiring,
    secret: bytes,
    clock: ManualClock,
    steps: list[list[Name] | Name],
    late: list[list[Name]],
    scrubbed: bool,
) -> None:
    identity = ErasingIdentity(wiring, secret, clock)
    run_history(identity, steps)
    if scrubbed:
        identity.scrub()
    for number, step in enumerate(steps):
        if not isinstance(step, tuple):
            identity.send(f"r{number}", step)
    for number, names in enumerate(late):
        identity.send(f"late{number}", names)
    assert {identity.holder(name) for name in identity.erased} <= {0}
    erasures = identity.write(lambda stores: stores.erasures.page(identity.tenant, 0, 1_000))
    for table in FACT_TABLES:
        assert identity.rows_of(table, [key_id for row in erasures for key_id in row.key_ids]) == 0
    person_ids = [person_id for row in erasures for person_id in row.person_ids]
    assert identity.erased_entries() == dict.fromkeys(person_ids, 1)


def test_an_erasure_during_a_merge_is_safe(wiring: Wiring, secret: bytes, clock: ManualClock) -> None:
    """Whichever comes first: the merged person is erased whole, or the merging record is refused."""
    for _ in range(10):
        identity = ErasingIdentity(wiring, secret, clock)
        identity.send("a", [("member_id", 0), ("phone", 0)])
        identity.send("b", [("crm_id", 0), ("device_id", 0)])
        person_id = identity.holder(("member_id", 0))
        with ThreadPoolExecutor(2) as pool:
            merged = pool.submit(identity.send, "c", [("member_id", 0), ("crm_id", 0)])
            erased = pool.submit(identity.erase, person_id)
            (outcome,), row = merged.result().outcomes, erased.result().status.row
        refused = outcome.status is IngestStatus.REFUSED
        assert len(row.key_ids) == (2 if refused else 4)
        assert identity.holder(("member_id", 0)) == 0
        assert bool(identity.holder(("crm_id", 0))) == refused
