"""From an event at the front door to the audience it changes: told, and asked at once with the returned revision."""

import time
from typing import TYPE_CHECKING

from huaxiang.identity.v1 import ingest_service_pb2 as ingest_pb
from huaxiang.identity.v1 import record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.segments.v1 import membership_service_pb2 as membership_pb
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceStub
from huaxiang.type.v1 import revision_pb2

from cli.calls import segments
from cli.demo.state import Demo
from cli.exits import Refusal
from cli.suite.patience import patiently

if TYPE_CHECKING:
    from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub
    from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceAsyncStub

PROBES = 1_000
WORD, OTHER_WORD = "huaxiang probe", "huaxiang other"
SEGMENT_ID = "probe"
RULE = f"last_search = '{WORD}'"
ANSWER_WITHIN_S = 30.0


async def measure(demo: Demo, probes: int = PROBES) -> None:
    """Members search for a word and must at once be in the audience of it; when all have, they search for another and
    must have left. Raises Refusal when an answer is wrong."""
    members = sorted(demo.person_ids)
    async with demo.channel("segments") as channel:
        await segments.create(
            channel,
            segment_pb2.Segment(
                segment_id=SEGMENT_ID,
                display_name="搜索探针 Probe of a search",
                rule=RULE,
                population=segment_pb2.POPULATION_KNOWN,
            ),
        )
        await segments.live(channel, SEGMENT_ID, lambda _: None, token=demo.revision)
    took: list[float] = []
    async with demo.channel("identity") as front, demo.channel("segments") as back:
        ingest, membership = IngestServiceStub(front), MembershipServiceStub(back)
        with demo.say.bar("probes", probes, "probes") as advance:
            for number in range(probes):
                round_, place = divmod(number, len(members))
                expected = round_ % 2 == 0
                record = _search(demo, number, members[place], WORD if expected else OTHER_WORD)
                took.append(await _probe(ingest, membership, record, expected=expected))
                advance(1)
    demo.found["latency"] = {
        "event_to_membership_ms_p50": round(percentile(took, 50), 3),
        "event_to_membership_ms_p99": round(percentile(took, 99), 3),
    }
    demo.say.line(
        f"{probes:,} times in a row the audience knew at once: half within {percentile(took, 50):.0f} ms, "
        f"99 of 100 within {percentile(took, 99):.0f} ms"
    )


async def _probe(
    ingest: "IngestServiceAsyncStub",
    membership: "MembershipServiceAsyncStub",
    record: record_pb2.Record,
    *,
    expected: bool,
) -> float:
    """Milliseconds from the call of IngestEvents to the answer of CheckMembership."""
    request = ingest_pb.IngestEventsRequest(records=[record], lane=revision_pb2.LANE_LIVE)
    started = time.perf_counter()
    told = await patiently(lambda: ingest.IngestEvents(request))
    asked = membership_pb.CheckMembershipRequest(
        person_ids=[told.results[0].person_id],
        segment_ids=[SEGMENT_ID],
        consistency=segments.fresh(told.revision.token),
    )
    answer = await patiently(lambda: membership.CheckMembership(asked, timeout=ANSWER_WITHIN_S))
    took_ms = (time.perf_counter() - started) * 1_000
    if answer.persons[0].members[0] is not expected:
        raise Refusal(
            f"after {record.record_id} the audience did not know of it: read your own write is broken"
        )
    return took_ms


def _search(demo: Demo, number: int, member_id: str, word: str) -> record_pb2.Record:
    record = record_pb2.Record(source="app", record_id=f"probe:{number}")
    record.time.FromDatetime(demo.now())
    record.identifiers.add(namespace="member_id", value=member_id)
    record.event.type = "search"
    record.event.properties["keyword"].text_value = word
    return record


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that at least so many per cent do not exceed. Raises ValueError without values."""
    if not values:
        raise ValueError("there are no values")
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
