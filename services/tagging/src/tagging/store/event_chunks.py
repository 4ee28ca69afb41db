"""Events of one type as arrays in whatever order they lie: read from Arrow, column by column."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rules.errors import UnsupportedNode
from rules.evaluate.events import Column
from rules.evaluate.events.columns import Ints, Numbers
from rules.schema import PropertyType
from rules.values import Kind

KEY, TIME, SEQUENCE = "anchor_key_id", "time", "ingest_sequence"
FIXED = (KEY, TIME, SEQUENCE)
"""What every chunk reads, in one go."""
_WIDTHS = {
    Kind.BOOL: pa.int8(),
    Kind.NUMBER: pa.int64(),
    Kind.DATE: pa.int32(),
    Kind.DATETIME: pa.int64(),
}


@dataclass(frozen=True)
class ListColumn:
    """A list of records: how many lines each event has, and a column per field with a slot per line."""

    counts: Ints
    fields: Callable[[str], Column]


class EventChunk(Protocol):
    """Events of one type, all of one place. Columns are in the order of the rows, which is any."""

    @property
    def keys(self) -> Ints:
        """The anchor of each event."""
        ...

    @property
    def times(self) -> Ints:
        """Microseconds since 1970 UTC."""
        ...

    @property
    def sequences(self) -> Ints:
        """Ingest sequences."""
        ...

    def column(self, property_: PropertyType) -> Column:
        """A scalar property."""
        ...

    def lines(self, property_: PropertyType) -> ListColumn:
        """A list of records."""
        ...

    def release(self) -> None:
        """What was read so far was copied: memory that only speeds reading it once more may go. Everything stays
        readable."""
        ...


class ArrowChunk:
    """A chunk of which `read` answers columns by name, always the same rows in the same order. `names`: of all columns;
    what is no column of its own is refused as not evaluated."""

    def __init__(self, read: Callable[[Sequence[str]], pa.Table], names: Collection[str]) -> None:
        self._read = read
        self._names = names
        fixed = read(FIXED)
        self.keys: Ints = _integers(fixed[KEY], pa.int64())
        self.times: Ints = _integers(fixed[TIME].cast(pa.timestamp("us", tz="UTC")), pa.int64())
        self.sequences: Ints = _integers(fixed[SEQUENCE], pa.int64())

    def column(self, property_: PropertyType) -> Column:
        """As EventChunk says."""
        return scalar_column(self._of(property_), property_.type.kind)

    def lines(self, property_: PropertyType) -> ListColumn:
        """As EventChunk says."""
        lists = self._of(property_)
        counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        records = lists.flatten()
        kinds = {each.name: each.type.kind for each in property_.fields}
        return ListColumn(counts, lambda name: scalar_column(pc.struct_field(records, [name]), kinds[name]))

    def release(self) -> None:
        """As EventChunk says: there is nothing, columns are read anew."""

    def _of(self, property_: PropertyType) -> Any:
        if property_.name not in self._names:
            raise UnsupportedNode(f"the property {property_.name}", "events")
        table = self._read([property_.name])
        if len(table) != len(self.keys):
            raise RuntimeError(f"{len(table)} values of {property_.name} for {len(self.keys)} events")
        return table[property_.name].combine_chunks()


def scalar_column(array: Any, kind: Kind) -> Column:
    """An Arrow array of scalars, nulls unknown."""
    known = pc.is_valid(array).to_numpy(zero_copy_only=False)
    if kind is Kind.TEXT:
        coded = array.dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        codes = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return Column(kind, known, codes, coded.dictionary.to_pylist())
    return Column(kind, known, _integers(array, _WIDTHS[kind]))


def _integers(array: Any, width: pa.DataType) -> Numbers:
    """Nulls as 0."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    found: Numbers = array.cast(width).fill_null(0).to_numpy(zero_copy_only=False)
    return found
