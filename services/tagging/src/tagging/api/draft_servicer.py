"""DraftService: definitions on their way into force."""

from typing import TypeVar

import grpc
from google.protobuf.message import Message
from huaxiang.tagging.v1 import draft_service_pb2 as pb
from huaxiang.tagging.v1 import draft_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.api.looks import looked_at
from tagging.api.parse_governance import actor_of, step_of
from tagging.api.parse_tags import definitions_of
from tagging.api.render_governance import life_message
from tagging.api.writes import written
from tagging.app.governance.drafts import Drafts
from tagging.app.governance.lives import Request, Stepped
from tagging.app.governance.refusals import reason_of

Context = grpc.aio.ServicerContext[object, object]


class DraftServicer(draft_service_pb2_grpc.DraftServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, drafts: Drafts) -> None:
        self._database = database
        self._drafts = drafts

    async def PutDraft(self, request: pb.PutDraftRequest, context: Context) -> pb.PutDraftResponse:
        (definition,) = definitions_of([request.definition])
        actor = actor_of(current_principal())
        step = Request(actor, definition.tag_id, request.etag, reason_of(request.reason))

        def work(connection: Connection, tenant: str) -> pb.PutDraftResponse:
            stepped = self._drafts.write(
                connection,
                tenant,
                step,
                definition,
                tag_request_id=request.tag_request_id,
                validate_only=request.validate_only,
            )
            return _told(stepped, pb.PutDraftResponse(warnings=stepped.warnings))

        if request.validate_only:
            tenant = current_principal().require_tenant()
            return await looked_at(lambda: self._database.read(work, tenant))
        return await written(self._database, "PutDraft", request, pb.PutDraftResponse, work)

    async def SubmitDraft(self, request: pb.SubmitDraftRequest, context: Context) -> pb.SubmitDraftResponse:
        step = step_of(request)

        def work(connection: Connection, tenant: str) -> pb.SubmitDraftResponse:
            return _told(self._drafts.submit(connection, tenant, step), pb.SubmitDraftResponse())

        return await written(self._database, "SubmitDraft", request, pb.SubmitDraftResponse, work)

    async def ApproveDraft(
        self, request: pb.ApproveDraftRequest, context: Context
    ) -> pb.ApproveDraftResponse:
        step = step_of(request, etag_needed=True)

        def work(connection: Connection, tenant: str) -> pb.ApproveDraftResponse:
            return _told(self._drafts.approve(connection, tenant, step), pb.ApproveDraftResponse())

        return await written(self._database, "ApproveDraft", request, pb.ApproveDraftResponse, work)

    async def ReturnDraft(self, request: pb.ReturnDraftRequest, context: Context) -> pb.ReturnDraftResponse:
        step = step_of(request, reason_needed=True)

        def work(connection: Connection, tenant: str) -> pb.ReturnDraftResponse:
            return _told(self._drafts.send_back(connection, tenant, step), pb.ReturnDraftResponse())

        return await written(self._database, "ReturnDraft", request, pb.ReturnDraftResponse, work)

    async def WithdrawDraft(
        self, request: pb.WithdrawDraftRequest, context: Context
    ) -> pb.WithdrawDraftResponse:
        step = step_of(request)

        def work(connection: Connection, tenant: str) -> pb.WithdrawDraftResponse:
            return _told(self._drafts.withdraw(connection, tenant, step), pb.WithdrawDraftResponse())

        return await written(self._database, "WithdrawDraft", request, pb.WithdrawDraftResponse, work)

    async def ActivateDraft(
        self, request: pb.ActivateDraftRequest, context: Context
    ) -> pb.ActivateDraftResponse:
        step = step_of(request, force=request.force)

        def work(connection: Connection, tenant: str) -> pb.ActivateDraftResponse:
            return _told(self._drafts.activate(connection, tenant, step), pb.ActivateDraftResponse())

        return await written(self._database, "ActivateDraft", request, pb.ActivateDraftResponse, work)

    async def DiscardDraft(
        self, request: pb.DiscardDraftRequest, context: Context
    ) -> pb.DiscardDraftResponse:
        step = step_of(request)

        def work(connection: Connection, tenant: str) -> pb.DiscardDraftResponse:
            return _told(self._drafts.discard(connection, tenant, step), pb.DiscardDraftResponse())

        return await written(self._database, "DiscardDraft", request, pb.DiscardDraftResponse, work)


Told = TypeVar("Told", bound=Message)


def _told(stepped: Stepped, message: Told) -> Told:
    """Every answer to a step has these fields."""
    message.life.CopyFrom(life_message(stepped.life))  # type: ignore[attr-defined]
    message.revision.CopyFrom(stepped.revision.to_proto())  # type: ignore[attr-defined]
    return message
