"""Who names the periods of the calendar that a change takes away or moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from huaxiang.segments.v1 import segment_use_service_pb2
from huaxiang.segments.v1.segment_use_service_pb2_grpc import SegmentUseServiceStub
from huaxiang.tagging.v1 import tag_use_service_pb2
from huaxiang.tagging.v1.tag_use_service_pb2_grpc import TagUseServiceStub

NAMED_AT_ONCE = 10
"""So many users of a period stand in an error."""


@dataclass(frozen=True, slots=True)
class PeriodUse:
    """A period that goes, or moves, and the tags and segments whose own rules name it, each in order."""

    period: str
    becomes: str
    tags: tuple[str, ...]
    segments: tuple[str, ...]

    def told(self) -> str:
        """In words, of an error."""
        kinds = (("tags", self.tags), ("segments", self.segments))
        users = "; ".join(f"{kind} {_some(names)}" for kind, names in kinds if names)
        return f"'{self.period}' is in use: {users}"


def _some(names: Sequence[str]) -> str:
    left = len(names) - NAMED_AT_ONCE
    return ", ".join(names[:NAMED_AT_ONCE]) + (f" and {left} more" if left > 0 else "")


async def of_tags(channel: grpc.aio.Channel, periods: Sequence[str]) -> list[tuple[str, ...]]:
    """By period, the tags of tagging."""
    wanted = tag_use_service_pb2.ListPeriodUsesRequest(periods=periods)
    return [tuple(each.tag_ids) for each in (await TagUseServiceStub(channel).ListPeriodUses(wanted)).uses]


async def of_segments(channel: grpc.aio.Channel, periods: Sequence[str]) -> list[tuple[str, ...]]:
    """By period, the segments of segments."""
    wanted = segment_use_service_pb2.ListPeriodUsesRequest(periods=periods)
    found = await SegmentUseServiceStub(channel).ListPeriodUses(wanted)
    return [tuple(each.segment_ids) for each in found.uses]
