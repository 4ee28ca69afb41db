"""After an undo tags, memberships and timelines are as if the merge had never been; what came in between is kept."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from catalogue import apply_catalogue
from cli.calls import people, segments
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.segments.v1 import membership_service_pb2 as membership_pb
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as portrait_pb
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub
from said import fresh, ingest, record
from suite_process import SuiteProcess

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)
ANSWER_WITHIN_S = 30.0
SEGMENTS = {
    "paid_twice": "COUNT(order_paid) IN LAST 30 DAYS >= 2",
    "in_hangzhou": "city = '杭州'",
}


@pytest.fixture(scope="module", autouse=True)
def catalogue(suite: SuiteProcess) -> None:
    apply_catalogue(suite)


class Desk:
    """Tells identity, decides by the command, and reads what the other services make of it."""

    def __init__(self, suite: SuiteProcess) -> None:
        self._suite = suite
        self._told = 0
        self._name = uuid.uuid4().hex
        self.token = ""

    async def tell(self, identifiers: dict[str, str], event: str = "", **said: Any) -> int:
        """The person."""
        self._told += 1
        async with self._suite.channel("identity") as channel:
            time = NOW - timedelta(minutes=60 - self._told)
            sent = record("shop", f"{self._name}:{self._told}", time, identifiers, event, **said)
            answer = await ingest(IngestServiceStub(channel), [sent])
        self.token = answer.revision.token
        return int(answer.results[0].person_id)

    def decide(self, *arguments: str) -> dict[str, Any]:
        """A `huaxiang identity` command; what follows reads its effect."""
        answer = self._suite.command("identity", *arguments, "--reason=two cards")
        if answer.get("revision"):
            self.token = answer["revision"]["token"]
        return dict(answer["outcome"])

    async def sees(self, person_id: int) -> dict[str, Any]:
        """A portrait and the memberships, without the moment of asking."""
        async with self._suite.channel("tagging") as channel:
            asked = portrait_pb.GetPortraitRequest(person_id=person_id, consistency=fresh(self.token))
            portrait = await PortraitServiceStub(channel).GetPortrait(asked, timeout=ANSWER_WITHIN_S)
        document = people.portrait_document(portrait)
        del document["as_of"]
        async with self._suite.channel("segments") as channel:
            request = membership_pb.CheckMembershipRequest(
                person_ids=[person_id], segment_ids=list(SEGMENTS), consistency=fresh(self.token)
            )
            found = await MembershipServiceStub(channel).CheckMembership(request, timeout=ANSWER_WITHIN_S)
        document["members"] = dict(zip(SEGMENTS, found.persons[0].members, strict=True))
        return json.loads(json.dumps(document, sort_keys=True))


@pytest.fixture
async def desk(suite: SuiteProcess) -> Desk:
    async with suite.channel("segments") as channel:
        for segment_id, rule in SEGMENTS.items():
            await segments.create(
                channel,
                segment_pb2.Segment(segment_id=segment_id, rule=rule, population=segment_pb2.POPULATION_ALL),
            )
        for segment_id in SEGMENTS:
            await segments.live(channel, segment_id, lambda _: None)
    return Desk(suite)


def order(number: int, amount: int) -> dict[str, Any]:
    return {"order_id": f"o-{number}", "amount": amount, "channel": "shop"}


async def test_an_undone_merge_leaves_no_trace_downstream(desk: Desk) -> None:
    one = await desk.tell({"phone": "+8613800000001"}, "order_paid", properties=order(1, 100))
    other = await desk.tell({"phone": "+8613800000002"}, "order_paid", properties=order(2, 30))
    await desk.tell({"phone": "+8613800000002"}, attributes={"city": "杭州"})
    before = [await desk.sees(one), await desk.sees(other)]
    assert [each["members"] for each in before] == [
        {"paid_twice": False, "in_hangzhou": False},
        {"paid_twice": False, "in_hangzhou": True},
    ]

    tried = desk.decide("merge", str(one), str(other), "--dry-run")
    assert tried["effect"]["persons_changed"] == "2"
    assert [await desk.sees(one), await desk.sees(other)] == before

    merged = desk.decide("merge", str(one), str(other))
    both = await desk.sees(one)
    assert both["members"] == {"paid_twice": True, "in_hangzhou": True}
    assert both["tags"]["city"] == "杭州"
    assert len(both["timeline"]) == 2
    assert both["tags"]["order_count_90d"] == 2

    operation = merged["operation"]["operation_id"]
    desk.decide("undo", operation)
    assert [await desk.sees(one), await desk.sees(other)] == before

    desk.decide("undo", str(int(operation) + 1))
    assert await desk.sees(one) == both
    await desk.tell({"phone": "+8613800000002"}, "order_paid", properties=order(3, 50))
    desk.decide("undo", str(int(operation) + 2))
    kept = await desk.sees(other)
    assert await desk.sees(one) == before[0]
    assert kept["members"] == {"paid_twice": True, "in_hangzhou": True}
    assert kept["tags"]["order_count_90d"] == 2
    assert len(kept["timeline"]) == 2


async def test_a_split_reaches_a_tag_and_a_segment_and_comes_back(desk: Desk, suite: SuiteProcess) -> None:
    member, phone = {"member_id": "M-1"}, {"phone": "+8613800000009"}
    person = await desk.tell(member, "order_paid", properties=order(11, 10))
    await desk.tell({**member, **phone})
    await desk.tell(phone, "order_paid", properties=order(12, 20))
    before = await desk.sees(person)
    assert before["members"]["paid_twice"]
    why = suite.command("identity", "explain", "member_id=M-1", "phone=13800000009")
    assert why["linked"]
    assert [each["rule"] for each in why["path"]] == ["LINK_RULE_JOINED"]
    done = desk.decide("split", str(person), "phone=13800000009")
    await desk.tell({**member, **phone})
    apart = await desk.sees(person)
    assert not apart["members"]["paid_twice"]
    assert apart["tags"]["order_count_90d"] == 1
    told = suite.command("identity", "conflicts", "member_id=M-1")
    assert {each["reason"] for each in told} == {"CONFLICT_REASON_CANNOT_LINK"}
    desk.decide("undo", done["operation"]["operation_id"])
    assert await desk.sees(person) == before
    steps = suite.command("identity", "history", str(person))
    assert [each["kind"] for each in steps[:2]] == ["MERGE_KIND_MERGED", "MERGE_KIND_SPLIT"]
