"""The quality of tags: measurements, alerts, and tags that nobody uses."""

import grpc
from huaxiang.tagging.v1 import quality_service_pb2 as pb
from huaxiang.tagging.v1 import tag_quality_pb2
from huaxiang.tagging.v1.quality_service_pb2_grpc import QualityServiceStub

from cli.enum_names import name_of

PAGE = 1_000


async def of_tag(channel: grpc.aio.Channel, tag_id: str) -> pb.GetTagQualityResponse:
    return await QualityServiceStub(channel).GetTagQuality(pb.GetTagQualityRequest(tag_id=tag_id))


async def of_all(
    channel: grpc.aio.Channel, max_score: int | None
) -> tuple[list[tag_quality_pb2.TagQuality], int]:
    """The worst first, then by tag_id; and of how many tags a new measurement is to come."""
    request = pb.ListTagQualityRequest(max_score=max_score, page_size=PAGE)
    found: list[tag_quality_pb2.TagQuality] = []
    while True:
        page = await QualityServiceStub(channel).ListTagQuality(request)
        found += page.qualities
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return sorted(found, key=lambda each: (each.score, each.tag_id)), page.pending_count


async def history(channel: grpc.aio.Channel, tag_id: str, limit: int) -> list[tag_quality_pb2.TagQuality]:
    """At most 1,000, newest first."""
    request = pb.ListQualityHistoryRequest(tag_id=tag_id, page_size=limit)
    return list((await QualityServiceStub(channel).ListQualityHistory(request)).qualities)


async def alerts(
    channel: grpc.aio.Channel, tag_id: str, limit: int, *, with_closed: bool
) -> list[tag_quality_pb2.QualityAlert]:
    """At most 1,000, newest first."""
    request = pb.ListQualityAlertsRequest(tag_id=tag_id, with_closed=with_closed, page_size=limit)
    return list((await QualityServiceStub(channel).ListQualityAlerts(request)).alerts)


async def unused(channel: grpc.aio.Channel, idle_days: int | None) -> tuple[list[pb.UnusedTag], str]:
    """All of them, in order; and the day since which reads are counted, "" for not yet."""
    request = pb.ListUnusedTagsRequest(idle_days=idle_days, page_size=PAGE)
    found: list[pb.UnusedTag] = []
    while True:
        page = await QualityServiceStub(channel).ListUnusedTags(request)
        found += page.tags
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found, page.counted_since_day


def part_name(kind: int) -> str:
    return name_of(tag_quality_pb2.QualityPartKind, kind)


def alert_name(kind: int) -> str:
    return name_of(tag_quality_pb2.QualityAlertKind, kind)
