"""TagRequestService: wishes for tags."""

import grpc
from huaxiang.tagging.v1 import tag_request_service_pb2 as pb
from huaxiang.tagging.v1 import tag_request_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash
from sqlalchemy import Connection
from tagging.api.parse_governance import actor_of, request_states_of, wording
from tagging.api.render_governance import request_message
from tagging.api.writes import written
from tagging.app.governance.lives import Lives
from tagging.app.governance.refusals import reason_of
from tagging.app.governance.requests import Requests, Wish

Context = grpc.aio.ServicerContext[object, object]


class TagRequestServicer(tag_request_service_pb2_grpc.TagRequestServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, requests: Requests, lives: Lives) -> None:
        self._database = database
        self._requests = requests
        self._lives = lives

    async def RequestTag(self, request: pb.RequestTagRequest, context: Context) -> pb.RequestTagResponse:
        actor = actor_of(current_principal())
        wish = Wish(wording(request.name), request.why, request.wanted_use, request.due, request.tag_id)

        def work(connection: Connection, tenant: str) -> pb.RequestTagResponse:
            found, revision = self._requests.ask(connection, tenant, actor, wish)
            return pb.RequestTagResponse(tag_request=request_message(found), revision=revision.to_proto())

        return await written(self._database, "RequestTag", request, pb.RequestTagResponse, work)

    async def ListTagRequests(
        self, request: pb.ListTagRequestsRequest, context: Context
    ) -> pb.ListTagRequestsResponse:
        tenant = current_principal().require_tenant()
        size, bound = page_size(request.page_size), request_hash(request, tenant)
        before = read_token(request.page_token, bound, int)
        states = request_states_of(request.states)

        def work(connection: Connection) -> pb.ListTagRequestsResponse:
            sequence = before[0] if before else None
            found = self._requests.page(connection, tenant, states, request.requester, sequence, size + 1)
            page = found[:size]
            return pb.ListTagRequestsResponse(
                tag_requests=[request_message(each) for each in page],
                next_page_token=make_token([page[-1].sequence], bound) if len(found) > size else "",
                revision=self._lives.revision(connection).to_proto(),
            )

        return await self._database.read(work)

    async def AcceptTagRequest(
        self, request: pb.AcceptTagRequestRequest, context: Context
    ) -> pb.AcceptTagRequestResponse:
        actor = actor_of(current_principal())
        reason = reason_of(request.reason)

        def work(connection: Connection, tenant: str) -> pb.AcceptTagRequestResponse:
            found, revision = self._requests.accept(
                connection,
                tenant,
                actor,
                request.tag_request_id,
                tag_id=request.tag_id,
                owner=request.owner,
                reason=reason,
            )
            return pb.AcceptTagRequestResponse(
                tag_request=request_message(found), revision=revision.to_proto()
            )

        return await written(self._database, "AcceptTagRequest", request, pb.AcceptTagRequestResponse, work)

    async def DeclineTagRequest(
        self, request: pb.DeclineTagRequestRequest, context: Context
    ) -> pb.DeclineTagRequestResponse:
        actor = actor_of(current_principal())
        reason = reason_of(request.reason, needed=True)

        def work(connection: Connection, tenant: str) -> pb.DeclineTagRequestResponse:
            found, revision = self._requests.decline(
                connection, tenant, actor, request.tag_request_id, reason
            )
            return pb.DeclineTagRequestResponse(
                tag_request=request_message(found), revision=revision.to_proto()
            )

        return await written(self._database, "DeclineTagRequest", request, pb.DeclineTagRequestResponse, work)

    async def WithdrawTagRequest(
        self, request: pb.WithdrawTagRequestRequest, context: Context
    ) -> pb.WithdrawTagRequestResponse:
        actor = actor_of(current_principal())
        reason = reason_of(request.reason)

        def work(connection: Connection, tenant: str) -> pb.WithdrawTagRequestResponse:
            found, revision = self._requests.take_back(
                connection, tenant, actor, request.tag_request_id, reason
            )
            return pb.WithdrawTagRequestResponse(
                tag_request=request_message(found), revision=revision.to_proto()
            )

        return await written(
            self._database, "WithdrawTagRequest", request, pb.WithdrawTagRequestResponse, work
        )
