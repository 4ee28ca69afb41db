"""What DuckDB answers, as vectors and groups, and back: Arrow is imported when first needed."""

from typing import TYPE_CHECKING, Any

import numpy as np
from rules.values import Kind
from tagging.domain.columns import Ints, Shape, Vector
from tagging.domain.groups import Groups

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_vector(column: Any, shape: Shape) -> Vector:
    """A column of answers, its nulls unknown."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks()
    if shape.multi_valued:
        return Vector.of([None if each is None else tuple(each) for each in array.to_pylist()], shape)
    known = np.asarray(pc.is_valid(array))
    if shape.base is Kind.TEXT:
        return Vector(known, np.array(array.to_pylist(), object))
    if shape.base is Kind.DATE:
        array = array.cast(pa.date32()).cast(pa.int32())
    elif shape.base is Kind.DATETIME:
        array = array.cast(pa.timestamp("us", tz="UTC"))
    codes = array.cast(pa.int64()).fill_null(0)
    return Vector(known, codes.to_numpy(zero_copy_only=False).astype(np.int64))


def _plain_type(shape: Shape) -> "pa.DataType":
    """What a vector's codes are before they are what rules see."""
    import pyarrow as pa

    if shape.multi_valued:
        return _arrow_type(shape)
    return {Kind.TEXT: pa.string(), Kind.DATE: pa.int32()}.get(shape.base, pa.int64())


def _arrow_type(shape: Shape) -> "pa.DataType":
    import pyarrow as pa

    base = {
        Kind.BOOL: pa.bool_(),
        Kind.NUMBER: pa.int64(),
        Kind.TEXT: pa.string(),
        Kind.DATE: pa.date32(),
        Kind.DATETIME: pa.timestamp("us", tz="UTC"),
    }[shape.base]
    return pa.list_(base) if shape.multi_valued else base


def arrow_array(vector: Vector, shape: Shape) -> "pa.Array[Any]":
    """Of known values, as rules read them."""
    import pyarrow as pa

    return pa.array(vector.data.tolist(), _plain_type(shape)).cast(_arrow_type(shape))


def arrow_groups(table: "pa.Table", persons: Ints) -> Groups:
    """Rows (person_id, key, number, events) in any order as groups of these persons, ascending; rows of others are left
    out."""
    keys = table["key"].combine_chunks().dictionary_encode()
    texts = keys.dictionary.to_pylist()
    names = tuple(sorted(texts))
    places = {name: place for place, name in enumerate(names)}
    ranks = np.array([places[each] for each in texts], np.int64)
    of_keys = ranks[keys.indices.to_numpy()] if len(texts) else np.empty(0, np.int64)
    ids = table["person_id"].to_numpy().astype(np.int64)
    slots = np.searchsorted(persons, ids)
    here = slots < len(persons)
    here[here] = persons[slots[here]] == ids[here]
    order = np.lexsort((of_keys, slots))
    order = order[here[order]]
    numbers, events = (table[name].to_numpy().astype(np.int64)[order] for name in ("number", "events"))
    counts = np.bincount(slots[order], minlength=len(persons)).astype(np.int64)
    return Groups(counts, names, of_keys[order], numbers, events)
