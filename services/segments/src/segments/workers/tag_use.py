"""Tells tagging which tags segments use, so that nobody takes one away unawares."""

import asyncio
from collections.abc import Hashable

import grpc
from huaxiang.tagging.v1 import tag_use_service_pb2 as pb
from huaxiang.tagging.v1.tag_use_service_pb2_grpc import TagUseServiceStub
from rules import tree
from rules.errors import RuleSyntaxError
from rules.parser import parse
from rules.walk import walk
from segments.app.standing import Standing
from segments.app.tenant_segments import TenantSegments
from segments.app.version import Board
from segments.workers.tagging_calls import CONSUMER
from servicekit.logging import logger
from servicekit.principal import TENANT_KEY

LOOK_S = 2.0
"""Between two looks at what is in memory."""
PAUSE_S = 30.0
"""After tagging was not reached."""
CALL_S = 10.0


class TagUse:
    """`run` is a worker. States a tenant's whole set when a segment came, changed or went, and after a start."""

    def __init__(self, board: Board, channel: grpc.aio.Channel) -> None:
        self._board = board
        self._stub = TagUseServiceStub(channel)
        self._told: dict[str, Hashable] = {}

    async def run(self) -> None:
        """Runs until cancelled; tagging may come and go."""
        while True:
            try:
                await self.tell()
                await asyncio.sleep(LOOK_S)
            except grpc.aio.AioRpcError as error:
                logger().warning("use of tags not told, trying again", code=error.code().name)
                await asyncio.sleep(PAUSE_S)

    async def tell(self) -> None:
        """Every tenant whose segments are not those told last."""
        for tenant, segments in tuple(self._board.current.tenants.items()):
            standing = segments.all()
            stamp = tuple((each.segment.segment_id, each.segment.etag) for each in standing)
            if self._told.get(tenant) != stamp:
                request = pb.ReportTagUseRequest(consumer=CONSUMER, uses=uses_of(segments))
                await self._stub.ReportTagUse(request, metadata=((TENANT_KEY, tenant),), timeout=CALL_S)
                self._told[tenant] = stamp


def uses_of(segments: TenantSegments) -> list[pb.TagUse]:
    """One per segment, in order."""
    found = []
    for each in segments.all():
        tags, inner = _named(each)
        use = pb.TagUse(
            kind=pb.TAG_USER_KIND_SEGMENT,
            name=each.segment.segment_id,
            tag_ids=sorted(tags),
            segments=sorted(inner),
        )
        found.append(use)
    return found


def _named(standing: Standing) -> tuple[frozenset[str], frozenset[str]]:
    """The tags and segments that a rule names; one that cannot be read now still names them."""
    if standing.rule is not None:
        return standing.rule.tags, standing.rule.segments
    try:
        nodes = list(walk(parse(standing.segment.draft.rule)))
    except RuleSyntaxError:
        return frozenset(), frozenset()
    return (
        frozenset(node.name for node in nodes if isinstance(node, tree.TagRef)),
        frozenset(node.name for node in nodes if isinstance(node, tree.InSegment | tree.SegmentMembers)),
    )
