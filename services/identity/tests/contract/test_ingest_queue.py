"""Batches that share a transaction answer as if each had one of its own, and fail alone."""

import asyncio
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from identity.api import ingest_queue
from identity.api.encoding import ProtoEncoding
from identity.api.ingest_queue import IngestQueue
from identity.api.transactions import Transactions
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Ingested, IngestRecords, IngestStatus
from identity.app.keyed_records import Batch
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.domain.evidence import LinkKind
from identity.domain.record import Arrival, Event, Identifier, Record
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from linking_world import RECORDS, Said
from online_world import OnlineWorld, TenantBlind
from servicekit.errors import QueueFull
from servicekit.revision import Lane

ACCEPTED, REPEATED, DIFFERS = IngestStatus.ACCEPTED, IngestStatus.REPEATED, IngestStatus.DIFFERS


class Broken(Exception):
    """A batch that no transaction takes."""


class Counting(IngestRecords):
    """Remembers the record ids of each transaction; those with a record that is called bad fail."""

    def __init__(self, secret: bytes) -> None:
        standards, encoding, vault = load_standards(), ProtoEncoding(), KeyVault(secret)
        policies = PolicyBook(standards.policy)
        publish = PublishPersons(standards.attributes, vault, encoding)
        self.hot = HotKeys()
        super().__init__(policies, vault, encoding, publish, self.hot)
        self.transactions: list[list[str]] = []

    def __call__(self, stores: Stores, batch: Batch, now_us: int) -> Ingested:
        named = [arrival.record.record_id for arrival in batch.arrivals if arrival.record is not None]
        self.transactions.append(named)
        ingested = super().__call__(stores, batch, now_us)
        if "bad" in named:
            raise Broken
        return ingested

    def batch(self, *named: str, tenant: str = "t1", lane: Lane = Lane.LIVE, member: str = "") -> Batch:
        """A batch of records of one person each, or all of one."""
        return self.prepare(tenant, lane, [Arrival(_record(each, member or each), ()) for each in named])


def _record(record_id: str, member: str) -> Record:
    identifiers = (Identifier("member_id", "", member),)
    return Record("shop", record_id, member.encode(), 5, "", identifiers, Event("seen", b""), (), (), ())


@pytest.fixture
def ingest(secret: bytes) -> Counting:
    return Counting(secret)


@pytest.fixture
def queue(wiring: Wiring, ingest: Counting) -> IngestQueue:
    transactions = Transactions(wiring.database, partial(open_stores, changelog=wiring.changelog))
    return IngestQueue(transactions, ingest, ingest.hot)


def statuses(ingested: Ingested) -> list[IngestStatus]:
    return [outcome.status for outcome in ingested.outcomes]


async def test_what_waits_shares_a_transaction_and_each_batch_gets_its_own_answer(
    queue: IngestQueue, ingest: Counting
) -> None:
    answers = [queue.put(ingest.batch(f"a{n}", f"b{n}", member=f"M{n}"), n) for n in range(5)]
    parts = await asyncio.gather(*answers)
    assert ingest.transactions == [[name for n in range(5) for name in (f"a{n}", f"b{n}")]]
    assert [statuses(part) for part in parts] == [[ACCEPTED] * 2] * 5
    persons = [{outcome.person_id for outcome in part.outcomes} for part in parts]
    assert [len(found) for found in persons] == [1] * 5
    assert len(set.union(*persons)) == 5
    again = await queue.put(ingest.batch("a3", member="M3"), 9)
    assert statuses(again) == [REPEATED]
    assert again.outcomes[0].person_id == parts[3].outcomes[0].person_id


async def test_a_record_in_two_joined_batches_is_taken_once(queue: IngestQueue, ingest: Counting) -> None:
    first = queue.put(ingest.batch("r1", member="M1"), 1)
    second = queue.put(ingest.batch("r1", "r2", member="M1"), 1)
    third = queue.put(ingest.batch("r2", member="M2"), 1)
    parts = [statuses(part) for part in await asyncio.gather(first, second, third)]
    assert parts == [[ACCEPTED], [REPEATED, ACCEPTED], [DIFFERS]]
    assert len(ingest.transactions) == 1


async def test_a_batch_that_fails_is_told_alone(queue: IngestQueue, ingest: Counting) -> None:
    answers = [queue.put(ingest.batch(name), 1) for name in ("r1", "bad", "r2")]
    first, bad, second = await asyncio.gather(*answers, return_exceptions=True)
    assert isinstance(bad, Broken)
    for part in (first, second):
        assert isinstance(part, Ingested)
        assert statuses(part) == [ACCEPTED]
    assert ingest.transactions == [["r1", "bad", "r2"], ["r1"], ["bad"], ["r2"]]


async def test_what_follows_a_failed_batch_of_its_stream_is_not_taken(
    queue: IngestQueue, ingest: Counting
) -> None:
    before = queue.put(ingest.batch("r1"), 1)
    bad = queue.put(ingest.batch("bad"), 1, before)
    after = queue.put(ingest.batch("r2"), 1, bad)
    last = queue.put(ingest.batch("r3"), 1, after)
    other = queue.put(ingest.batch("r4"), 1)
    results = await asyncio.gather(before, bad, after, last, other, return_exceptions=True)
    assert isinstance(results[1], Broken)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [
        False,
        False,
        True,
        True,
        False,
    ]
    again = await queue.put(ingest.batch("r1", "r2", "r3", "r4"), 1)
    assert statuses(again) == [REPEATED, ACCEPTED, ACCEPTED, REPEATED]


async def test_only_what_may_share_does(
    queue: IngestQueue, ingest: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_queue, "MAX_JOINED_RECORDS", 3)
    batches = [
        ingest.batch("a"),
        ingest.batch("b", lane=Lane.BULK),
        ingest.batch("c", "d"),
        ingest.batch("e"),
        ingest.batch("f"),
        ingest.batch("g", "h", "i", "j"),
        ingest.batch("k", tenant="t2"),
    ]
    await asyncio.gather(*(queue.put(batch, 1) for batch in batches))
    mine = [named for named in ingest.transactions if named != ["k"]]
    assert mine == [["a"], ["b"], ["c", "d", "e"], ["f"], ["g", "h", "i", "j"]]
    assert ["k"] in ingest.transactions


async def test_what_nobody_waits_for_is_dropped(queue: IngestQueue, ingest: Counting) -> None:
    first, second = queue.put(ingest.batch("r1"), 1), queue.put(ingest.batch("r2"), 1)
    first.cancel()
    assert statuses(await second) == [ACCEPTED]
    assert ingest.transactions == [["r2"]]


@pytest.mark.parametrize("limit", ["MAX_WAITING_RECORDS", "MAX_WAITING_OF_TENANT"])
async def test_the_queue_is_bounded(
    queue: IngestQueue, ingest: Counting, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(ingest_queue, limit, 2)
    answers = [queue.put(ingest.batch(name), 1) for name in ("r1", "r2")]
    with pytest.raises(QueueFull):
        queue.put(ingest.batch("r3"), 1)
    await asyncio.gather(*answers)
    assert statuses(await queue.put(ingest.batch("r3"), 1)) == [ACCEPTED]


async def test_closing_cancels_what_waits(queue: IngestQueue, ingest: Counting) -> None:
    answers = [queue.put(ingest.batch(name), 1) for name in ("r1", "r2")]
    await queue.close()
    assert all(answer.cancelled() for answer in answers)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS)
def test_joined_batches_answer_as_single_ones(wiring: Wiring, secret: bytes, records: list[Said]) -> None:
    """Every other record is in two batches. Persons are compared by who shares one: ids are equal up to renaming."""
    single, shared = (OnlineWorld(wiring, secret, HotKeys(), vault=TenantBlind(secret)) for _ in range(2))
    calls = [list(range(n, min(n + 3, len(records)))) for n in range(0, len(records), 2)]
    one_by_one = [single.send([records[n] for n in numbers], numbers) for numbers in calls]
    together = shared.send_joined([([records[n] for n in numbers], numbers) for numbers in calls])
    assert [statuses(part) for part in together] == [statuses(part) for part in one_by_one]
    assert [[o.refusals for o in part.outcomes] for part in together] == [
        [o.refusals for o in part.outcomes] for part in one_by_one
    ]
    assert len({part.revision for part in together}) <= 1
    if records:
        assert shared.stored() == single.stored() == shared.recomputed()


def test_a_batch_of_another_process_is_keyed_under_the_tenants_policy(wiring: Wiring, secret: bytes) -> None:
    """Which blocks a member id, unlike the built-in one."""
    names = ("member_id", 1), ("phone", 1), ("email", 1)
    said = Said(names, LinkKind.CO_OCCURRENCE, 5, True)
    world = OnlineWorld(wiring, secret, HotKeys(), blocked=frozenset({names[0]}))
    world.send([said], [0])
    here, adopted = world.prepared([said, said])
    assert here == adopted
    assert adopted.policy_version == 1
    assert [len(keyed.blocked) for keyed in adopted.keyed if keyed is not None] == [1, 1]
    _, left = world.prepared([Said((("wechat_unionid", 1),), LinkKind.CO_OCCURRENCE, 5, True)])
    assert left.policy_version == 0  # a namespace that this policy does not have
