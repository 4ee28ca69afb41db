"""A file of values of one tag: person_id, value and, where the columns are there, confidence, time and expires_at."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import grpc
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.tagging.v1 import value_service_pb2 as pb
from huaxiang.tagging.v1.value_service_pb2_grpc import ValueServiceStub
from huaxiang.type.v1 import value_pb2
from servicekit.values import put_moment

from cli.enum_names import name_of
from cli.importing.rejects import Rejects
from cli.importing.rows import BrokenRow, Row, read_rows
from cli.importing.values import SCALE, BadCell, moment, number, put_value
from cli.suite.patience import patiently

CHUNK_ROWS = 1_000
REQUIRED = ("person_id", "value")
OPTIONAL = ("confidence", "time", "expires_at")
MAX_PERSON_ID = 2**63 - 1
_TYPES = {
    tag_pb2.BASE_TYPE_BOOL: "bool",
    tag_pb2.BASE_TYPE_NUMBER: "number",
    tag_pb2.BASE_TYPE_TEXT: "text",
    tag_pb2.BASE_TYPE_DATE: "date",
    tag_pb2.BASE_TYPE_DATETIME: "datetime",
}


@dataclass
class ValuesImported:
    """What became of the rows; `reasons` counts the refused ones."""

    rows: int = 0
    stored: int = 0
    superseded: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def refuse(self, reason: str) -> None:
        self.refused += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


@dataclass(frozen=True)
class ValueFile:
    """Where values come from and what they are of; `source` is who says so, `zone` that of times without one."""

    path: Path
    tag: tag_pb2.TagDefinition
    source: str
    zone: ZoneInfo
    encoding: str | None = None


async def send_values(
    channel: grpc.aio.Channel,
    file: ValueFile,
    rejects: Rejects,
    advance: Callable[[int], None],
    result: ValuesImported,
) -> None:
    """Sends a file in chunks; a chunk that is sent again after a crash counts once. What cannot be read is not sent."""
    stub, import_id = ValueServiceStub(channel), uuid4().hex
    for index, chunk in enumerate(_chunks(read_rows(file.path, file.encoding))):
        sent = list(_readable(chunk, file, rejects, result))
        if sent:
            request = pb.PutTagValuesRequest(
                request_id=f"{import_id}-{index}",
                tag_id=file.tag.tag_id,
                source=file.source,
                values=[each for _, each in sent],
            )
            answer = await patiently(partial(stub.PutTagValues, request))
            result.stored += answer.stored_count
            result.superseded += answer.superseded_count
            for each in answer.refused:
                name = name_of(pb.RefusedValueReason, each.reason)
                result.refuse(name)
                rejects.add(sent[each.index][0], "refused", name, each.detail)
        result.rows += len(chunk)
        advance(len(chunk))


def _chunks(rows: Iterator[Row | BrokenRow]) -> Iterator[list[Row | BrokenRow]]:
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def _readable(
    chunk: list[Row | BrokenRow], file: ValueFile, rejects: Rejects, result: ValuesImported
) -> Iterator[tuple[int, pb.StatedValue]]:
    """(line, value) of the rows that can be read."""
    for row in chunk:
        if isinstance(row, BrokenRow):
            result.refuse("not_readable")
            rejects.add(row.line, "broken", "", row.problem)
            continue
        try:
            yield row.line, stated(row.cells, file)
        except _Fault as fault:
            result.refuse("not_readable")
            rejects.add(row.line, "refused", fault.column, fault.problem)


class _Fault(Exception):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"{column}: {problem}")
        self.column = column
        self.problem = problem


def stated(cells: Mapping[str, Any], file: ValueFile) -> pb.StatedValue:
    """A row as it is sent. Raises _Fault."""
    message = pb.StatedValue()
    readers: dict[str, Callable[[Any], object]] = {
        "person_id": lambda cell: _put_person(message, cell),
        "value": lambda cell: _put_typed(message.value, cell, file),
        "confidence": lambda cell: _put_confidence(message, cell),
        "time": lambda cell: put_moment(message.time, moment(cell, file.zone)),
        "expires_at": lambda cell: put_moment(message.expire_time, moment(cell, file.zone)),
    }
    for column, read in readers.items():
        cell = cells.get(column)
        if cell is None or cell == "":
            if column in REQUIRED:
                raise _Fault(column, "is empty")
            continue
        try:
            read(cell)
        except BadCell as error:
            raise _Fault(column, str(error)) from error
    return message


def _put_person(message: pb.StatedValue, cell: Any) -> None:
    scaled = number(cell)
    if scaled % SCALE or not 0 < scaled // SCALE <= MAX_PERSON_ID:
        raise BadCell("is not a person id")
    message.person_id = scaled // SCALE


def _put_confidence(message: pb.StatedValue, cell: Any) -> None:
    """0 to 1, as people write it."""
    scaled = number(cell)
    if not 0 <= scaled <= SCALE:
        raise BadCell("is not between 0 and 1")
    message.confidence = scaled


def _put_typed(target: value_pb2.Value, cell: Any, file: ValueFile) -> None:
    type_ = _TYPES[file.tag.value_type.base]
    if not file.tag.value_type.multi_valued:
        put_value(target, cell, type_, file.zone)
        return
    if isinstance(cell, str):
        try:
            cell = json.loads(cell, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise BadCell("is not a JSON list") from None
    if not isinstance(cell, list) or not cell:
        raise BadCell("is not a list")
    target.list_value.SetInParent()
    for element in cell:
        put_value(target.list_value.values.add(), element, type_, file.zone)
