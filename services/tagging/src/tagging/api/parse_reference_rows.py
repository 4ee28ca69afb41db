"""Rows of reference tables, from messages and from Arrow, as versions."""

import datetime as dt
import struct
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from huaxiang.tagging.v1 import reference_table_service_pb2 as pb
from rules.evaluate.meaning import Value
from rules.evaluate.row_history import ALWAYS
from rules.values import INT64_MAX, INT64_MIN, SCALE, normal_text
from servicekit.arrow_body import is_compressed, unfolded_bytes
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.values import NotAValue, moment
from tagging.api.parse import value
from tagging.domain.reference_rows import MAX_KEY_CHARACTERS, MAX_TEXT_CHARACTERS, RowVersion

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 5_000
MAX_ARROW_BYTES = 4 * 1024 * 1024
MAX_UNFOLDED_BYTES = 4 * 1024 * 1024
"""Of the texts of a column whose rows share them, each row with its own copy."""
MAX_ELEMENTS = 100_000
"""Of the lists of a column together."""
KEY, START, ENDED = "key", "in_force_from", "ended"


def versions_of(rows: Collection[pb.ReferenceRow], where: str = "rows") -> list[RowVersion]:
    """In their order. Raises BatchTooLarge, and InvalidField that names the row."""
    if len(rows) > MAX_ROWS:
        raise BatchTooLarge(where, len(rows), MAX_ROWS)
    return [_version(row, f"{where}[{number}]") for number, row in enumerate(rows)]


def versions_of_arrow(content: bytes) -> list[RowVersion]:
    """Of an Arrow IPC stream of one record batch, in its order. Raises BatchTooLarge, and InvalidField that names the
    row and the column."""
    batch = _record_batch(content)
    if batch.num_rows > MAX_ROWS:
        raise BatchTooLarge("arrow", batch.num_rows, MAX_ROWS)
    names = batch.schema.names
    if KEY not in names or len(set(names)) < len(names):
        raise InvalidField("arrow", f"has no column {KEY}, or two of one name: it has {', '.join(names)}")
    _require_meaning(batch.schema)
    columns = {name: _column(name, batch.column(name)) for name in names}
    keys, starts, ends = columns.pop(KEY), columns.pop(START, None), columns.pop(ENDED, None)
    found = []
    for index in range(batch.num_rows):
        where = f"arrow row {index}"
        said = {
            name: _checked(each[index], f"{where}.{name}")
            for name, each in columns.items()
            if each[index] is not None
        }
        start = starts[index] if starts is not None else None
        has_ended = bool(ends[index]) if ends is not None else False
        found.append(_made(keys[index] or "", said, start, where, has_ended=has_ended))
    return found


def _version(row: pb.ReferenceRow, where: str) -> RowVersion:
    said: dict[str, Value] = {}
    for name, message in row.columns.items():
        place = f"{where}.columns[{name}]"
        try:
            known = value(message)
        except NotAValue as error:
            raise InvalidField(place, str(error)) from error
        if known is not None:
            said[name] = _checked(known, place)
    start = None
    if row.HasField("in_force_from"):
        try:
            start = moment(row.in_force_from)
        except NotAValue as error:
            raise InvalidField(f"{where}.in_force_from", str(error)) from error
    return _made(row.key, said, start, where, has_ended=row.ended)


def _made(
    key: str, columns: dict[str, Value], start: dt.datetime | None, where: str, *, has_ended: bool
) -> RowVersion:
    key = normal_text(str(key))
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise InvalidField(
            f"{where}.key", f"has {len(key)} characters, 1 to {MAX_KEY_CHARACTERS} are allowed"
        )
    if has_ended and columns:
        raise InvalidField(f"{where}.ended", "stands beside columns: a row that has ended has none")
    return RowVersion(key, columns, ALWAYS if start is None else start, has_ended)


def _checked(known: Value, where: str) -> Value:
    texts = [each for each in (known if isinstance(known, tuple) else (known,)) if isinstance(each, str)]
    if any(len(each) > MAX_TEXT_CHARACTERS for each in texts):
        raise InvalidField(where, f"has more than {MAX_TEXT_CHARACTERS} characters")
    return normal_text(known) if isinstance(known, str) else known


# --------------------------------------------------------------------------------------------------- Arrow


def _record_batch(content: bytes) -> "pa.RecordBatch":
    import pyarrow as pa

    if len(content) > MAX_ARROW_BYTES:
        raise InvalidField("arrow", f"has {len(content)} bytes, the limit is {MAX_ARROW_BYTES}")
    try:
        if is_compressed(content):
            raise InvalidField("arrow", "is compressed: send it without compression")
        with pa.ipc.open_stream(content) as reader:
            batches = [reader.read_next_batch()]
            batches += [each for each in reader if each.num_rows]
        if len(batches) > 1:
            raise InvalidField("arrow", "holds several record batches: send each as a message")
        batches[0].validate(full=True)
    except (pa.ArrowException, OSError, StopIteration, ValueError, struct.error, IndexError) as error:
        raise InvalidField("arrow", "is no Arrow IPC stream of a record batch") from error
    return batches[0]


def _require_meaning(schema: "pa.Schema") -> None:
    """Of the columns that say which version a row is. Raises InvalidField."""
    import pyarrow as pa

    for name, is_of, wanted in (
        (KEY, _is_text, "text"),
        (START, pa.types.is_timestamp, "a timestamp with a time zone"),
        (ENDED, pa.types.is_boolean, "bool"),
    ):
        if name in schema.names and not is_of(schema.field(name).type):
            raise InvalidField(f"arrow.{name}", f"is of type {schema.field(name).type}, not {wanted}")


def _is_text(type_: "pa.DataType") -> bool:
    """Texts of any layout, folded by a dictionary or not."""
    from pyarrow import types

    plain = type_.value_type if types.is_dictionary(type_) else type_
    return bool(types.is_string(plain) or types.is_large_string(plain) or types.is_string_view(plain))


def _require_bounded(name: str, column: "pa.Array") -> None:
    """Whatever rows share, each gets its own. Raises BatchTooLarge."""
    from pyarrow import types

    while types.is_list(column.type) or types.is_large_list(column.type):
        column = column.flatten()
        if len(column) > MAX_ELEMENTS:
            raise BatchTooLarge(f"arrow.{name}", len(column), MAX_ELEMENTS)
    if _is_text(column.type) and (size := unfolded_bytes(column)) > MAX_UNFOLDED_BYTES:
        raise InvalidField(f"arrow.{name}", f"unfolds to {size} bytes, the limit is {MAX_UNFOLDED_BYTES}")


def _column(name: str, column: "pa.Array") -> list[Any]:
    """A column's values as rules have them. Raises InvalidField for a type that holds no values, or for values that are
    none; BatchTooLarge."""
    import pyarrow as pa

    read = _reader(name, column.type, pa)
    _require_bounded(name, column)
    try:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz))
        return [None if each is None else read(each) for each in column.to_pylist()]
    except (pa.ArrowException, OverflowError, ValueError) as error:
        problem = "holds a date or moment outside the years 1 to 9999, or finer than a microsecond"
        raise InvalidField(f"arrow.{name}", problem) from error


def _reader(name: str, type_: "pa.DataType", pa: Any) -> Callable[[Any], Any]:
    types = pa.types
    if types.is_list(type_) or types.is_large_list(type_):
        element = _reader(name, type_.value_type, pa)
        return lambda elements: tuple(element(each) for each in _without_null(name, elements))
    if types.is_dictionary(type_):
        return _reader(name, type_.value_type, pa)
    if _is_text(type_):
        return normal_text
    if types.is_boolean(type_) or types.is_date(type_):
        return lambda each: each
    if types.is_timestamp(type_) and type_.tz is not None:
        return lambda each: each.astimezone(dt.UTC)
    if types.is_integer(type_) or (types.is_decimal(type_) and type_.scale <= 4):
        return lambda each: _scaled(name, each)
    raise InvalidField(
        f"arrow.{name}",
        f"is of type {type_}: send text, bool, date, timestamp with a time zone, integer, decimal of at most four "
        "places, or a list of these",
    )


def _scaled(name: str, number: "int | Decimal") -> int:
    scaled = int(number * SCALE)
    if not INT64_MIN <= scaled <= INT64_MAX:
        raise InvalidField(f"arrow.{name}", "has a number that does not fit: up to 922,337,203,685,477.5807")
    return scaled


def _without_null(name: str, elements: Iterable[Any]) -> list[Any]:
    found = list(elements)
    if any(each is None for each in found):
        raise InvalidField(f"arrow.{name}", "has a list with an element that has no value")
    return found
