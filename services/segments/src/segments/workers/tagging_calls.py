"""What segments asks of tagging: features, the event dictionary, explanations."""

import asyncio
from collections.abc import AsyncIterator

import grpc
from huaxiang.tagging.v1 import event_type_service_pb2, feature_service_pb2, portrait_service_pb2
from huaxiang.tagging.v1.event_type_service_pb2_grpc import EventTypeServiceStub
from huaxiang.tagging.v1.feature_service_pb2_grpc import FeatureServiceStub
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub
from huaxiang.type.v1 import explanation_pb2, revision_pb2
from rules.evaluate.meaning import Value
from rules.values import Kind
from segments.api import parse
from segments.app.board import Board
from segments.domain.changes import BLOCK_BITS
from segments.domain.packing import unpacked
from segments.errors import FeatureQuota
from servicekit.errors import UpstreamUnavailable
from servicekit.logging import logger
from servicekit.principal import TENANT_KEY
from servicekit.status import reason_of

SERVICE = "tagging"
CONSUMER = "segments"
REFRESH_S = 60.0
FIRST_PAUSE_S = 0.2
ASKED_TENANT = "default"
"""The dictionary is one for all tenants; it is asked on behalf of some tenant."""


class TaggingFeatures:
    """Implements RequiredFeatures and FeatureColumns."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = FeatureServiceStub(channel)

    async def require(self, tenant: str, forms: list[str]) -> None:
        request = feature_service_pb2.SetRequiredFeaturesRequest(consumer=CONSUMER, forms=forms)
        try:
            await self._stub.SetRequiredFeatures(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            reason = reason_of(error)
            if reason.reason == "FEATURE_QUOTA":
                metadata = reason.metadata
                raise FeatureQuota(metadata.get("count", "?"), metadata.get("limit", "?")) from error
            raise UpstreamUnavailable(SERVICE) from error

    async def evaluate(self, tenant: str, form: str, kind: Kind) -> AsyncIterator[dict[int, Value | None]]:
        request = feature_service_pb2.EvaluateFeatureRequest(form=form)
        texts: dict[int, str] = {}
        try:
            async for part in self._stub.EvaluateFeature(request, metadata=((TENANT_KEY, tenant),)):
                packed = parse.block(tenant, 0, part.block)
                texts.update(packed.texts)
                values = unpacked(
                    packed.offsets, packed.counts, packed.codes, kind, texts.__getitem__, multi_valued=False
                )
                base = packed.block << BLOCK_BITS
                yield {base + offset: value for offset, value in values.items()}
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable(SERVICE) from error


class TaggingExplain:
    """Implements Explain."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PortraitServiceStub(channel)

    async def __call__(
        self, tenant: str, person_id: int, rule: str, consistency: revision_pb2.Consistency | None
    ) -> explanation_pb2.Explanation:
        request = portrait_service_pb2.ExplainRuleRequest(person_id=person_id, rule=rule)
        try:
            answer = await self._stub.ExplainRule(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable(SERVICE) from error
        return answer.explanation


class DictionaryRefresh:
    """Keeps the event dictionary, and states the features that stored segments need, at start-up and each minute."""

    def __init__(self, board: Board, features: TaggingFeatures, channel: grpc.aio.Channel) -> None:
        self._board = board
        self._features = features
        self._stub = EventTypeServiceStub(channel)

    async def run(self) -> None:
        """Runs until cancelled; tagging may come and go."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self.refresh()
                pause_s = REFRESH_S
            except (grpc.aio.AioRpcError, UpstreamUnavailable) as error:
                logger().warning("tagging not reached, trying again", exc_info=error)
                pause_s = min(pause_s * 2, REFRESH_S)
            await asyncio.sleep(pause_s)

    async def refresh(self) -> None:
        """One round."""
        answer = await self._stub.ListEventTypes(
            event_type_service_pb2.ListEventTypesRequest(), metadata=((TENANT_KEY, ASKED_TENANT),)
        )
        dictionary = parse.dictionary(answer)
        if dictionary != self._board.dictionary:
            await self._board.learn(dictionary)
        async with self._board.gate.reading():
            needed = {tenant: segments.forms() for tenant, segments in self._board.segments.items()}
        for tenant, forms in needed.items():
            await self._features.require(tenant, forms)
