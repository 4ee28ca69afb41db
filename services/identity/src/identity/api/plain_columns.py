"""Columns in normal form. What most cells are is recognised by whole columns; every other cell is normalised by itself,
so that each answer is the Normaliser's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from huaxiang.type.v1 import value_pb2

from identity.api import wire
from identity.api.parse_records import MAX_RECORD_ID_CHARS
from identity.api.values import MAX_TEXT_CHARS, normalise_attribute
from identity.domain.attributes import AttributeDefinition
from identity.domain.normalise import BlockedValues, Normaliser, NormalValue, Unusable
from identity.domain.policy import Form, NamespacePolicy, Policy


class _Plain(NamedTuple):
    """Texts of ASCII that match and have so many characters. To count in a pattern would take longer to compile, for
    each column of each message, than a short column takes to match."""

    pattern: str
    min_chars: int
    max_chars: int


_PLAIN: Mapping[Form, _Plain] = {
    Form.PHONE: _Plain(r"^1(?:[38][0-9]|4[57]|[59][0-35-9]|6[25-7]|7[0-35-8])[0-9]{8}$", 11, 11),
    Form.EMAIL: _Plain(
        r"^[a-z0-9!#$%&'+/=?^_`{|}~.-]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$", 6, 64
    ),
    Form.TOKEN: _Plain(r"^[A-Za-z0-9_\-.@=+/]+$", 4, 128),
    Form.DEVICE: _Plain(r"^[0-9A-Za-z_:\-.]+$", 6, 128),
    Form.TEXT: _Plain(r"^[!-)+-~]+$", 1, 200),
}
"""Values that are in normal form, but for a phone's country and a device's case, unless they are placeholders or
rounded numbers. Of an e-mail address of so few characters no part is too long."""
_ROUNDED = r"^[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,2}$"
_PLAIN_TEXT = r"^(?:[!-~一-鿿](?:[ -~一-鿿]*[!-~一-鿿])?)?$"
"""Texts that NFKC and trimming leave as they are: no other letters than those of ASCII and Chinese."""
_PLAIN_RECORD_ID = _Plain(r"^[!-~]+$", 1, MAX_RECORD_ID_CHARS)

Texts = list[str | None]


@dataclass
class NormalColumn:
    """`values` in normal form, None where the row says nothing; `odd` are the rows whose value is not taken."""

    values: Texts
    odd: set[int]


class ColumnNormaliser:
    """A Normaliser for columns."""

    def __init__(self, normaliser: Normaliser, blocked: BlockedValues) -> None:
        self._normaliser = normaliser
        self._blocked = blocked

    def under(self, policy: Policy) -> "ColumnNormaliser":
        """The same under another policy."""
        return ColumnNormaliser(self._normaliser.under(policy), self._blocked)

    def identifiers(self, declared: NamespacePolicy, cells: pa.StringArray) -> NormalColumn:
        """A column of identifiers of a namespace."""
        if declared.shape is None:
            return self.column(declared.form, cells)
        return self._each(cells, partial(self._normaliser.value, declared.name))

    def column(self, form: Form, cells: pa.StringArray) -> NormalColumn:
        """A column of values of one form."""
        if form not in _PLAIN:
            return self._each(cells, partial(self._normaliser.of_form, form))
        plain = _are_plain(cells, _PLAIN[form])
        if form is not Form.EMAIL:
            plain = pc.and_not(plain, pc.match_substring_regex(cells, _ROUNDED))
        raw: Texts = cells.to_pylist()
        lowered: Texts = raw if form is Form.PHONE else pc.ascii_lower(cells).to_pylist()
        listed = self._listed(form)
        is_pattern = self._blocked.pattern.fullmatch
        values: Texts = []
        odd: set[int] = set()
        for row, (value, low, is_plain) in enumerate(zip(raw, lowered, plain.to_pylist(), strict=True)):
            if value is None or low is None:
                values.append(None)
            elif is_plain and low not in listed and not is_pattern(low):
                values.append(low if form is Form.DEVICE else value)
            else:
                values.append(_taken(self._normaliser.of_form(form, value), row, odd))
        if form is Form.PHONE:
            return NormalColumn(_with_country(values), odd)
        return NormalColumn(values, odd)

    @staticmethod
    def _each(cells: pa.StringArray, normal: Callable[[str], NormalValue | Unusable]) -> NormalColumn:
        odd: set[int] = set()
        values = [
            None if value is None else _taken(normal(value), row, odd)
            for row, value in enumerate(cells.to_pylist())
        ]
        return NormalColumn(values, odd)

    def _listed(self, form: Form) -> frozenset[str]:
        """The placeholders that a plain value of the form may be."""
        blocked = self._blocked
        if form is Form.PHONE:
            return blocked.values | blocked.phones
        return blocked.values | blocked.emails if form is Form.EMAIL else blocked.values


def _taken(normal: NormalValue | Unusable, row: int, odd: set[int]) -> str | None:
    if isinstance(normal, Unusable) or normal.blocked:
        odd.add(row)
        return None
    return normal.text


def record_ids(cells: pa.StringArray) -> NormalColumn:
    """A column of records' ids: as they are."""
    plain = _are_plain(cells, _PLAIN_RECORD_ID).to_pylist()
    values: Texts = cells.to_pylist()
    odd = {
        row
        for row, (value, is_plain) in enumerate(zip(values, plain, strict=True))
        if not is_plain and (not value or len(value) > MAX_RECORD_ID_CHARS or not value.isprintable())
    }
    return NormalColumn(values, odd)


def attribute_values(
    cells: pa.Array, definition: AttributeDefinition
) -> tuple[list[bytes | None], list[bytes | None], set[int]]:
    """A column of an attribute's values: encoded as they were sent, encoded in normal form, and the odd rows."""
    if pa.types.is_string(cells.type):
        return _texts(cells, definition)
    sent: list[bytes | None] = []
    odd: set[int] = set()
    for row, cell in enumerate(plain_cells(cells)):
        encoded = None if cell is None else value_of(cells.type, cell).SerializeToString(deterministic=True)
        if encoded is not None and normalise_attribute(value_pb2.Value.FromString(encoded), definition):
            odd.add(row)
        sent.append(encoded)
    return sent, sent, odd


def plain_cells(cells: pa.Array) -> list[object]:
    """A column's cells; dates as days and moments as microseconds since 1970."""
    if pa.types.is_date32(cells.type):
        cells = cells.cast(pa.int32())
    elif pa.types.is_timestamp(cells.type):
        cells = cells.cast(pa.int64())
    found: list[object] = cells.to_pylist()
    return found


def value_of(type_: pa.DataType, cell: object) -> value_pb2.Value:
    """A cell of `plain_cells` as a message."""
    value = value_pb2.Value()
    if isinstance(cell, str):
        value.text_value = cell
    elif isinstance(cell, bool):
        value.bool_value = cell
    elif isinstance(cell, int) and pa.types.is_date32(type_):
        value.date_value = cell
    elif isinstance(cell, int) and pa.types.is_timestamp(type_):
        value.datetime_value.seconds, rest_us = divmod(cell, 1_000_000)
        value.datetime_value.nanos = rest_us * 1_000
    elif isinstance(cell, int):
        value.number_value = cell
    return value


def _texts(
    cells: pa.StringArray, definition: AttributeDefinition
) -> tuple[list[bytes | None], list[bytes | None], set[int]]:
    short = pc.less_equal(pc.binary_length(cells), MAX_TEXT_CHARS)
    plain = pc.and_(pc.match_substring_regex(cells, _PLAIN_TEXT), short).to_pylist()
    sent: list[bytes | None] = []
    normal: list[bytes | None] = []
    odd: set[int] = set()
    allowed = definition.allowed
    for row, (cell, is_plain) in enumerate(zip(cells.to_pylist(), plain, strict=True)):
        encoded = None if cell is None else wire.field(_TEXT_VALUE, cell.encode())
        sent.append(encoded)
        if cell is None or (is_plain and (not allowed or cell in allowed)):
            normal.append(encoded)
            continue
        value = value_pb2.Value(text_value=cell)
        if normalise_attribute(value, definition):
            odd.add(row)
        normal.append(value.SerializeToString(deterministic=True))
    return sent, normal, odd


_TEXT_VALUE = value_pb2.Value.TEXT_VALUE_FIELD_NUMBER


def _are_plain(cells: pa.StringArray, plain: _Plain) -> pa.BooleanArray:
    """Which cells are; null for null."""
    chars = pc.binary_length(cells)
    counted = pc.and_(pc.greater_equal(chars, plain.min_chars), pc.less_equal(chars, plain.max_chars))
    return pc.and_(pc.match_substring_regex(cells, plain.pattern), counted)


def _with_country(values: Sequence[str | None]) -> Texts:
    """Plain mobiles with their country; what was normalised by itself has one already."""
    return [value if value is None or value[0] == "+" else f"+86{value}" for value in values]
