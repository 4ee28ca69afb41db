"""What was said of segments, and who was in them."""

import grpc
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_version_service_pb2 as versions_pb
from huaxiang.segments.v1.segment_version_service_pb2_grpc import SegmentVersionServiceStub

PAGE_VERSIONS = 1_000


async def versions(channel: grpc.aio.Channel, segment_id: str) -> list[versions_pb.SegmentVersion]:
    """The newest, newest first."""
    request = versions_pb.ListSegmentVersionsRequest(segment_id=segment_id, page_size=PAGE_VERSIONS)
    return list((await SegmentVersionServiceStub(channel).ListSegmentVersions(request)).versions)


async def differences(
    channel: grpc.aio.Channel, segment_id: str, old: int, new: int
) -> list[versions_pb.FieldDifference]:
    """Of two versions; 0 is the one in force, and the one before."""
    request = versions_pb.DiffSegmentVersionsRequest(segment_id=segment_id, from_version=old, to_version=new)
    return list((await SegmentVersionServiceStub(channel).DiffSegmentVersions(request)).fields)


async def restore_version(
    channel: grpc.aio.Channel, segment_id: str, version: int, reason: str
) -> segment_pb2.Segment:
    """Says again what a version said."""
    request = versions_pb.RestoreSegmentVersionRequest(segment_id=segment_id, version=version, reason=reason)
    return (await SegmentVersionServiceStub(channel).RestoreSegmentVersion(request)).segment
