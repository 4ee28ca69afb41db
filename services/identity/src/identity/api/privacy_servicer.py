"""PrivacyService."""

from collections.abc import AsyncIterator

import grpc
from huaxiang.identity.v1 import privacy_service_pb2, privacy_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash

from identity.api import parse_privacy, render_privacy
from identity.api.transactions import Transactions
from identity.app.erase_person import MAX_UNCONFIRMED, Erasures
from identity.app.export_person_data import ExportPersonData
from identity.app.journal_erasures import JournalErasures

Context = grpc.aio.ServicerContext[object, object]


class PrivacyServicer(privacy_service_pb2_grpc.PrivacyServiceServicer):
    """Forgets persons and tells them what is kept."""

    def __init__(
        self,
        transactions: Transactions,
        erasures: Erasures,
        journal: JournalErasures,
        export: ExportPersonData,
        service: str,
    ) -> None:
        self._transactions = transactions
        self._erasures = erasures
        self._journal = journal
        self._export = export
        self._service = service

    async def ErasePerson(
        self, request: privacy_service_pb2.ErasePersonRequest, context: Context
    ) -> privacy_service_pb2.ErasePersonResponse:
        question = parse_privacy.erasure_question(request, current_principal())
        if request.dry_run:
            return render_privacy.erased(
                await self._transactions.rehearse(self._erasures.erase, question), dry_run=True
            )
        answer = await self._transactions.write(self._erasures.erase, question)
        await self._journal.write(question.tenant, answer.status.row, answer.tombstones)
        return render_privacy.erased(answer)

    async def GetErasure(
        self, request: privacy_service_pb2.GetErasureRequest, context: Context
    ) -> privacy_service_pb2.GetErasureResponse:
        if (request.erasure_id > 0) == (request.person_id > 0):
            raise InvalidField("erasure_id", "or person_id is needed: a positive one of the two")
        status = await self._transactions.read(
            self._erasures.get, current_principal().require_tenant(), request.erasure_id, request.person_id
        )
        return privacy_service_pb2.GetErasureResponse(erasure=render_privacy.erasure(status))

    async def ListUnconfirmedErasures(
        self, request: privacy_service_pb2.ListUnconfirmedErasuresRequest, context: Context
    ) -> privacy_service_pb2.ListUnconfirmedErasuresResponse:
        bound = request_hash(request, "")
        size = page_size(request.page_size, default=MAX_UNCONFIRMED, maximum=MAX_UNCONFIRMED)
        last = read_token(request.page_token, bound, str, int)
        after = last or ("", 0)
        rows, epoch = await self._transactions.read(self._erasures.unconfirmed, request.service, after, size)
        token = make_token([rows[-1][0], rows[-1][1].erasure_id], bound) if len(rows) == size else ""
        return render_privacy.unconfirmed(rows, self._service, epoch, token)

    async def ConfirmErasure(
        self, request: privacy_service_pb2.ConfirmErasureRequest, context: Context
    ) -> privacy_service_pb2.ConfirmErasureResponse:
        await self._transactions.write(
            self._erasures.confirm, request.tenant, request.erasure_id, request.service
        )
        return privacy_service_pb2.ConfirmErasureResponse()

    async def ExportPersonData(
        self, request: privacy_service_pb2.ExportPersonDataRequest, context: Context
    ) -> AsyncIterator[privacy_service_pb2.ExportPersonDataResponse]:
        question = parse_privacy.export_question(request, current_principal())
        data = await self._transactions.read(self._export, question)
        await self._transactions.write(self._export.audit, question, data)
        for part in render_privacy.person_data(data):
            yield part
