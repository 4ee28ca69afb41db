"""The recycle bin, and what a change of a segment would touch."""

import grpc
from huaxiang.segments.v1 import recycle_bin_service_pb2 as bin_pb
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_use_service_pb2 as use_pb
from huaxiang.segments.v1.recycle_bin_service_pb2_grpc import RecycleBinServiceStub
from huaxiang.segments.v1.segment_use_service_pb2_grpc import SegmentUseServiceStub

PAGE_SEGMENTS = 1_000


async def deleted(channel: grpc.aio.Channel) -> list[bin_pb.DeletedSegment]:
    """In order of segment_id."""
    stub, request = RecycleBinServiceStub(channel), bin_pb.ListDeletedSegmentsRequest(page_size=PAGE_SEGMENTS)
    found: list[bin_pb.DeletedSegment] = []
    while True:
        page = await stub.ListDeletedSegments(request)
        found += page.segments
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def restore(channel: grpc.aio.Channel, segment_id: str, reason: str) -> segment_pb2.Segment:
    """Takes a segment out of the recycle bin."""
    request = bin_pb.RestoreSegmentRequest(segment_id=segment_id, reason=reason)
    return (await RecycleBinServiceStub(channel).RestoreSegment(request)).segment


async def purge(channel: grpc.aio.Channel, segment_id: str) -> None:
    """Removes a segment from the recycle bin for good."""
    await RecycleBinServiceStub(channel).PurgeSegment(bin_pb.PurgeSegmentRequest(segment_id=segment_id))


async def impact(
    channel: grpc.aio.Channel, segment_id: str, rule: str, population: "segment_pb2.Population.ValueType"
) -> use_pb.CheckImpactResponse:
    """Of another rule, or of the deletion when it is empty."""
    request = use_pb.CheckImpactRequest(segment_id=segment_id, rule=rule, population=population)
    return await SegmentUseServiceStub(channel).CheckImpact(request)
