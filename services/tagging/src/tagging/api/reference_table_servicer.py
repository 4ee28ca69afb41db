"""ReferenceTableService: rows that rules join by key."""

from collections.abc import Mapping

import grpc
from huaxiang.tagging.v1 import reference_table_service_pb2 as pb
from huaxiang.tagging.v1 import reference_table_service_pb2_grpc
from rules.evaluate.meaning import Value
from rules.values import normal_text
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.values import NotAValue
from tagging.api.parse import value
from tagging.app.put_reference_rows import PutReferenceRows
from tagging.domain.dictionary import Dictionary
from tagging.store.ports import ReferenceTables

MAX_ROWS = 5_000
MAX_KEY_CHARACTERS = 128
MAX_TEXT_CHARACTERS = 4_096


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
        self, request: pb.PutReferenceRowsRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.PutReferenceRowsResponse:
        tenant = current_principal().require_tenant()
        put = await self._database.write(self._put_rows, tenant, request.table, _rows(request))
        return pb.PutReferenceRowsResponse(changed_count=put.changed_count, revision=put.revision.to_proto())

    async def ListReferenceTables(
        self, request: pb.ListReferenceTablesRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.ListReferenceTablesResponse:
        tenant = current_principal().require_tenant()
        counts = await self._database.read(self._references.counts, tenant)
        return pb.ListReferenceTablesResponse(
            tables=[
                pb.ReferenceTable(
                    name=name,
                    columns=[each.name for each in self._dictionary.tables[name].columns],
                    row_count=counts.get(name, 0),
                )
                for name in sorted(self._dictionary.tables)
            ]
        )


def _rows(request: pb.PutReferenceRowsRequest) -> dict[str, Mapping[str, Value]]:
    """By key; of two rows with one key the later counts."""
    if len(request.rows) > MAX_ROWS:
        raise BatchTooLarge("rows", len(request.rows), MAX_ROWS)
    found: dict[str, Mapping[str, Value]] = {}
    for number, row in enumerate(request.rows):
        key = normal_text(row.key)
        if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
            raise InvalidField(
                f"rows[{number}].key", f"has {len(key)} characters, 1 to {MAX_KEY_CHARACTERS} are allowed"
            )
        found[key] = _columns(row, f"rows[{number}]")
    return found


def _columns(row: pb.ReferenceRow, where: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, message in row.columns.items():
        try:
            known = value(message)
        except NotAValue as error:
            raise InvalidField(f"{where}.columns[{name}]", str(error)) from error
        if isinstance(known, str):
            known = normal_text(known)
            if len(known) > MAX_TEXT_CHARACTERS:
                raise InvalidField(
                    f"{where}.columns[{name}]", f"has more than {MAX_TEXT_CHARACTERS} characters"
                )
        if known is not None:
            found[name] = known
    return found
