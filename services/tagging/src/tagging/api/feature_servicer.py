"""FeatureService: behaviour as columns."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

import grpc
from huaxiang.tagging.v1 import change_pb2, feature_service_pb2_grpc
from huaxiang.tagging.v1 import feature_service_pb2 as pb
from servicekit.calls import current_principal
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness
from servicekit.values import moment, time_problem, timestamp_of
from tagging.api.parse_tags import (
    MAX_CONSUMER_CHARACTERS,
    MAX_FORM_CHARACTERS,
    MAX_FORMS,
    named,
    readable_grades,
)
from tagging.api.render_tags import feature_message
from tagging.app.features import EvaluateFeature, SetRequiredFeatures
from tagging.domain.columns import BLOCK_PERSONS, Coded

COMPUTED_AT_ONCE = 2
"""Columns, of all callers; others wait, at most until their deadline. Each holds a tenant's events in memory."""
MESSAGE_PERSONS = 32_768
MESSAGE_TEXTS = 5_000
Context = grpc.aio.ServicerContext[object, object]


class FeatureServicer(feature_service_pb2_grpc.FeatureServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self,
        database: Database,
        facts: Freshness,
        set_required: SetRequiredFeatures,
        evaluate: EvaluateFeature,
        clock: Clock,
    ) -> None:
        self._database = database
        self._facts = facts
        self._set_required = set_required
        self._evaluate = evaluate
        self._clock = clock
        self._computing = asyncio.Semaphore(COMPUTED_AT_ONCE)

    async def SetRequiredFeatures(
        self, request: pb.SetRequiredFeaturesRequest, context: Context
    ) -> pb.SetRequiredFeaturesResponse:
        tenant = current_principal().require_tenant()
        consumer = named("consumer", request.consumer, MAX_CONSUMER_CHARACTERS)
        forms = list(request.forms)
        if len(forms) <= MAX_FORMS:
            for index, form in enumerate(forms):
                named(f"forms[{index}]", form, MAX_FORM_CHARACTERS)
        features, revision = await self._database.write(self._set_required, tenant, consumer, forms)
        return pb.SetRequiredFeaturesResponse(
            features=[feature_message(each) for each in features], revision=revision.to_proto()
        )

    async def EvaluateFeature(
        self, request: pb.EvaluateFeatureRequest, context: Context
    ) -> AsyncIterator[pb.EvaluateFeatureResponse]:
        principal = current_principal()
        tenant = principal.require_tenant()
        named("form", request.form, MAX_FORM_CHARACTERS)
        now = self._clock.now()
        if problem := time_problem(request.as_of):
            raise InvalidField("as_of", problem)
        as_of = moment(request.as_of) if request.HasField("as_of") else None
        if as_of is not None and as_of > now:
            raise InvalidField("as_of", "lies in the future")
        await self._facts.ensure(request.consistency)
        async with self._computing:
            found = await asyncio.to_thread(
                self._evaluate, tenant, request.form, as_of, readable_grades(principal)
            )
        first = pb.EvaluateFeatureResponse(
            as_of=timestamp_of(found.as_of), revision=found.revision.to_proto()
        )
        for block in _messages(found.column, found.coded, found.texts):
            first.block.CopyFrom(block)
            yield first
            first = pb.EvaluateFeatureResponse()
        if first.HasField("as_of"):
            yield first


def _messages(column: str, coded: Coded, texts: Mapping[str, int]) -> Iterator[change_pb2.ValueBlock]:
    """The dictionary first, then the values, each message bounded."""
    entries = [change_pb2.DictionaryEntry(code=code, text=text) for text, code in texts.items()]
    for start in range(0, len(entries), MESSAGE_TEXTS):
        yield change_pb2.ValueBlock(column=column, dictionary=entries[start : start + MESSAGE_TEXTS])
    for block, part in coded.blocks():
        for low in range(0, BLOCK_PERSONS, MESSAGE_PERSONS):
            offsets = part.persons & (BLOCK_PERSONS - 1)
            portion = part.take((offsets >= low) & (offsets < low + MESSAGE_PERSONS))
            if len(portion.persons):
                yield change_pb2.ValueBlock(
                    column=column,
                    block=block,
                    offsets=(portion.persons & (BLOCK_PERSONS - 1)).astype("<u2").tobytes(),
                    counts=portion.counts.astype("<u2").tobytes(),
                    codes=portion.codes.astype("<i8").tobytes(),
                )
