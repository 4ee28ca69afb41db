"""PortraitService: what is known of persons."""

import asyncio
from contextlib import nullcontext
from typing import Protocol, cast

import grpc
from huaxiang.identity.v1 import person_service_pb2
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import portrait_service_pb2_grpc
from huaxiang.type.v1 import value_pb2
from servicekit.calls import current_principal
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.encoded_answers import adding_encoded
from servicekit.errors import InvalidField, UpstreamUnavailable
from servicekit.freshness import Freshness
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.principal import TENANT_KEY
from servicekit.revision import Revision
from servicekit.rights import may
from servicekit.values import NotAValue, moment, timestamp_of
from tagging.api.parse_portraits import (
    MAX_EVENT_TYPES,
    MAX_PORTRAITS,
    MAX_TIMELINE_PAGE,
    TIMELINE_PAGE,
    look_of,
)
from tagging.api.parse_tags import MAX_PERSONS, MAX_TAGS, at_most, readable_grades
from tagging.api.render_portraits import portrait_bytes, timeline_entry
from tagging.api.render_tags import explained_tag, explanation_message, value_of_tag
from tagging.app.explain import Explain
from tagging.app.portraits.hot import HotPortraits
from tagging.app.portraits.looks import Look
from tagging.app.portraits.past import ReadPastPortraits
from tagging.app.portraits.timeline import Position, ReadTimeline
from tagging.app.quality.count_use import UseCounter
from tagging.app.read_values import ReadValues

ASKED_AT_ONCE = 16
"""Calls of identity that one batch makes at a time."""
add_portraits = adding_encoded(
    portrait_service_pb2_grpc.add_PortraitServiceServicer_to_server, ("GetPortrait",)
)
READ_PERSONS = "identity.persons.read"
Context = grpc.aio.ServicerContext[object, object]


class PersonAttributes(Protocol):
    """What identity releases to portraits."""

    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        """Empty for a person that identity no longer knows. Raises UpstreamUnavailable."""
        ...


class IdentityAttributes:
    """PersonAttributes asked of identity at read time; nothing is kept."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._persons = PersonServiceStub(channel)

    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        request = person_service_pb2.GetPersonRequest(person_id=person_id)
        try:
            answer = await self._persons.GetPerson(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
                return {}
            raise UpstreamUnavailable("identity") from error
        return dict(answer.person.attributes)


class PortraitServicer(portrait_service_pb2_grpc.PortraitServiceServicer):
    """Acts on the caller's tenant; `freshness` waits until what follows from facts is stored and followed.

    GetPortrait answers encoded: `add_portraits` adds it so.
    """

    def __init__(
        self,
        database: Database,
        freshness: Freshness,
        hot: HotPortraits,
        timeline: ReadTimeline,
        read: ReadValues,
        explain: Explain,
        attributes: PersonAttributes,
        past: ReadPastPortraits,
        clock: Clock,
        use: UseCounter,
    ) -> None:
        self._use = use
        self._past = past
        self._database = database
        self._freshness = freshness
        self._hot = hot
        self._timeline = timeline
        self._read = read
        self._explain = explain
        self._attributes = attributes
        self._clock = clock
        self._encoded_revision: tuple[Revision | None, bytes] = (None, b"")

    async def GetPortrait(self, request: pb.GetPortraitRequest, context: Context) -> pb.GetPortraitResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        look = look_of(principal, request)
        if request.HasField("consistency"):
            await self._freshness.ensure(request.consistency)
        if request.HasField("as_of"):
            past = await self._past_portrait(tenant, request, look)
            self._use.portraits(tenant, look)
            return cast(pb.GetPortraitResponse, past)
        answer = await self._hot.one(tenant, request.person_id, look)
        self._use.portraits(tenant, look)
        encoded = answer.payload + self._moment(answer.revision)
        if may(principal, READ_PERSONS):
            encoded += await self._attributes_of(tenant, answer.payload)
        return cast(pb.GetPortraitResponse, encoded)

    async def _past_portrait(self, tenant: str, request: pb.GetPortraitRequest, look: Look) -> bytes:
        """Encoded, whole."""
        if request.template_id or request.language:
            raise InvalidField("as_of", "stands together with template_id or language: leave these out")
        try:
            as_of = moment(request.as_of)
        except NotAValue as error:
            raise InvalidField("as_of", str(error)) from error
        portrait, revision = await self._database.read(
            self._past,
            tenant,
            request.person_id,
            look.tag_ids,
            look.grades,
            as_of,
            has_timeline=look.has_timeline,
        )
        said = pb.GetPortraitResponse(as_of=request.as_of, revision=revision.to_proto())
        return portrait_bytes(portrait) + said.SerializeToString()

    async def BatchGetPortraits(
        self, request: pb.BatchGetPortraitsRequest, context: Context
    ) -> pb.BatchGetPortraitsResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        at_most("person_ids", request.person_ids, MAX_PORTRAITS, least=1)
        look = look_of(principal, request)
        await self._freshness.ensure(request.consistency)
        payloads, revision = await self._hot.several(tenant, tuple(request.person_ids), look)
        self._use.portraits(tenant, look, len(payloads))
        more: list[bytes] = [b""] * len(payloads)
        if may(principal, READ_PERSONS):
            asked = asyncio.Semaphore(ASKED_AT_ONCE)
            more = await asyncio.gather(*(self._attributes_of(tenant, each, asked) for each in payloads))
        moment = self._moment(revision)
        portraits = [
            pb.GetPortraitResponse()
            if payload is None
            else pb.GetPortraitResponse.FromString(payload + moment + attributes)
            for payload, attributes in zip(payloads, more, strict=True)
        ]
        return pb.BatchGetPortraitsResponse(portraits=portraits, revision=revision.to_proto())

    async def GetTimeline(self, request: pb.GetTimelineRequest, context: Context) -> pb.GetTimelineResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        at_most("event_types", request.event_types, MAX_EVENT_TYPES)
        size = page_size(request.page_size, default=TIMELINE_PAGE, maximum=MAX_TIMELINE_PAGE)
        bound = request_hash(request, tenant, ignore=("page_token", "page_size", "consistency"))
        before = read_token(request.page_token, bound, int, int, int, str)
        await self._freshness.ensure(request.consistency)
        page = await self._database.read(
            self._timeline,
            tenant,
            request.person_id,
            tuple(request.event_types),
            readable_grades(principal),
            None if before is None else Position(*before),
            size,
            with_changes=not request.without_changes,
        )
        return pb.GetTimelineResponse(
            person_id=page.person_id,
            entries=[timeline_entry(each) for each in page.entries],
            next_page_token=make_token(page.next, bound) if page.next else "",
            revision=page.revision.to_proto(),
        )

    def _moment(self, revision: Revision) -> bytes:
        """The encoded as_of and revision of an answer; fields of a message may follow each other in any order."""
        known, encoded = self._encoded_revision
        if known is not revision:
            encoded = pb.GetPortraitResponse(revision=revision.to_proto()).SerializeToString()
            self._encoded_revision = (revision, encoded)
        as_of = pb.GetPortraitResponse(as_of=timestamp_of(self._clock.now()))
        return as_of.SerializeToString() + encoded

    async def _attributes_of(
        self, tenant: str, payload: bytes | None, asked: asyncio.Semaphore | None = None
    ) -> bytes:
        """The encoded attributes of a portrait's person."""
        if payload is None:
            return b""
        person_id = pb.GetPortraitResponse.FromString(payload).person_id
        async with asked or nullcontext():
            attributes = await self._attributes.of(tenant, person_id)
        return pb.GetPortraitResponse(attributes=attributes).SerializeToString()

    async def BatchGetTagValues(
        self, request: pb.BatchGetTagValuesRequest, context: Context
    ) -> pb.BatchGetTagValuesResponse:
        principal = current_principal()
        at_most("person_ids", request.person_ids, MAX_PERSONS, least=1)
        at_most("tag_ids", request.tag_ids, MAX_TAGS, least=1)
        await self._freshness.ensure(request.consistency)
        answers, revision = await self._database.read(
            self._read.batch,
            principal.require_tenant(),
            tuple(request.person_ids),
            tuple(request.tag_ids),
            readable_grades(principal),
        )
        self._use.read(principal.require_tenant(), request.tag_ids, len(answers))
        persons = [
            pb.PersonTagValues(person_id=person_id, values=[value_of_tag(each) for each in values])
            for person_id, values in answers
        ]
        return pb.BatchGetTagValuesResponse(persons=persons, revision=revision.to_proto())

    async def ExplainTag(self, request: pb.ExplainTagRequest, context: Context) -> pb.ExplainTagResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        await self._freshness.ensure(request.consistency)
        explained = await self._database.read(
            self._explain.tag, tenant, request.person_id, request.tag_id, readable_grades(principal)
        )
        self._use.read(tenant, [request.tag_id])
        return pb.ExplainTagResponse(
            value=value_of_tag(explained.value),
            explanation=explained_tag(explained),
            version=explained.value.tag.version,
            run_id=explained.cuts.run_id if explained.cuts else "",
            revision=explained.revision.to_proto(),
        )

    async def ExplainRule(self, request: pb.ExplainRuleRequest, context: Context) -> pb.ExplainRuleResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        await self._freshness.ensure(request.consistency)
        explained = await self._database.read(
            self._explain.rule,
            tenant,
            request.person_id,
            request.rule,
            readable_grades(principal, request.only_grades),
        )
        return pb.ExplainRuleResponse(
            explanation=explanation_message(explained.explanation, explained.release),
            revision=explained.revision.to_proto(),
        )
