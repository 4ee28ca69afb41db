"""PortraitService: what is known of persons."""

from typing import Protocol

import grpc
from huaxiang.identity.v1 import person_service_pb2
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import portrait_service_pb2_grpc
from huaxiang.type.v1 import value_pb2
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from servicekit.freshness import Freshness
from servicekit.principal import TENANT_KEY
from servicekit.rights import may
from servicekit.values import timestamp_of
from tagging.api.parse_tags import MAX_PERSONS, MAX_PORTRAIT_TAGS, MAX_TAGS, at_most, readable_grades
from tagging.api.render_tags import (
    STATE_NAMES,
    explained_tag,
    explanation_message,
    timeline_event,
    value_of_tag,
)
from tagging.app.explain import Explain
from tagging.app.read_values import ReadValues

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
    """Acts on the caller's tenant; `values` waits until what follows from facts is stored."""

    def __init__(
        self,
        database: Database,
        freshness: Freshness,
        read: ReadValues,
        explain: Explain,
        attributes: PersonAttributes,
    ) -> None:
        self._database = database
        self._freshness = freshness
        self._read = read
        self._explain = explain
        self._attributes = attributes

    async def GetPortrait(self, request: pb.GetPortraitRequest, context: Context) -> pb.GetPortraitResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        at_most("tag_ids", request.tag_ids, MAX_PORTRAIT_TAGS)
        await self._freshness.ensure(request.consistency)
        portrait = await self._database.read(
            self._read.portrait, tenant, request.person_id, tuple(request.tag_ids), readable_grades(principal)
        )
        person_id = portrait.person.person_id
        attributes = await self._attributes.of(tenant, person_id) if may(principal, READ_PERSONS) else {}
        return pb.GetPortraitResponse(
            person_id=person_id,
            state=STATE_NAMES[portrait.person.state],
            values=[value_of_tag(each) for each in portrait.values],
            attributes=attributes,
            timeline=[timeline_event(each) for each in portrait.timeline],
            as_of=timestamp_of(portrait.as_of),
            revision=portrait.revision.to_proto(),
        )

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
        explanation, revision = await self._database.read(
            self._explain.rule, tenant, request.person_id, request.rule, readable_grades(principal)
        )
        return pb.ExplainRuleResponse(
            explanation=explanation_message(explanation), revision=revision.to_proto()
        )
