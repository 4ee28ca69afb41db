"""TagLifeService: where tags stand, the steps after they came into force, and the record of every step."""

from typing import TypeVar

import grpc
from google.protobuf.message import Message
from huaxiang.tagging.v1 import tag_life_service_pb2 as pb
from huaxiang.tagging.v1 import tag_life_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash
from sqlalchemy import Connection
from tagging.api.parse_governance import states_of, step_of
from tagging.api.render_governance import history_message, life_message
from tagging.api.writes import written
from tagging.app.governance.lives import Lives, Stepped
from tagging.app.governance.tag_steps import TagSteps

Context = grpc.aio.ServicerContext[object, object]


class TagLifeServicer(tag_life_service_pb2_grpc.TagLifeServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, lives: Lives, steps: TagSteps) -> None:
        self._database = database
        self._lives = lives
        self._steps = steps

    async def GetTagLife(self, request: pb.GetTagLifeRequest, context: Context) -> pb.GetTagLifeResponse:
        tenant = current_principal().require_tenant()

        def work(connection: Connection) -> pb.GetTagLifeResponse:
            life = self._lives.read(connection, tenant, request.tag_id)
            revision = self._lives.revision(connection)
            return pb.GetTagLifeResponse(life=life_message(life), revision=revision.to_proto())

        return await self._database.read(work)

    async def ListTagLives(
        self, request: pb.ListTagLivesRequest, context: Context
    ) -> pb.ListTagLivesResponse:
        tenant = current_principal().require_tenant()
        size, bound = page_size(request.page_size), request_hash(request, tenant)
        after = read_token(request.page_token, bound, str)
        found, revision = await self._database.read(
            self._lives.page, tenant, states_of(request.states), after[0] if after else "", size + 1
        )
        page = found[:size]
        return pb.ListTagLivesResponse(
            lives=[life_message(each) for each in page],
            next_page_token=make_token([page[-1].tag_id], bound) if len(found) > size else "",
            revision=revision.to_proto(),
        )

    async def ListTagHistory(
        self, request: pb.ListTagHistoryRequest, context: Context
    ) -> pb.ListTagHistoryResponse:
        tenant = current_principal().require_tenant()
        size, bound = page_size(request.page_size), request_hash(request, tenant)
        after = read_token(request.page_token, bound, int)
        number = after[0] if after else 0
        found, revision = await self._database.read(
            self._lives.history, tenant, request.tag_id, request.tag_request_id, number, size + 1
        )
        page = found[:size]
        return pb.ListTagHistoryResponse(
            entries=[history_message(each) for each in page],
            next_page_token=make_token([page[-1].number], bound) if len(found) > size else "",
            revision=revision.to_proto(),
        )

    async def DeprecateTag(
        self, request: pb.DeprecateTagRequest, context: Context
    ) -> pb.DeprecateTagResponse:
        step = step_of(request, reason_needed=True)

        def work(connection: Connection, tenant: str) -> pb.DeprecateTagResponse:
            return _told(
                self._steps.deprecate(connection, tenant, step, request.replacement_tag_id),
                pb.DeprecateTagResponse(),
            )

        return await written(self._database, "DeprecateTag", request, pb.DeprecateTagResponse, work)

    async def ReinstateTag(
        self, request: pb.ReinstateTagRequest, context: Context
    ) -> pb.ReinstateTagResponse:
        step = step_of(request)

        def work(connection: Connection, tenant: str) -> pb.ReinstateTagResponse:
            return _told(self._steps.reinstate(connection, tenant, step), pb.ReinstateTagResponse())

        return await written(self._database, "ReinstateTag", request, pb.ReinstateTagResponse, work)

    async def RetireTag(self, request: pb.RetireTagRequest, context: Context) -> pb.RetireTagResponse:
        step = step_of(request, force=request.force, reason_needed=True)

        def work(connection: Connection, tenant: str) -> pb.RetireTagResponse:
            return _told(
                self._steps.retire(connection, tenant, step, request.replacement_tag_id),
                pb.RetireTagResponse(),
            )

        return await written(self._database, "RetireTag", request, pb.RetireTagResponse, work)

    async def DeleteTag(self, request: pb.DeleteTagRequest, context: Context) -> pb.DeleteTagResponse:
        step = step_of(request, force=request.force, reason_needed=True)

        def work(connection: Connection, tenant: str) -> pb.DeleteTagResponse:
            return _told(self._steps.delete(connection, tenant, step), pb.DeleteTagResponse())

        return await written(self._database, "DeleteTag", request, pb.DeleteTagResponse, work)

    async def RestoreTag(self, request: pb.RestoreTagRequest, context: Context) -> pb.RestoreTagResponse:
        step = step_of(request)

        def work(connection: Connection, tenant: str) -> pb.RestoreTagResponse:
            return _told(self._steps.restore(connection, tenant, step), pb.RestoreTagResponse())

        return await written(self._database, "RestoreTag", request, pb.RestoreTagResponse, work)


Told = TypeVar("Told", bound=Message)


def _told(stepped: Stepped, message: Told) -> Told:
    """Every answer to a step has these fields."""
    message.life.CopyFrom(life_message(stepped.life))  # type: ignore[attr-defined]
    message.revision.CopyFrom(stepped.revision.to_proto())  # type: ignore[attr-defined]
    return message
