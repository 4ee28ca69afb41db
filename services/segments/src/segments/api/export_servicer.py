"""ExportService: members out of the suite."""

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial

from huaxiang.segments.v1 import export_service_pb2 as pb
from huaxiang.segments.v1.export_service_pb2_grpc import ExportServiceServicer
from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Value
from segments.api import parse
from segments.app.export_identifiers import Identifiers, LeftOut, require_known, with_identifiers
from segments.app.exports import Asked, Decision, MemberExports, Row
from segments.app.version import Board
from segments.domain.exports import (
    FEWEST_TRACED,
    MAX_COLUMNS,
    MAX_NAMESPACES,
    MAX_RECIPIENT_CHARS,
    MAX_TRACED,
    Export,
    ExportStep,
)
from segments.domain.upload import MAX_PERSON_ID
from segments.domain.versions import MAX_REASON_CHARS
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import BatchTooLarge, InvalidField, RightMissing
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.principal import Principal
from servicekit.request_ids import MAX_REQUEST_ID_CHARS
from servicekit.rights import may
from servicekit.values import put_scalar, timestamp_of

APPROVE = "segments.exports.approve"
IDENTIFIERS = "segments.identifiers.export"
_NAME = re.compile(r"[a-z0-9_]{1,64}")


class ExportServicer(ExportServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self, board: Board, database: Database, exports: MemberExports, identifiers: Identifiers
    ) -> None:
        self._identifiers = identifiers
        self._board = board
        self._database = database
        self._exports = exports

    async def RequestExport(
        self, request: pb.RequestExportRequest, context: object
    ) -> pb.RequestExportResponse:
        principal = current_principal()
        tenant, asked = principal.require_tenant(), _asked(request)
        _require_right(principal, asked.namespaces)
        await require_known(self._identifiers, tenant, asked.namespaces)
        actor, may_read = parse.actor(principal), parse.grades_of(principal)
        export = await self._database.write(
            self._exports.request, self._board.current, tenant, asked, actor, may_read
        )
        return pb.RequestExportResponse(export=_export(export))

    async def ApproveExport(
        self, request: pb.ApproveExportRequest, context: object
    ) -> pb.ApproveExportResponse:
        principal = current_principal()
        tenant, actor = principal.require_tenant(), parse.actor(principal)
        export = await self._database.write(self._exports.approve, tenant, actor, _decision(request))
        return pb.ApproveExportResponse(export=_export(export))

    async def RejectExport(self, request: pb.RejectExportRequest, context: object) -> pb.RejectExportResponse:
        principal = current_principal()
        tenant, actor = principal.require_tenant(), parse.actor(principal)
        may_approve, decision = may(principal, APPROVE), _decision(request)
        export = await self._database.write(
            lambda connection: self._exports.reject(
                connection, tenant, actor, decision, may_approve=may_approve
            )
        )
        return pb.RejectExportResponse(export=_export(export))

    async def GetExport(self, request: pb.GetExportRequest, context: object) -> pb.GetExportResponse:
        tenant = current_principal().require_tenant()
        export = await self._database.read(self._exports.get, tenant, request.export_id)
        history = await self._database.read(self._exports.history, tenant, request.export_id)
        return pb.GetExportResponse(export=_export(export, history))

    async def ListExports(self, request: pb.ListExportsRequest, context: object) -> pb.ListExportsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, int)
        before = last[0] if last else None
        found = await self._database.read(self._exports.page, tenant, before, size + 1)
        more = len(found) > size
        return pb.ListExportsResponse(
            exports=[_export(each) for each in found[:size]],
            next_page_token=make_token([found[size - 1].sequence], bound_to) if more else "",
        )

    async def FetchExport(
        self, request: pb.FetchExportRequest, context: object
    ) -> AsyncIterator[pb.FetchExportResponse]:
        principal = current_principal()
        tenant, actor = principal.require_tenant(), parse.actor(principal)
        if not 0 <= request.after_person_id <= MAX_PERSON_ID:
            raise InvalidField("after_person_id", "is no person id")
        version, may_read = self._board.current, parse.grades_of(principal)
        export, members = await self._database.read(self._exports.fetchable, tenant, request.export_id, actor)
        _require_right(principal, export.namespaces)
        desk, after = self._exports.desk, request.after_person_id
        persons = await desk.compute(
            lambda: self._exports.order(version, tenant, export, members, after, may_read)
        )
        await self._database.write(self._exports.record_fetch, tenant, request.export_id, actor, len(persons))
        yield pb.FetchExportResponse(total_count=len(persons), watermark=self._exports.watermark(export))
        parts = self._exports.rows(self._board, version, tenant, export, persons)
        while (rows := await desk.compute(lambda: next(parts, None))) is not None:
            kept, left_out = await with_identifiers(self._identifiers, tenant, export, rows)
            part = await desk.compute(partial(_part, rows, kept, left_out))
            await self._database.read(self._exports.require_approved, tenant, request.export_id)
            yield part

    async def TraceExport(self, request: pb.TraceExportRequest, context: object) -> pb.TraceExportResponse:
        tenant = current_principal().require_tenant()
        if len(set(request.person_ids)) < FEWEST_TRACED:
            raise InvalidField(
                "person_ids", f"name fewer than {FEWEST_TRACED} persons: too few tell of no order"
            )
        if len(request.person_ids) > MAX_TRACED:
            raise BatchTooLarge("person_ids", len(request.person_ids), MAX_TRACED)
        if not all(0 < each <= MAX_PERSON_ID for each in request.person_ids):
            raise InvalidField("person_ids", "hold what is no person id")
        found = await self._database.read(self._exports.trace, tenant, list(request.person_ids))
        return pb.TraceExportResponse(exports=[_export(each) for each in found])


def _asked(request: pb.RequestExportRequest) -> Asked:
    request_id, digest = parse.request_key(request)
    if not len(request.reason.strip()) > 0 or len(request.reason) > MAX_REASON_CHARS:
        raise InvalidField("reason", f"is not 1 to {MAX_REASON_CHARS} characters")
    if not len(request.recipient.strip()) > 0 or len(request.recipient) > MAX_RECIPIENT_CHARS:
        raise InvalidField("recipient", f"is not 1 to {MAX_RECIPIENT_CHARS} characters")
    if len(request.tag_ids) > MAX_COLUMNS:
        raise BatchTooLarge("tag_ids", len(request.tag_ids), MAX_COLUMNS)
    if len(set(request.tag_ids)) < len(request.tag_ids):
        raise InvalidField("tag_ids", "name a tag twice")
    _check_identifiers(request)
    if not request.HasField("due_time"):
        raise InvalidField("due_time", "is missing")
    return Asked(
        request_id=request_id,
        digest=digest,
        segment_id=request.segment_id,
        tag_ids=tuple(request.tag_ids),
        reason=request.reason,
        recipient=request.recipient,
        due_time=parse.time("due_time", request.due_time),
        namespaces=tuple(request.identifier_namespaces),
        purpose=request.purpose,
    )


def _check_identifiers(request: pb.RequestExportRequest) -> None:
    namespaces = request.identifier_namespaces
    if len(namespaces) > MAX_NAMESPACES:
        raise BatchTooLarge("identifier_namespaces", len(namespaces), MAX_NAMESPACES)
    if len(set(namespaces)) < len(namespaces) or not all(map(_NAME.fullmatch, namespaces)):
        raise InvalidField(
            "identifier_namespaces", "hold one twice, or what is not 1 to 64 of a-z, 0-9 and _"
        )
    if request.purpose and not namespaces:
        raise InvalidField("purpose", "is given without identifiers, which alone need consent for one")
    if namespaces and not _NAME.fullmatch(request.purpose):
        raise InvalidField("purpose", "is not 1 to 64 of a-z, 0-9 and _: say what persons consented to")
    if namespaces and not request.reason.isprintable():
        raise InvalidField("reason", "holds what is not printable; identity keeps it in its audit")


def _require_right(principal: Principal, namespaces: Sequence[str]) -> None:
    if namespaces and not may(principal, IDENTIFIERS):
        raise RightMissing(IDENTIFIERS)


def _decision(request: pb.ApproveExportRequest | pb.RejectExportRequest) -> Decision:
    if len(request.request_id) > MAX_REQUEST_ID_CHARS:
        raise InvalidField("request_id", f"is longer than {MAX_REQUEST_ID_CHARS} characters")
    return Decision(request.export_id, request.reason, request.request_id)


def _export(export: Export, history: Sequence[ExportStep] = ()) -> pb.Export:
    return pb.Export(
        export_id=export.export_id,
        segment_id=export.segment_id,
        count=export.count,
        tag_ids=export.tag_ids,
        reason=export.reason,
        recipient=export.recipient,
        subject=export.subject,
        create_time=timestamp_of(export.create_time),
        due_time=timestamp_of(export.due_time),
        state=pb.ExportState.ValueType(export.state),
        sensitive_purposes=export.purposes,
        identifier_namespaces=export.namespaces,
        purpose=export.purpose,
        brand=export.brand,
        history=[
            pb.ExportStep(
                action=pb.ExportAction.ValueType(each.action),
                subject=each.subject,
                time=timestamp_of(each.time),
                reason=each.reason,
                row_count=each.rows,
            )
            for each in history
        ],
    )


def _part(looked_at: Sequence[Row], rows: Sequence[Row], left_out: LeftOut) -> pb.FetchExportResponse:
    last = looked_at[-1].person_id if looked_at else 0
    part = pb.FetchExportResponse(rows=[_row(each) for each in rows], last_person_id=last)
    if left_out != LeftOut():
        part.left_out.CopyFrom(
            pb.LeftOut(
                no_consent=left_out.no_consent,
                no_identifier=left_out.no_identifier,
                erased=left_out.erased,
            )
        )
    return part


def _row(row: Row) -> pb.ExportRow:
    return pb.ExportRow(
        person_id=row.person_id,
        values=[_value(each) for each in row.values],
        identifiers=[pb.ExportIdentifiers(values=each) for each in row.identifiers],
    )


def _value(value: Value | None) -> value_pb2.Value:
    found = value_pb2.Value()
    if isinstance(value, tuple):
        found.list_value.values.extend(_value(each) for each in value)
    elif value is not None:
        put_scalar(found, value)
    return found
