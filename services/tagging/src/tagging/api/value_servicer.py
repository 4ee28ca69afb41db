"""ValueService: takes values of imported and manual tags, and tells which values changed."""

import datetime as dt

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.tagging.v1 import value_service_pb2 as pb
from huaxiang.tagging.v1 import value_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.principal import Principal
from servicekit.revision import Revision
from servicekit.rights import may
from servicekit.values import NotAValue, moment
from sqlalchemy import Connection
from tagging.api.parse_tags import MAX_REQUEST_ID_CHARACTERS, at_most, named, readable_grades
from tagging.api.writes import written
from tagging.app.put_values import Caller, GivenValue, PutValues, Refusal
from tagging.app.value_changes import Period, ReadValueChanges, ValueChange, ValueChangeKind
from tagging.catalogue.messages import value_message, value_of
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.definition import Grade
from tagging.domain.stated import CERTAIN

MAX_ROWS = 1_000
DEFAULT_PAGE = 100
Context = grpc.aio.ServicerContext[object, object]


class ValueServicer(value_service_pb2_grpc.ValueServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, put: PutValues, changes: ReadValueChanges) -> None:
        self._database = database
        self._put = put
        self._changes = changes

    async def PutTagValues(
        self, request: pb.PutTagValuesRequest, context: Context
    ) -> pb.PutTagValuesResponse:
        named("request_id", request.request_id, MAX_REQUEST_ID_CHARACTERS)
        at_most("values", request.values, MAX_ROWS, least=1)
        given = [_given(each) for each in request.values]
        caller = _caller(current_principal())

        def work(connection: Connection, tenant: str) -> pb.PutTagValuesResponse:
            told = self._put.put(connection, tenant, request.tag_id, request.source, given, caller)
            return pb.PutTagValuesResponse(
                stored_count=told.stored,
                superseded_count=told.superseded,
                refused=map(_refused, told.refused),
                revision=_revision(told.revision),
            )

        return await written(self._database, "PutTagValues", request, pb.PutTagValuesResponse, work)

    async def ClearTagValues(
        self, request: pb.ClearTagValuesRequest, context: Context
    ) -> pb.ClearTagValuesResponse:
        named("request_id", request.request_id, MAX_REQUEST_ID_CHARACTERS)
        at_most("person_ids", request.person_ids, MAX_ROWS, least=1)
        caller = _caller(current_principal())

        def work(connection: Connection, tenant: str) -> pb.ClearTagValuesResponse:
            told = self._put.clear(
                connection, tenant, request.tag_id, request.source, request.person_ids, caller
            )
            return pb.ClearTagValuesResponse(
                cleared_count=told.stored,
                refused=map(_refused, told.refused),
                revision=_revision(told.revision),
            )

        return await written(self._database, "ClearTagValues", request, pb.ClearTagValuesResponse, work)

    async def ListValueChanges(
        self, request: pb.ListValueChangesRequest, context: Context
    ) -> pb.ListValueChangesResponse:
        """The pages of one listing are of one period: an end left out is the moment of the first page."""
        principal = current_principal()
        tenant = principal.require_tenant()
        size = page_size(request.page_size, default=DEFAULT_PAGE)
        if not request.HasField("start_time"):
            raise InvalidField("start_time", "is missing")
        kinds = _kinds(request)
        bound = request_hash(request, tenant)
        seen = read_token(request.page_token, bound, int, int)
        after = seen[0] if seen else 0
        start = _moment("start_time", request.start_time)
        end = _moment("end_time", request.end_time) if request.HasField("end_time") else None
        end = moment_of(seen[1]) if seen else end

        def read(connection: Connection) -> tuple[Period, list[ValueChange], dict[ValueChangeKind, int]]:
            period = self._changes.period(
                connection,
                tenant,
                request.tag_id,
                start,
                end,
                readable_grades(principal),
            )
            rows = self._changes.page(connection, tenant, period, kinds, after, size + 1)
            return period, rows, {} if seen else self._changes.counts(connection, tenant, period)

        period, rows, counts = await self._database.read(read)
        page = rows[:size]
        more = len(rows) > size
        token = make_token([page[-1].person_id, microseconds(period.end)], bound) if more else ""
        answer = pb.ListValueChangesResponse(changes=map(_change, page), next_page_token=token)
        if not seen:
            answer.counts.CopyFrom(
                pb.ValueChangeCounts(
                    entered=counts[ValueChangeKind.ENTERED],
                    left=counts[ValueChangeKind.LEFT],
                    changed=counts[ValueChangeKind.CHANGED],
                )
            )
        return answer


def _given(row: pb.StatedValue) -> GivenValue:
    field = "value"
    try:
        value = value_of(row.value)
        field = "time"
        time = moment(row.time) if row.HasField("time") else None
        field = "expire_time"
        expires_at = moment(row.expire_time) if row.HasField("expire_time") else None
    except NotAValue as error:
        return GivenValue(row.person_id, None, problem=f"{field} {error}")
    confidence = row.confidence if row.HasField("confidence") else CERTAIN
    return GivenValue(row.person_id, value, confidence, time, expires_at)


def _moment(field: str, message: Timestamp) -> dt.datetime:
    try:
        return moment(message)
    except NotAValue as error:
        raise InvalidField(field, str(error)) from error


def _caller(principal: Principal) -> Caller:
    """Who may write values at all writes public and internal ones."""
    grades = {Grade.PUBLIC, Grade.INTERNAL}
    grades |= {each for each in Grade if may(principal, f"tagging.values.write_{each.value}")}
    return Caller(principal.subject, frozenset(grades))


def _refused(refusal: Refusal) -> pb.RefusedValue:
    return pb.RefusedValue(
        index=refusal.index,
        reason=int(refusal.reason),  # type: ignore[arg-type]  # the numbers are the contract's
        detail=refusal.detail,
    )


def _kinds(request: pb.ListValueChangesRequest) -> frozenset[ValueChangeKind]:
    try:
        return frozenset(map(ValueChangeKind, request.kinds)) or frozenset(ValueChangeKind)
    except ValueError as error:
        raise InvalidField("kinds", "names no kind of change") from error


def _change(change: ValueChange) -> pb.ValueChange:
    return pb.ValueChange(
        person_id=change.person_id,
        kind=int(change.kind),  # type: ignore[arg-type]  # the numbers are the contract's
        old_value=None if change.old is None else value_message(change.old),
        new_value=None if change.new is None else value_message(change.new),
    )


def _revision(revision: Revision) -> revision_pb2.Revision:
    return revision_pb2.Revision(token=revision.token())
