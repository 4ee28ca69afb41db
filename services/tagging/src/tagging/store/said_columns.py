"""What events say, from the store's JSON to Arrow columns, without a value of Python in between."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from rules.schema import PropertyType
from rules.values import Kind

MOMENT = pa.timestamp("us", tz="UTC")
SCALARS = {
    Kind.BOOL: pa.bool_(),
    Kind.NUMBER: pa.int64(),
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.DATETIME: MOMENT,
}
_MARKED = {Kind.DATE: pa.struct({"$d": pa.int32()}), Kind.DATETIME: pa.struct({"$t": pa.int64()})}
"""As JSON has what it does not know."""
_LEAST_BLOCK = 1 << 20


def said_columns(texts: Sequence[str], properties: Sequence[PropertyType]) -> dict[str, pa.Array]:
    """A column per property, a slot per text; what a text says beside them is left out. Raises ArrowInvalid for a value
    of another type."""
    if not texts:
        return {each.name: pa.array([], arrow_type(each)) for each in properties}
    content = "\n".join(texts).encode()
    found = pj.read_json(
        pa.BufferReader(content),
        # No text may be longer than a block.
        read_options=pj.ReadOptions(block_size=max(len(content), _LEAST_BLOCK), use_threads=False),
        parse_options=pj.ParseOptions(
            explicit_schema=pa.schema([pa.field(each.name, _written_type(each)) for each in properties]),
            unexpected_field_behavior="ignore",
        ),
    )
    return {each.name: _read(found[each.name].combine_chunks(), arrow_type(each)) for each in properties}


def arrow_type(property_: PropertyType) -> pa.DataType:
    """The type of a property's column."""
    return _type(property_, SCALARS)


def _written_type(property_: PropertyType) -> pa.DataType:
    return _type(property_, SCALARS | _MARKED)


def _type(property_: PropertyType, scalars: Mapping[Kind, Any]) -> pa.DataType:
    match property_.type.kind:
        case Kind.RECORDS:
            return pa.list_(
                pa.struct([pa.field(each.name, _type(each, scalars)) for each in property_.fields])
            )
        case Kind.LIST:
            assert property_.type.element is not None
            return pa.list_(scalars[property_.type.element])
        case kind:
            return scalars[kind]


def _read(array: Any, type_: pa.DataType) -> pa.Array:
    """With dates and moments in the place of what marks them."""
    if array.type == type_:
        return array
    if pa.types.is_list(type_):
        elements = _read(array.values, type_.value_type)
        return pa.ListArray.from_arrays(array.offsets, elements, type=type_, mask=pc.is_null(array))
    if pa.types.is_struct(type_):
        fields = [_read(pc.struct_field(array, [each.name]), each.type) for each in type_]
        return pa.StructArray.from_arrays(fields, fields=list(type_), mask=pc.is_null(array))
    return pc.struct_field(array, [array.type.field(0).name]).cast(type_)
