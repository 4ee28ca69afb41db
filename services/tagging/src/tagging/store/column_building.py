"""Builds mapped columns from files of the lake: one event type after the other, column by column.

Memory: per event of the largest type some 40 bytes for its place among the others, and one column at a time.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property, partial
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from rules.schema import CARRIED_PROPERTIES, PropertyType
from rules.values import Kind
from tagging.domain.dictionary import Dictionary
from tagging.domain.lake import LakeFile
from tagging.store.event_chunks import KEY, SEQUENCE, TIME, ArrowChunk, ListColumn
from tagging.store.event_columns import lines_in_order
from tagging.store.event_read_ports import NO_MARK, Mark
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.mapped_columns import BuildWriter, MappedColumns

MEMORY = "512MB"
FILE = "file_index"
AT_ONCE_EVENTS = 1_000_000
"""Types with no more events are read in one scan; of others each column takes one."""


class _Reading:
    """While it lives, files are read."""


class ColumnBuilding:
    """ColumnBuilder over the suite's properties; what a tenant declares stays in `extra` and is read from the lake."""

    def __init__(self, folder: LakeFolder, mapped: MappedColumns, dictionary: Dictionary) -> None:
        self._folder = folder
        self._mapped = mapped
        self._dictionary = dictionary
        self._schema = LakeColumns(dictionary).schema

    def covered(self, tenant: str) -> frozenset[str]:
        """The files that the build which counts was made of."""
        build = self._mapped.current(tenant)
        return frozenset(build.paths) if build else frozenset()

    def drop(self, tenant: str) -> None:
        """Removes the build, durably."""
        self._mapped.drop(tenant)

    def keep(self, tenant: str, paths: Collection[str]) -> None:
        """Removes, durably, what was built of other files than these. Not while a build is made."""
        build = self._mapped.current(tenant)
        if build is None or not frozenset(build.paths).issubset(paths):
            self._mapped.drop(tenant)
        else:
            self._mapped.sweep(tenant)

    def build(self, tenant: str, files: Sequence[LakeFile], mark: Mark = NO_MARK) -> int:
        """Makes a build of these files the one that counts; returns how many events it holds. What breaks off leaves
        nothing behind. `mark`: up to where the files hold all that arrived; NO_MARK when that is not known. Blocks."""
        reading = _Reading()
        self._folder.hold(reading, files)
        writer = self._mapped.begin(tenant)
        try:
            events = self._written(writer, files)
            self._mapped.publish(tenant, writer, [each.path for each in files], events, mark)
        except BaseException:
            self._mapped.sweep(tenant)
            raise
        return events

    def _written(self, writer: BuildWriter, files: Sequence[LakeFile]) -> int:
        """How many events were written."""
        events = 0
        with duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": 1}) as duck:
            duck.execute("SET TimeZone = 'UTC'")
            duck.execute("SET enable_progress_bar = false")
            lake = _Files(duck, [self._folder.path(each) for each in files], self._schema)
            for event_type in lake.counts:
                events += self._build_type(writer, event_type, lake)
        return events

    def _build_type(self, writer: BuildWriter, event_type: str, lake: "_Files") -> int:
        known = self._dictionary.events.get(event_type)
        properties = (*CARRIED_PROPERTIES, *(known.properties if known else ()))
        read: Callable[[Sequence[str]], pa.Table] = partial(lake.read, event_type)
        if lake.counts[event_type] <= AT_ONCE_EVENTS:
            read = lake.read(
                event_type, [KEY, TIME, SEQUENCE, FILE, *(each.name for each in properties)]
            ).select
        chunk = ArrowChunk(read, self._schema.names)
        order = np.lexsort((chunk.sequences, chunk.times, chunk.keys))
        for name, data in (("key", chunk.keys), ("time", chunk.times), ("sequence", chunk.sequences)):
            writer.array(event_type, name, data[order])
        numbers = read([FILE])[FILE].to_numpy().astype(np.int32)
        writer.array(event_type, "file", numbers[order])
        for property_ in properties:
            if property_.type.kind is Kind.RECORDS:
                _write_lines(writer, event_type, property_, chunk.lines(property_), order)
            elif property_.type.kind is not Kind.LIST:
                writer.column(event_type, property_.name, chunk.column(property_).take(order))
        return len(order)


def _write_lines(
    writer: BuildWriter, event_type: str, list_: PropertyType, lines: ListColumn, order: Any
) -> None:
    counts = lines.counts
    writer.lines(event_type, list_.name, counts[order])
    _, places = lines_in_order(counts, order)
    assert places is not None
    for field in list_.fields:
        writer.column(event_type, f"{list_.name}${field.name}", lines.fields(field.name).take(places))


class _Files:
    """Files of the lake as one relation whose rows always come in the same order."""

    def __init__(self, duck: Any, paths: Sequence[str], schema: pa.Schema) -> None:
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        self._duck = duck
        self._from = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        self._schema = schema.append(pa.field(FILE, pa.int64()))
        rows = duck.sql(f"DESCRIBE SELECT * FROM {self._from}").fetchall()  # noqa: S608  # paths of our own
        self._present = {FILE, *(row[0] for row in rows)}

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many events there are, by type."""
        counting = f"SELECT type, count(*) FROM {self._from} GROUP BY type ORDER BY type"  # noqa: S608  # paths of our own
        return dict(self._duck.sql(counting).fetchall())

    def read(self, event_type: str, names: Sequence[str]) -> pa.Table:
        """Columns of the events of a type; null where no file has one."""
        listed = ", ".join(f'"{each}"' if each in self._present else f'NULL AS "{each}"' for each in names)
        found = self._duck.sql(
            f"SELECT {listed} FROM {self._from} WHERE type = ?",  # noqa: S608  # names of the dictionary
            params=[event_type],
        ).to_arrow_table()
        return found.cast(pa.schema([self._schema.field(each) for each in names]))
