"""Events as Arrow tables, in the schema of the lake's files.

ingest_sequence int64     type text                 time timestamp(us, UTC)
anchor_key_id int64       other_key_ids list<int64> source text
event_id text             record_brand text         the brand that the record belongs to
one column per property of the dictionary           bool, int64 scaled by 10^4, text, date, timestamp(us, UTC),
                                                    list of these, list<struct> for lines; null when not said
extra text                                          what the dictionary does not declare, as JSON
"""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
from rules.schema import PropertyType
from tagging.domain.dictionary import Dictionary
from tagging.store.said_columns import MOMENT, arrow_type, said_columns
from tagging.store.stored_events import StoredEvents

OTHERS, SAID = "$others", "$said"
"""Texts of events whose other keys and properties nobody has read yet: columns that no file has."""


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
        return self.whole(self.untold(events))

    def untold(self, events: StoredEvents) -> pa.Table:
        """What every event has, and as texts what each says, which takes ten times as long to read."""
        return pa.table(
            {
                "ingest_sequence": pa.array(events.sequences, pa.int64()),
                "type": pa.array(events.types, pa.string()),
                "time": pa.array(events.times_us, MOMENT),
                "anchor_key_id": pa.array(events.anchors, pa.int64()),
                OTHERS: pa.array(events.others, pa.string()),
                "source": pa.array(events.sources, pa.string()),
                "event_id": pa.array(events.event_ids, pa.string()),
                "record_brand": pa.array(events.brands, pa.string()),
                SAID: pa.array(events.properties, pa.string()),
                "extra": pa.array(events.extra, pa.string()),
            }
        )

    def whole(self, untold: pa.Table) -> pa.Table:
        """The same events with all that they say."""
        others = [json.loads(each) if each else () for each in untold[OTHERS].to_pylist()]
        columns: dict[str, Any] = said_columns(untold[SAID].to_pylist(), self._properties)
        columns["other_key_ids"] = pa.array(others, pa.list_(pa.int64()))
        arrays = [
            columns[field.name] if field.name in columns else untold[field.name] for field in self.schema
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def said(self, texts: Sequence[str], name: str) -> pa.Array:
        """What texts say of one property."""
        return said_columns(texts, [self._by_name[name]])[name]

    @cached_property
    def _by_name(self) -> Mapping[str, PropertyType]:
        return {each.name: each for each in self._properties}
