"""Events as Arrow tables, in the schema of the lake's files.

ingest_sequence int64     type text                 time timestamp(us, UTC)
anchor_key_id int64       other_key_ids list<int64> source text
event_id text             record_brand text         the brand that the record belongs to
one column per property of the dictionary           bool, int64 scaled by 10^4, text, date, timestamp(us, UTC),
                                                    list of these, list<struct> for lines; null when not said
extra text                                          what the dictionary does not declare, as JSON
"""

import json
from functools import cached_property
from typing import Any

import pyarrow as pa
from tagging.domain.dictionary import Dictionary
from tagging.store.said_columns import MOMENT, arrow_type, said_columns
from tagging.store.stored_events import StoredEvents


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

    def table(self, events: StoredEvents) -> pa.Table:
        """The events in the given order."""
        columns: dict[str, Any] = {
            "ingest_sequence": events.sequences,
            "type": events.types,
            "time": events.times_us,
            "anchor_key_id": events.anchors,
            "other_key_ids": [json.loads(each) if each else () for each in events.others],
            "source": events.sources,
            "event_id": events.event_ids,
            "record_brand": events.brands,
            "extra": events.extra,
        }
        said = said_columns(events.properties, self._properties)
        arrays = [
            said[field.name] if field.name in said else pa.array(columns[field.name], field.type)
            for field in self.schema
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)
