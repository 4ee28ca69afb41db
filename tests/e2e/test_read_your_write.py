"""What a source has said is true at once in the audience and in the portrait that are asked with its revision.

No sleep, no second question: each probe tells identity something and asks segments and tagging once.
"""

import itertools
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from catalogue import apply_catalogue
from cli.calls import segments
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.segments.v1 import membership_service_pb2 as membership_pb
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as portrait_pb
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub
from huaxiang.type.v1 import revision_pb2
from said import fresh, ingest, record
from suite_process import SuiteProcess

PROOF = os.environ.get("HUAXIANG_PROOF") == "1"
PROBES = 1_000 if PROOF else 200
P99_MS = 500.0
NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)
ANSWER_WITHIN_S = 30.0
SEGMENTS = {
    "in_hangzhou": ("city = '杭州'", segment_pb2.POPULATION_ALL),
    "searched": ("last_search = '雨伞'", segment_pb2.POPULATION_ALL),
    "shared_twice": ("COUNT(share) IN LAST 30 DAYS >= 2", segment_pb2.POPULATION_KNOWN),
}
"""Over an attribute tag, over a statistic tag, over behaviour that only a feature knows."""
REGULARS, PAST_EVENTS = 10, 200
"""Persons with a history, so that a stream has something to fold."""


@dataclass
class Desk:
    """Where probes tell and ask; times in ms from the call of IngestEvents to the answer."""

    identity: IngestServiceStub
    segments: MembershipServiceStub
    tagging: PortraitServiceStub
    numbers: Iterator[int]
    membership_ms: list[float] = field(default_factory=list)
    portrait_ms: list[float] = field(default_factory=list)

    async def tell(self, identifiers: dict[str, str], event: str = "", **said: object) -> tuple[int, str]:
        """The person and the revision."""
        answer = await ingest(self.identity, [self.record(identifiers, event, **said)])
        return answer.results[0].person_id, answer.revision.token

    def record(self, identifiers: dict[str, str], event: str = "", **said: object):
        number = next(self.numbers)
        return record("app", f"said:{number}", NOW - timedelta(minutes=1), identifiers, event, **said)

    async def members(self, person_id: int, token: str) -> dict[str, bool]:
        """By segment."""
        asked = membership_pb.CheckMembershipRequest(
            person_ids=[person_id], segment_ids=list(SEGMENTS), consistency=fresh(token)
        )
        answer = await self.segments.CheckMembership(asked, timeout=ANSWER_WITHIN_S)
        return dict(zip(SEGMENTS, answer.persons[0].members, strict=True))

    async def probe(
        self, identifiers: dict[str, str], expected: dict[str, bool], event: str = "", **said
    ) -> int:
        """Tells, asks at once, and returns the person."""
        started = time.perf_counter()
        person_id, token = await self.tell(identifiers, event, **said)
        found = await self.members(person_id, token)
        self.membership_ms.append((time.perf_counter() - started) * 1_000)
        assert {name: found[name] for name in expected} == expected
        return person_id

    async def value(self, person_id: int, tag_id: str, token: str) -> portrait_pb.GetPortraitResponse:
        asked = portrait_pb.GetPortraitRequest(
            person_id=person_id, tag_ids=[tag_id], consistency=fresh(token)
        )
        return await self.tagging.GetPortrait(asked, timeout=ANSWER_WITHIN_S)


@pytest.fixture(scope="module", autouse=True)
def catalogue(suite: SuiteProcess) -> None:
    apply_catalogue(suite)


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """A record's id is used once."""
    return itertools.count(1)


@pytest.fixture
async def desk(suite, numbers) -> AsyncIterator[Desk]:
    async with (
        suite.channel("identity") as left,
        suite.channel("segments") as right,
        suite.channel("tagging") as mid,
    ):
        for segment_id, (rule, population) in SEGMENTS.items():
            await segments.create(
                right, segment_pb2.Segment(segment_id=segment_id, rule=rule, population=population)
            )
        for segment_id in SEGMENTS:
            await segments.live(right, segment_id, lambda _: None)
        yield Desk(IngestServiceStub(left), MembershipServiceStub(right), PortraitServiceStub(mid), numbers)


async def newcomer(desk: Desk, number: int) -> None:
    """A first record makes the person, and the person is in at once."""
    await desk.probe({"member_id": f"new-{number}"}, {"in_hangzhou": True}, attributes={"city": "杭州"})


async def searching(desk: Desk, number: int) -> None:
    """A person with a history enters, and leaves with the next word."""
    regular = {"member_id": f"regular-{number % REGULARS}"}
    await desk.probe(regular, {"searched": True}, "search", properties={"keyword": "雨伞"})
    await desk.probe(regular, {"searched": False}, "search", properties={"keyword": "雨靴"})


async def merging(desk: Desk, number: int) -> None:
    """Two persons with one share each become one person with two."""
    phone, member = {"phone": f"+86138{number:08d}"}, {"member_id": f"merged-{number}"}
    one, told = await desk.tell(phone, "share", properties={"item_id": "a"})
    assert not (await desk.members(one, told))["shared_twice"]
    other, told = await desk.tell(member, "share", properties={"item_id": "b"})
    assert not (await desk.members(other, told))["shared_twice"]
    assert one != other
    await desk.probe({**phone, **member}, {"shared_twice": True})


async def becoming_known(desk: Desk, number: int) -> None:
    """What an anonymous device did counts for the person who signs in on it."""
    device = {"device_id": f"device-{number}"}
    for item in ("a", "b"):
        anonymous, told = await desk.tell(device, "share", properties={"item_id": item})
    assert not (await desk.members(anonymous, told))["shared_twice"], "the segment is of known persons"
    known = await desk.probe({**device, "member_id": f"signed-in-{number}"}, {"shared_twice": True})
    assert known != anonymous


KINDS: tuple[Callable[[Desk, int], Awaitable[None]], ...] = (newcomer, searching, merging, becoming_known)


async def test_an_audience_knows_at_once(desk, capsys):
    await remember(desk)
    for number in range(PROBES):
        await KINDS[number % len(KINDS)](desk, number)
    report(capsys, "IngestEvents to CheckMembership", desk.membership_ms)
    assert percentile(desk.membership_ms, 99) < P99_MS


async def test_a_portrait_knows_at_once(desk, capsys):
    for number in range(PROBES):
        started = time.perf_counter()
        person_id, token = await desk.tell(
            {"member_id": f"portrayed-{number}"}, "search", properties={"keyword": f"word {number}"}
        )
        found = await desk.value(person_id, "last_search", token)
        desk.portrait_ms.append((time.perf_counter() - started) * 1_000)
        assert found.person_id == person_id
        assert [each.value.text_value for each in found.values] == [f"word {number}"]
        assert found.timeline[0].type == "search"
    report(capsys, "IngestEvents to GetPortrait", desk.portrait_ms)
    assert percentile(desk.portrait_ms, 99) < P99_MS


async def remember(desk: Desk) -> None:
    """Gives the regulars their history, in the bulk lane, and waits for it with its own token."""
    for number in range(REGULARS):
        past = [
            record(
                "shop",
                f"past:{number}:{index}",
                NOW - timedelta(hours=index + 1),
                {"member_id": f"regular-{number}"},
                "view_item",
                {"item_id": f"item-{index}", "category": "雨具"},
            )
            for index in range(PAST_EVENTS)
        ]
        answer = await ingest(desk.identity, past, revision_pb2.LANE_BULK)
    await desk.members(answer.results[0].person_id, answer.revision.token)


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def report(capsys, what: str, took_ms: list[float]) -> None:
    with capsys.disabled():
        half, most = percentile(took_ms, 50), percentile(took_ms, 99)
        said = f"p50 {half:.1f} ms, p99 {most:.1f} ms, max {max(took_ms):.1f} ms"
        sys.stdout.write(f"\n{what}, {len(took_ms):,} times: {said}\n")
