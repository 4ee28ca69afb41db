"""Tagging's definitions here, and the features that segments need there: kept equal from time to time and on demand."""

import asyncio
from collections.abc import Mapping

import grpc
from huaxiang.tagging.v1 import event_type_service_pb2, tag_life_service_pb2, tag_pb2, tag_service_pb2
from huaxiang.tagging.v1.event_type_service_pb2_grpc import EventTypeServiceStub
from huaxiang.tagging.v1.tag_life_service_pb2_grpc import TagLifeServiceStub
from huaxiang.tagging.v1.tag_service_pb2_grpc import TagServiceStub
from segments.api import parse
from segments.app.awaited_forms import AwaitedForms
from segments.app.learn import LearnDictionary
from segments.app.segments import RequiredFeatures
from segments.app.version import Board
from segments.errors import CatchingUp
from segments.workers.tagging_calls import SERVICE, translated
from servicekit.consumer import ConsumerState
from servicekit.errors import NotReached, RevisionForeign, ServiceError
from servicekit.freshness import Freshness
from servicekit.logging import logger
from servicekit.principal import TENANT_KEY
from servicekit.revision import Lane, from_proto

REFRESH_S = 60.0
FIRST_PAUSE_S = 0.2
CATCH_UP_S = 2.0
CALL_S = 5.0
LOGGED_EACH = 30
"""Of failures in a row the first is logged, and then each so many."""
RETIRED_TOLD = 1_000
"""Retired tags that refusals of rules know, at most."""
ASKED_TENANT = "default"
"""The suite's dictionary is one for all tenants; it is asked on behalf of some tenant. What tenants declare beside it
segments reach through tags."""


class Definitions:
    """Implements UpToDate; `run` is a worker."""

    def __init__(
        self,
        board: Board,
        learn: LearnDictionary,
        features: RequiredFeatures,
        awaited: AwaitedForms,
        freshness: Freshness,
        consumer: ConsumerState,
        channel: grpc.aio.Channel,
    ) -> None:
        self._board = board
        self._learn = learn
        self._features = features
        self._awaited = awaited
        self._freshness = freshness
        self._consumer = consumer
        self._caught_up = False
        self._events = EventTypeServiceStub(channel)
        self._tags = TagServiceStub(channel)
        self._lives = TagLifeServiceStub(channel)
        self._stated: dict[str, list[str]] = {}

    async def run(self) -> None:
        """Runs until cancelled; tagging may come and go."""
        pause_s, failures = FIRST_PAUSE_S, 0
        while True:
            try:
                await self.refresh()
                if failures:
                    logger().info("tagging reached again", count=failures)
                pause_s, failures = REFRESH_S, 0
            except (grpc.aio.AioRpcError, ServiceError) as error:
                if failures % LOGGED_EACH == 0:
                    code = _code_of(error)
                    logger().warning("tagging not reached, trying again", code=code, count=failures)
                failures += 1
                pause_s = min(pause_s * 2, REFRESH_S)
            await asyncio.sleep(pause_s)

    async def refresh(self) -> None:
        """One round. Features are stated each time while any is needed, and once when none is any more."""
        await self._learn_events()
        async with self._board.defining():
            for tenant, segments in self._board.current.tenants.items():
                forms = self._awaited.needed(tenant, segments)
                if forms or self._stated.get(tenant):
                    await self._features.require(tenant, forms)
                self._stated[tenant] = forms

    @property
    def caught_up(self) -> bool:
        return self._caught_up or self._consumer.lag_s() is not None

    async def catch_up(self, tenant: str) -> None:
        try:
            await self._learn_events()
            listed = await self._tags.ListTags(
                tag_service_pb2.ListTagsRequest(page_size=1), metadata=((TENANT_KEY, tenant),), timeout=CALL_S
            )
        except grpc.aio.AioRpcError as error:
            raise translated(error) from error
        revision = from_proto(listed.revision)
        if revision is None:
            return
        until = asyncio.get_running_loop().time() + CATCH_UP_S
        try:
            await self._freshness.reach(revision.only(Lane.LIVE), until)
        except (NotReached, RevisionForeign) as error:
            raise CatchingUp(SERVICE) from error
        self._caught_up = True

    async def retired(self, tenant: str) -> Mapping[str, str]:
        request = tag_life_service_pb2.ListTagLivesRequest(
            states=[tag_pb2.TAG_STATE_RETIRED], page_size=RETIRED_TOLD
        )
        try:
            found = await self._lives.ListTagLives(request, metadata=((TENANT_KEY, tenant),), timeout=CALL_S)
        except grpc.aio.AioRpcError:
            return {}
        return {each.tag_id: each.replacement_tag_id for each in found.lives}

    async def _learn_events(self) -> None:
        answer = await self._events.ListEventTypes(
            event_type_service_pb2.ListEventTypesRequest(standard_only=True),
            metadata=((TENANT_KEY, ASKED_TENANT),),
            timeout=CALL_S,
        )
        await self._learn(parse.dictionary(answer))


def _code_of(error: grpc.aio.AioRpcError | ServiceError) -> str:
    return error.reason if isinstance(error, ServiceError) else error.code().name
