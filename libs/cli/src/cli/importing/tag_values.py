"""A file of values of one tag: who, value and, where the columns are there, confidence, time and expires_at."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import grpc
from huaxiang.identity.v1 import identifier_pb2
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.tagging.v1 import value_service_pb2 as pb
from huaxiang.tagging.v1.value_service_pb2_grpc import ValueServiceStub
from huaxiang.type.v1 import value_pb2
from servicekit.values import put_moment

from cli.calls.people import identifier_of, resolved
from cli.enum_names import name_of
from cli.exits import Exit, Refusal
from cli.importing.rejects import Rejects
from cli.importing.rows import BrokenRow, Row, read_rows
from cli.importing.values import SCALE, BadCell, moment, number, put_value
from cli.suite.patience import patiently

CHUNK_ROWS = 1_000
PERSON_ID, VALUE = "person_id", "value"
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
    """Where values come from and what they are of; `source` is who says so, `zone` that of times without one. `who` is
    the column that says whose they are: PERSON_ID, or one that is named as a namespace of identifiers."""

    path: Path
    tag: tag_pb2.TagDefinition
    source: str
    zone: ZoneInfo
    encoding: str | None = None
    who: str = PERSON_ID


def column_of_persons(header: Sequence[str], wanted: str = "") -> str:
    """The column that says whose values they are: the wanted one, else person_id, else the only one that says nothing
    else. Raises Refusal."""
    if wanted:
        return wanted
    if PERSON_ID in header:
        return PERSON_ID
    left = [each for each in header if each not in {VALUE, *OPTIONAL}]
    if len(left) == 1:
        return left[0]
    told = f"there are {', '.join(left)}: say which with --by" if left else "there is none"
    raise Refusal(
        f"a column says whose values they are: {PERSON_ID}, or one named as an identifier, such as member_id or phone; "
        f"{told}",
        Exit.BAD_DATA,
    )


async def send_values(
    channel: grpc.aio.Channel,
    identity: grpc.aio.Channel,
    file: ValueFile,
    rejects: Rejects,
    advance: Callable[[int], None],
    result: ValuesImported,
) -> None:
    """Sends a file in chunks; a chunk that is sent again after a crash counts once. What cannot be read is not sent,
    nor is what is of nobody that identity knows."""
    stub, import_id = ValueServiceStub(channel), uuid4().hex
    for index, chunk in enumerate(_chunks(read_rows(file.path, file.encoding))):
        sent = list(_readable(chunk, file, rejects, result))
        if file.who != PERSON_ID:
            sent = await _of_persons(identity, sent, file, rejects, result)
        if sent:
            request = pb.PutTagValuesRequest(
                request_id=f"{import_id}-{index}",
                tag_id=file.tag.tag_id,
                source=file.source,
                values=[each.value for each in sent],
            )
            answer = await patiently(partial(stub.PutTagValues, request))
            result.stored += answer.stored_count
            result.superseded += answer.superseded_count
            for each in answer.refused:
                name = name_of(pb.RefusedValueReason, each.reason)
                result.refuse(name)
                rejects.add(sent[each.index].line, "refused", name, each.detail)
        result.rows += len(chunk)
        advance(len(chunk))


def _chunks(rows: Iterator[Row | BrokenRow]) -> Iterator[list[Row | BrokenRow]]:
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def _readable(
    chunk: list[Row | BrokenRow], file: ValueFile, rejects: Rejects, result: ValuesImported
) -> Iterator["_Stated"]:
    """The rows that can be read."""
    for row in chunk:
        if isinstance(row, BrokenRow):
            result.refuse("not_readable")
            rejects.add(row.line, "broken", "", row.problem)
            continue
        try:
            yield _Stated(row.line, stated(row.cells, file), _identifier(row.cells, file))
        except _Fault as fault:
            result.refuse("not_readable")
            rejects.add(row.line, "refused", fault.column, fault.problem)


async def _of_persons(
    identity: grpc.aio.Channel,
    rows: list["_Stated"],
    file: ValueFile,
    rejects: Rejects,
    result: ValuesImported,
) -> list["_Stated"]:
    """The rows whose identifier is somebody's, with the person's id."""
    identifiers = [each.identifier for each in rows if each.identifier is not None]
    answers = await resolved(identity, identifiers, file.source) if identifiers else []
    known = []
    for row, answer in zip(rows, answers, strict=True):
        if answer.person_id and not answer.problem:
            row.value.person_id = answer.person_id
            known.append(row)
            continue
        reason = "identifier_not_usable" if answer.problem else "identifier_unknown"
        result.refuse(reason)
        rejects.add(row.line, "refused", file.who, answer.problem or f"nobody is known by this {file.who}")
    return known


@dataclass(frozen=True, slots=True)
class _Stated:
    """A row to send; `identifier`: whose it is, where the file does not have the person's id."""

    line: int
    value: pb.StatedValue
    identifier: identifier_pb2.Identifier | None


class _Fault(Exception):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"{column}: {problem}")
        self.column = column
        self.problem = problem


def stated(cells: Mapping[str, Any], file: ValueFile) -> pb.StatedValue:
    """A row as it is sent. Raises _Fault."""
    message = pb.StatedValue()
    readers: dict[str, Callable[[Any], object]] = {
        PERSON_ID: lambda cell: _put_person(message, cell),
        VALUE: lambda cell: _put_typed(message.value, cell, file),
        "confidence": lambda cell: _put_confidence(message, cell),
        "time": lambda cell: put_moment(message.time, moment(cell, file.zone)),
        "expires_at": lambda cell: put_moment(message.expire_time, moment(cell, file.zone)),
    }
    if file.who != PERSON_ID:
        del readers[PERSON_ID]
    for column, read in readers.items():
        cell = cells.get(column)
        if cell is None or cell == "":
            if column in {PERSON_ID, VALUE}:
                raise _Fault(column, "is empty")
            continue
        try:
            read(cell)
        except BadCell as error:
            raise _Fault(column, str(error)) from error
    return message


def _identifier(cells: Mapping[str, Any], file: ValueFile) -> identifier_pb2.Identifier | None:
    """None when the file has the ids of persons. Raises _Fault."""
    if file.who == PERSON_ID:
        return None
    cell = cells.get(file.who)
    if cell is None or cell == "":
        raise _Fault(file.who, "is empty")
    if isinstance(cell, bool) or not isinstance(cell, str | int):
        raise _Fault(file.who, "is neither text nor a whole number")
    return identifier_of(file.who, str(cell).strip())


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
