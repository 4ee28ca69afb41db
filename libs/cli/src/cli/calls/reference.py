"""Reference tables: CSV and Parquet files as typed rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
from huaxiang.tagging.v1 import reference_table_service_pb2 as pb
from huaxiang.tagging.v1.reference_table_service_pb2_grpc import ReferenceTableServiceStub
from servicekit.paging import all_pages
from servicekit.values import put_moment

from cli.calls.dictionary import dictionary
from cli.calls.tags import base_name
from cli.exits import Exit, Refusal
from cli.importing.rows import BrokenRow, read_header, read_rows
from cli.importing.values import BadCell, boolean, moment, put_value
from cli.suite.patience import patiently

ROWS_PER_CALL = 1_000
START, ENDED = "in_force_from", "ended"
"""Columns that any file of rows may have."""
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Since:
    """From when rows are in force that do not say it: a moment as people write it, "" for always. Moments without a
    zone are of `zone`."""

    moment: str = ""
    zone: ZoneInfo = _UTC

    def check(self) -> None:
        """Raises BadCell when it is no moment."""
        if self.moment:
            moment(self.moment, self.zone)


ALWAYS = Since()


async def tables(channel: grpc.aio.Channel) -> list[pb.ReferenceTable]:
    """In order of name."""
    answer = await ReferenceTableServiceStub(channel).ListReferenceTables(pb.ListReferenceTablesRequest())
    return list(answer.tables)


async def column_types(channel: grpc.aio.Channel, table: str) -> dict[str, str]:
    """The columns of a table beside its key, with the words of mapping files for their types. Raises Refusal."""
    known = {each.name: each for each in (await dictionary(channel)).reference_tables}
    if table not in known:
        raise Refusal(
            f"there is no reference table {table!r}; there are {', '.join(sorted(known))}", Exit.USAGE
        )
    from huaxiang.tagging.v1 import tag_pb2

    return {column.name: base_name(tag_pb2.ValueType(base=column.base)) for column in known[table].columns}


async def put(
    channel: grpc.aio.Channel,
    table: str,
    path: Path,
    key: str,
    advance: Callable[[int], None],
    since: Since = ALWAYS,
) -> tuple[int, int]:
    """Sends a file whose column `key` (the first when empty) is the table's key. Returns rows sent and rows that were
    new or differed. Raises Refusal naming line and column of what cannot be read; nothing of that file is sent."""
    types = await column_types(channel, table)
    rows = list(_rows(path, key or read_header(path)[0], types, since))
    stub = ReferenceTableServiceStub(channel)
    changed = 0
    for start in range(0, len(rows), ROWS_PER_CALL):
        part = rows[start : start + ROWS_PER_CALL]
        request = pb.PutReferenceRowsRequest(table=table, rows=part)
        answer = await patiently(partial(stub.PutReferenceRows, request))
        changed += answer.changed_count
        advance(len(part))
    return len(rows), changed


async def versions(channel: grpc.aio.Channel, table: str, keys: Sequence[str]) -> list[pb.ReferenceRow]:
    """In order of key and start; of these keys only, when there are any."""
    stub = ReferenceTableServiceStub(channel)
    request = pb.ListReferenceRowsRequest(table=table, keys=keys, page_size=1_000)
    return [row async for page in all_pages(stub.ListReferenceRows, request) for row in page.rows]


def _rows(path: Path, key: str, types: Mapping[str, str], since: Since) -> Iterator[pb.ReferenceRow]:
    for row in read_rows(path):
        if isinstance(row, BrokenRow):
            raise Refusal(f"{path}, line {row.line}: {row.problem}", Exit.BAD_DATA)
        message = pb.ReferenceRow(key=str(row.cells.get(key) or ""))
        try:
            start = row.cells.get(START) or since.moment
            if start:
                put_moment(message.in_force_from, moment(start, since.zone))
            message.ended = boolean(row.cells.get(ENDED) or False)
        except BadCell as error:
            raise Refusal(f"{path}, line {row.line}: {START} or {ENDED} {error}", Exit.BAD_DATA) from None
        for name, cell in row.cells.items():
            if name in {key, START, ENDED} or cell is None or cell == "":
                continue
            if name not in types:
                known = ", ".join(sorted(types))
                raise Refusal(f"{path}: column {name} is none of the table's: {known}", Exit.BAD_DATA)
            try:
                put_value(message.columns[name], cell, types[name], _UTC)
            except BadCell as error:
                raise Refusal(f"{path}, line {row.line}: {name} {error}", Exit.BAD_DATA) from None
        yield message
