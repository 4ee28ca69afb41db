"""One trace leads from a source's record to the audience, and from a campaign's start to the provider."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from catalogue import apply_catalogue
from cli.calls import segments
from cli.demo.campaigns import PLANS, WAITING
from cli.suite.providers import SIGN_NAME, SMS_ACCOUNT, SMS_TEMPLATE, SMS_TEXT
from huaxiang.activation.v1 import campaign_pb2
from huaxiang.activation.v1 import campaign_service_pb2 as campaign_api
from huaxiang.activation.v1.campaign_service_pb2_grpc import CampaignServiceStub
from huaxiang.identity.v1 import ingest_service_pb2 as ingest_api
from huaxiang.identity.v1 import record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.segments.v1 import segment_pb2
from said import record
from suite_process import SuiteProcess
from waiting import until

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)
TRACE_ID, ROOT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACED = (("traceparent", f"00-{TRACE_ID}-{ROOT}-01"),)
PHONE, MEMBER, NAME, WORD = "13671840295", "member-of-the-trace", "王小明", "a keyword that tells much"
SEGMENT, CAMPAIGN = "traced", "traced-campaign"
Span = dict[str, Any]


STORIES = {
    ("tagging", "changelog.consume"),
    ("segments", "changelog.consume"),
    ("activation", "activation.submit"),
}
"""What ends them: the service, and the name of its span."""


@pytest.fixture(scope="module")
def traced(suite: SuiteProcess) -> list[Span]:
    """The spans of the one trace, once both stories are told to their ends and every parent is written, too."""

    async def act() -> None:
        await tell(suite)
        await send(suite)
        await until(whole, "both stories are written, and every span's parent")

    async def whole() -> bool:
        found = spans_of_the_trace(suite)
        known = {span["span_id"] for span in found} | {ROOT}
        ends = {(span["service"], span["name"]) for span in found}
        return ends >= STORIES and known >= {span["parent_span_id"] for span in found}

    apply_catalogue(suite)
    asyncio.run(act())
    return spans_of_the_trace(suite)


def spans_of_the_trace(suite: SuiteProcess) -> list[Span]:
    spans = [json.loads(line) for line in suite.folder.trace.read_text().splitlines() if TRACE_ID in line]
    return [span for span in spans if span["trace_id"] == TRACE_ID]


async def tell(suite: SuiteProcess) -> None:
    """A record, traced, that makes a member of the audience; waits until the audience knows."""
    said = record(
        "crm",
        "record-of-the-trace",
        NOW - timedelta(minutes=5),
        {"member_id": MEMBER, "phone": PHONE},
        "search",
        {"keyword": WORD},
        {"name": NAME, "city": "杭州"},
    )
    said.contact_points.add(channel=record_pb2.CHANNEL_SMS, address=PHONE)
    said.consents.add(purpose="marketing", channel=record_pb2.CHANNEL_SMS, address=PHONE, granted=True)
    async with suite.channel("segments") as right, suite.channel("identity") as left:
        await segments.create(
            right, segment_pb2.Segment(segment_id=SEGMENT, rule="city = '杭州'", population=1)
        )
        await segments.live(right, SEGMENT, lambda _: None)
        answer = await IngestServiceStub(left).IngestEvents(
            ingest_api.IngestEventsRequest(records=[said]), metadata=TRACED
        )
        assert not answer.results[0].refusals
        found = await segments.check(right, [answer.results[0].person_id], [SEGMENT], answer.revision.token)
        assert list(found.persons[0].members) == [True]


async def send(suite: SuiteProcess) -> None:
    """A campaign to the audience, its start traced; waits until the message has left."""
    async with suite.channel("segments") as right:
        frozen = await segments.snapshot(right, SEGMENT)
    campaign = campaign_pb2.Campaign(
        campaign_id=CAMPAIGN,
        snapshot_id=frozen.snapshot_id,
        channel="aliyun_sms",
        provider_account=SMS_ACCOUNT,
        message_class=campaign_pb2.MESSAGE_CLASS_MARKETING,
        template=campaign_pb2.MessageTemplate(
            template_id=SMS_TEMPLATE, sign_name=SIGN_NAME, parameters=PLANS[0].parameters, text=SMS_TEXT
        ),
    )
    async with suite.channel("activation") as channel:
        stub = CampaignServiceStub(channel)
        await stub.CreateCampaign(campaign_api.CreateCampaignRequest(campaign=campaign))
        await stub.StartCampaign(campaign_api.StartCampaignRequest(campaign_id=CAMPAIGN), metadata=TRACED)

        async def sent() -> bool:
            answer = await stub.GetCampaign(campaign_api.GetCampaignRequest(campaign_id=CAMPAIGN))
            return answer.campaign.state not in WAITING and answer.report.accepted == 1

        await until(sent, "the message is accepted")


def one(spans: list[Span], service: str, name: str) -> Span:
    """The only span of a name at a service."""
    found = [span for span in spans if (span["service"], span["name"]) == (service, name)]
    assert len(found) == 1, found
    return found[0]


def consumed(spans: list[Span], service: str, cause: Span) -> Span:
    """The first batch that a service applied because of what another span wrote: its child, or linked to it."""
    found = [span for span in spans if (span["service"], span["name"]) == (service, "changelog.consume")]
    assert found, f"{service} applied nothing in the trace"
    first = min(found, key=lambda span: span["start_ns"])
    assert first["parent_span_id"] == cause["span_id"] or cause["trace_id"] in first["links"]
    return first


def ancestors(spans: list[Span], span: Span) -> list[str]:
    """The ids of a span's parent, its parent's parent and so on to the root."""
    parents = {each["span_id"]: each["parent_span_id"] for each in spans}
    found = [span["parent_span_id"]]
    while found[-1] in parents:
        found.append(parents[found[-1]])
    return found


def test_a_record_is_followed_to_the_audience(traced: list[Span]) -> None:
    ingested = one(traced, "identity", "/huaxiang.identity.v1.IngestService/IngestEvents")
    assert ingested["parent_span_id"] == ROOT
    tagged = consumed(traced, "tagging", ingested)
    followed = consumed(traced, "segments", tagged)
    assert ingested["start_ns"] <= tagged["start_ns"] <= followed["start_ns"]
    assert not any(span["error"] for span in (ingested, tagged, followed))


def test_a_campaign_is_followed_to_the_provider(traced: list[Span]) -> None:
    started = one(traced, "activation", "/huaxiang.activation.v1.CampaignService/StartCampaign")
    assert started["parent_span_id"] == ROOT
    submitted = one(traced, "activation", "activation.submit")
    assert started["span_id"] in ancestors(traced, submitted)
    assert submitted["attributes"]["huaxiang.channel"] == "aliyun_sms"
    assert not submitted["error"]


def test_every_parent_is_known(traced: list[Span]) -> None:
    """No span hangs in the air."""
    known = {span["span_id"] for span in traced} | {ROOT}
    assert {span["parent_span_id"] for span in traced} <= known


@pytest.mark.usefixtures("traced")
def test_spans_and_logs_tell_nothing_of_a_person(suite: SuiteProcess) -> None:
    told = suite.folder.trace.read_text()
    spans = [json.loads(line) for line in told.splitlines()]
    told += "".join((suite.folder.logs / f"{name}.log").read_text() for name in suite.services)
    for secret in (PHONE, MEMBER, NAME, WORD, "杭州", "record-of-the-trace"):
        assert secret not in told
    assert {type(value) for span in spans for value in span["attributes"].values()} <= {str, int, bool}
