"""Events as Arrow tables, in the schema of the lake's files.

ingest_sequence int64     type text                 time timestamp(us, UTC)
anchor_key_id int64       other_key_ids list<int64> source text
event_id text             record_brand text         the brand that the record belongs to
one column per property of the dictionary           bool, int64 scaled by 10^4, text, date, timestamp(us, UTC),
                                                    list of these, list<struct> for lines; null when not said
extra text                                          what the dictionary does not declare, as JSON
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
from rules.schema import PropertyType
from rules.values import Kind
from tagging.domain.columns import microseconds
from tagging.domain.dictionary import Dictionary
from tagging.domain.events import Event
from tagging.store.property_json import encode

MOMENT = pa.timestamp("us", tz="UTC")
_SCALARS = {
    Kind.BOOL: pa.bool_(),
    Kind.NUMBER: pa.int64(),
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.DATETIME: MOMENT,
}


class LakeColumns:
    """The lake's schema, as one dictionary makes it."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._properties = dictionary.columns()

    @cached_property
    def schema(self) -> pa.Schema:
        """Fixed columns, then properties in order of name, then `extra`."""
        return pa.schema(
            [
                pa.field("ingest_sequence", pa.int64(), nullable=False),
                pa.field("type", pa.string(), nullable=False),
                pa.field("time", MOMENT, nullable=False),
                pa.field("anchor_key_id", pa.int64(), nullable=False),
                pa.field("other_key_ids", pa.list_(pa.int64()), nullable=False),
                pa.field("source", pa.string(), nullable=False),
                pa.field("event_id", pa.string(), nullable=False),
                pa.field("record_brand", pa.string(), nullable=False),
                *(pa.field(each.name, arrow_type(each)) for each in self._properties),
                pa.field("extra", pa.string(), nullable=False),
            ]
        )

    def table(self, events: Sequence[Event]) -> pa.Table:
        """The events in the given order."""
        said: dict[str, list[Any]] = {}
        for index, event in enumerate(events):
            for name, value in event.properties.items():
                if name not in said:
                    said[name] = [None] * len(events)
                said[name][index] = value
        columns: dict[str, Any] = {
            "ingest_sequence": [event.ingest_sequence for event in events],
            "type": [event.type for event in events],
            "time": [microseconds(event.time) for event in events],
            "anchor_key_id": [event.anchor_key_id for event in events],
            "other_key_ids": [event.other_key_ids for event in events],
            "source": [event.source for event in events],
            "event_id": [event.event_id for event in events],
            "record_brand": [event.brand for event in events],
            "extra": [encode(event.extra) for event in events],
            **said,
        }
        arrays = [
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(len(events), field.type)
            for field in self.schema
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def arrow_type(property_: PropertyType) -> pa.DataType:
    """The type of a property's column."""
    match property_.type.kind:
        case Kind.RECORDS:
            return pa.list_(pa.struct([pa.field(each.name, arrow_type(each)) for each in property_.fields]))
        case Kind.LIST:
            assert property_.type.element is not None
            return pa.list_(_SCALARS[property_.type.element])
        case kind:
            return _SCALARS[kind]
