"""ReferenceTableService: rows that rules join by key, with their history."""

from collections.abc import AsyncIterator, Sequence

import grpc
from huaxiang.tagging.v1 import reference_table_service_pb2 as pb
from huaxiang.tagging.v1 import reference_table_service_pb2_grpc
from rules.evaluate.row_history import ALWAYS
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.values import timestamp_of
from sqlalchemy import Connection
from tagging.api.parse_reference_rows import versions_of, versions_of_arrow
from tagging.api.parse_tags import at_most
from tagging.api.writes import written
from tagging.app.put_reference_rows import PutReferenceRows
from tagging.catalogue.messages import value_message
from tagging.domain.columns import microseconds
from tagging.domain.dictionary import Dictionary
from tagging.domain.reference_rows import RowVersion
from tagging.store.mapping_ports import ReferenceTables

MAX_KEYS = 1_000
Context = grpc.aio.ServicerContext[object, object]


class ReferenceTableServicer(reference_table_service_pb2_grpc.ReferenceTableServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self,
        database: Database,
        put_rows: PutReferenceRows,
        references: ReferenceTables,
        dictionary: Dictionary,
    ) -> None:
        self._database = database
        self._put_rows = put_rows
        self._references = references
        self._dictionary = dictionary

    async def PutReferenceRows(
        self, request: pb.PutReferenceRowsRequest, context: Context
    ) -> pb.PutReferenceRowsResponse:
        versions = versions_of(request.rows)

        def work(connection: Connection, tenant: str) -> pb.PutReferenceRowsResponse:
            put = self._put_rows(connection, tenant, request.table, versions)
            return pb.PutReferenceRowsResponse(
                changed_count=put.changed_count, revision=put.revision.to_proto()
            )

        return await written(self._database, "PutReferenceRows", request, pb.PutReferenceRowsResponse, work)

    async def LoadReferenceRows(
        self, request: AsyncIterator[pb.LoadReferenceRowsRequest], context: Context
    ) -> AsyncIterator[pb.LoadReferenceRowsResponse]:
        table = ""
        async for message in request:
            table = message.table or table
            yield await self._load(message, table, _content(message))

    async def _load(
        self, message: pb.LoadReferenceRowsRequest, table: str, versions: Sequence[RowVersion]
    ) -> pb.LoadReferenceRowsResponse:
        def work(connection: Connection, tenant: str) -> pb.LoadReferenceRowsResponse:
            put = self._put_rows(connection, tenant, table, versions)
            return pb.LoadReferenceRowsResponse(
                row_count=len(versions), changed_count=put.changed_count, revision=put.revision.to_proto()
            )

        return await written(self._database, "LoadReferenceRows", message, pb.LoadReferenceRowsResponse, work)

    async def ListReferenceRows(
        self, request: pb.ListReferenceRowsRequest, context: Context
    ) -> pb.ListReferenceRowsResponse:
        tenant = current_principal().require_tenant()
        self._put_rows.table(request.table)
        at_most("keys", request.keys, MAX_KEYS)
        size, bound = page_size(request.page_size), request_hash(request, tenant)
        after = read_token(request.page_token, bound, str, int)
        found = await self._database.read(
            self._references.versions, tenant, request.table, tuple(request.keys), after, size + 1
        )
        page = found[:size]
        following = ""
        if len(found) > size:
            following = make_token([page[-1].key, microseconds(page[-1].start)], bound)
        return pb.ListReferenceRowsResponse(rows=[_row(each) for each in page], next_page_token=following)

    async def ListReferenceTables(
        self, request: pb.ListReferenceTablesRequest, context: Context
    ) -> pb.ListReferenceTablesResponse:
        tenant = current_principal().require_tenant()
        counts = await self._database.read(self._references.counts, tenant)
        tables = []
        for name in sorted(self._dictionary.tables):
            keys, versions = counts.get(name, (0, 0))
            columns = [each.name for each in self._dictionary.tables[name].columns]
            tables.append(
                pb.ReferenceTable(name=name, columns=columns, row_count=keys, version_count=versions)
            )
        return pb.ListReferenceTablesResponse(tables=tables)


def _content(message: pb.LoadReferenceRowsRequest) -> list[RowVersion]:
    match message.WhichOneof("content"):
        case "rows":
            return versions_of(message.rows.rows)
        case "arrow":
            return versions_of_arrow(message.arrow)
        case _:
            raise InvalidField("content", "is missing: send rows or arrow")


def _row(version: RowVersion) -> pb.ReferenceRow:
    message = pb.ReferenceRow(key=version.key, ended=version.has_ended)
    for name, value in version.columns.items():
        message.columns[name].CopyFrom(value_message(value))
    if version.start != ALWAYS:
        message.in_force_from.CopyFrom(timestamp_of(version.start))
    return message
