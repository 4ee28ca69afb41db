"""The lake as DuckDB relations: files of the manifest, recent rows and the key map, of one snapshot."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rules.evaluate.events.columns import Column, Ints
from rules.evaluate.meaning import Value
from rules.evaluate.row_history import RowHistory
from rules.evaluate.tables.source import VALIDITY
from rules.schema import CARRIED_PROPERTIES, EventType, PropertyType, ReferenceTable
from rules.values import Kind
from sqlalchemy import Connection
from tagging.domain.columns import microseconds
from tagging.domain.dictionary import Dictionary
from tagging.domain.lake import LakeFile
from tagging.domain.retention import BEGINNING_US, EventHorizon
from tagging.store.event_chunks import ArrowChunk, EventChunk
from tagging.store.event_columns import NOBODY, Counting, Slots, SnapshotEvents
from tagging.store.extra_columns import expression
from tagging.store.lake_columns import MOMENT, LakeColumns, arrow_type
from tagging.store.lake_files import LakeFolder
from tagging.store.mapped_columns import MappedBuild, MappedColumns
from tagging.store.mapping_ports import EventDictionaries, ReferenceTables
from tagging.store.ports import KeyMap, Manifest
from tagging.store.sql_replaced_events import replaced_sequences
from tagging.store.sql_retention import horizon_of

LOADED_EVENTS = 2_000_000
"""Up to so many events are read into DuckDB once; beyond, every scan reads the files."""
PAGE = 20_000


@dataclass
class Look:
    """What a look into files told, which never change: events by type, None before the look; and which columns those
    have that a build does not cover, by the name of the build."""

    paths: frozenset[str]
    counts: Mapping[str, int] | None = None
    columns: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldFiles:
    """Files that a snapshot's manifest names: where to read each, how many events they hold, columns built of some."""

    paths: Mapping[str, str]
    event_count: int
    build: MappedBuild | None
    look: Look


class DuckLakeRelations:
    """LakeRelations over Parquet files."""

    def __init__(
        self,
        folder: LakeFolder,
        manifest: Manifest,
        key_map: KeyMap,
        references: ReferenceTables,
        dictionaries: EventDictionaries,
        dictionary: Dictionary,
        mapped: MappedColumns | None = None,
    ) -> None:
        """`dictionary` is the suite's: files have its columns. `mapped`: columns that were built from files."""
        self._folder = folder
        self._manifest = manifest
        self._key_map = key_map
        self._references = references
        self._dictionaries = dictionaries
        self._dictionary = dictionary
        self._columns = LakeColumns(dictionary)
        self._mapped = mapped
        self._reference_rows: dict[tuple[str, str], tuple[int, pa.Table]] = {}
        self._looks: dict[str, Look] = {}

    def attach(
        self, connection: Connection, duck: Any, tenant: str, event_types: Collection[str]
    ) -> "AttachedLake":
        duck.register("lake_key_map", self._keys(connection, tenant))
        recent = self._recent(connection, tenant)
        duck.register("lake_recent", recent)
        persons = self._key_map.everybody(connection, tenant)
        columns = {"person_id": persons.ids, "state": persons.states, "birth_hash": persons.birth_hashes}
        duck.register("persons", pa.table(columns))
        changes = dict(self._references.stamp(connection, tenant))
        for name in self._dictionary.tables:
            rows = self._reference(connection, tenant, name, changes.get(name, 0))
            duck.register(f"reference_{name}", rows)
        dictionary = self._dictionaries.of(connection, tenant)
        files = self._manifest.files(connection, tenant) if event_types else []
        self._folder.hold(duck, files)
        return AttachedLake(
            duck,
            [dictionary.events[name] for name in sorted(event_types)],
            dictionary.declared,
            HeldFiles(
                {file.path: self._folder.path(file) for file in files},
                sum(file.event_count for file in files),
                self._mapped.current(tenant) if self._mapped is not None and files else None,
                self._look(tenant, files),
            ),
            recent,
            np.array(sorted(replaced_sequences(connection, tenant)), np.int64),
            horizon_of(connection, tenant),
            Slots.between(self._key_map.array(connection, tenant), persons.ids),
        )

    def _look(self, tenant: str, files: Sequence[LakeFile]) -> "Look":
        """What is known of exactly these files."""
        known = self._looks.get(tenant)
        paths = frozenset(file.path for file in files)
        if known is None or known.paths != paths:
            known = self._looks[tenant] = Look(paths)
        return known

    def _keys(self, connection: Connection, tenant: str) -> pa.Table:
        array = self._key_map.array(connection, tenant)
        keys = np.flatnonzero(array)
        return pa.table({"key_id": keys.astype(np.int64), "person_id": array[keys]})

    def _recent(self, connection: Connection, tenant: str) -> pa.Table:
        parts: list[pa.Table] = []
        after = self._manifest.flushed(connection, tenant)
        while True:
            events, last = self._manifest.recent(connection, tenant, after, PAGE)
            if not events:
                return pa.concat_tables([self._columns.schema.empty_table(), *parts])
            parts.append(self._columns.table(events))
            after = last

    def _reference(self, connection: Connection, tenant: str, name: str, change: int) -> pa.Table:
        """Kept while no row of the table changes."""
        kept = self._reference_rows.get((tenant, name))
        if kept is None or kept[0] != change:
            histories = self._references.rows(connection, tenant, [name])[name]
            kept = change, reference_table(self._dictionary.tables[name], histories)
            self._reference_rows[tenant, name] = kept
        return kept[1]


class AttachedLake:
    """What a snapshot holds of the events, as relations or as columns; either is made when first asked for."""

    def __init__(
        self,
        duck: Any,
        types: Sequence[EventType],
        declared: Mapping[str, Mapping[str, PropertyType]],
        files: "HeldFiles",
        recent: pa.Table,
        replaced: Ints,
        horizon: EventHorizon,
        slots: Slots,
    ) -> None:
        """`recent`: what is in no file."""
        self._duck = duck
        self._types = types
        self._declared = declared
        self._look = files.look
        self._event_count = files.event_count
        self._recent = recent
        self._replaced = replaced
        self._horizon = horizon
        self._slots = slots
        self._is_related = False
        self._named = frozenset(files.paths)
        self._build = files.build
        covered = frozenset(files.build.paths) if files.build else frozenset()
        self._files = _relation(list(files.paths.values()))
        self._uncovered = _relation([place for path, place in files.paths.items() if path not in covered])

    def relate(self) -> None:
        """Makes the relations events_<type>."""
        if not self._is_related and self._types:
            self._relate()
        self._is_related = True

    def columns(self) -> SnapshotEvents:
        """The events as columns."""
        return SnapshotEvents(
            self._chunks, self._slots, lambda type_: Counting(self._replaced, self._horizon.of(type_.name))
        )

    def latest(self, event_types: Collection[str], as_of: dt.datetime) -> Column:
        """As the port says. Types that expire alike share a scan."""
        by_horizon: dict[int, list[str]] = {}
        for name in sorted(event_types):
            by_horizon.setdefault(self._horizon.of(name), []).append(name)
        latest = np.full(self._slots.persons, BEGINNING_US, np.int64)
        for from_us, names in by_horizon.items():
            for chunk in self._read(names):
                owners = self._slots.of(chunk.keys)
                counts = (owners != NOBODY) & (chunk.times >= from_us) & (chunk.times <= microseconds(as_of))
                if len(self._replaced):
                    counts &= ~np.isin(chunk.sequences, self._replaced)
                np.maximum.at(latest, owners[counts], chunk.times[counts])
        known = latest > BEGINNING_US
        return Column(Kind.DATETIME, known, np.where(known, latest, 0))

    def counts(self) -> dict[str, int]:
        """As the port says."""
        types = pc.value_counts(self._recent["type"]).to_pylist()
        found = Counter({each["values"]: each["counts"] for each in types})
        if self._files and self._look.counts is None:
            rows = self._duck.sql(f"SELECT type, count(*) FROM {self._files} GROUP BY type").fetchall()  # noqa: S608
            self._look.counts = dict(rows)
        found.update(self._look.counts or {})
        return found

    def _chunks(self, type_: EventType) -> list[EventChunk]:
        return self._read([type_.name], self._declared.get(type_.name, {}))

    def _read(self, names: Sequence[str], declared: Collection[str] = ()) -> list[EventChunk]:
        """The events of these types: what is mapped, what is in other files, what is in none. `declared` are no columns
        of theirs."""
        recent = self._recent.filter(pc.is_in(self._recent["type"], pa.array(names, pa.string())))
        names_of_columns = frozenset(recent.schema.names).difference(declared)
        chunks: list[EventChunk] = []
        if self._build is not None:
            mapped = [self._build.chunk(each, self._named) for each in names]
            chunks += [each for each in mapped if each is not None]
        if self._uncovered:
            chunks.append(ArrowChunk(partial(self._read_files, names), names_of_columns))
        if len(recent) or not chunks:
            chunks.append(ArrowChunk(recent.select, names_of_columns))
        return chunks

    def _read_files(self, types: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """Columns of the events in files that are not mapped."""
        build = self._build.name if self._build is not None else ""
        if build not in self._look.columns:
            rows = self._duck.sql(f"DESCRIBE SELECT * FROM {self._uncovered}").fetchall()  # noqa: S608
            self._look.columns[build] = frozenset(row[0] for row in rows)
        present = self._look.columns[build]
        listed = ", ".join(
            _quoted(each) if each in present else f"NULL AS {_quoted(each)}" for each in columns
        )
        chosen = ", ".join(map(_text, types))
        found = self._duck.sql(
            f"SELECT {listed} FROM {self._uncovered} WHERE type IN ({chosen})"  # noqa: S608
        ).to_arrow_table()
        return found.cast(pa.schema([self._recent.schema.field(each) for each in columns]))

    def _relate(self) -> None:
        duck, types = self._duck, self._types
        loaded = self._event_count <= LOADED_EVENTS
        needed = {
            each.name
            for event in types
            for each in (*CARRIED_PROPERTIES, *event.properties)
            if each.name not in self._declared.get(event.name, {})
        }
        if any(event.name in self._declared for event in types):
            needed.add("extra")
        columns = ", ".join(
            ["ingest_sequence", "type", "time", "anchor_key_id", *map(_quoted, sorted(needed))]
        )
        names = ", ".join(_text(event.name) for event in types)
        parts = [f"SELECT {columns} FROM lake_recent WHERE type IN ({names})"]  # noqa: S608  # dictionary names
        if self._files:
            duck.execute(
                "CREATE TEMP VIEW lake_files AS "  # noqa: S608  # paths and names of our own
                f"SELECT * FROM lake_recent WHERE false UNION ALL BY NAME SELECT * FROM {self._files}"
            )
            parts.append(f"SELECT {columns} FROM lake_files WHERE type IN ({names}){self._counted()}")  # noqa: S608
        duck.execute(
            f"CREATE TEMP {'TABLE' if loaded else 'VIEW'} lake_events AS "  # noqa: S608
            f"SELECT k.person_id, e.* FROM ({' UNION ALL '.join(parts)}) e "
            "JOIN lake_key_map k ON k.key_id = e.anchor_key_id"
        )
        for event in types:
            from_us = self._horizon.of(event.name)
            counts = f" AND time >= make_timestamptz({from_us})" if from_us > BEGINNING_US else ""
            own = {each.name: each for each in (*CARRIED_PROPERTIES, *event.properties)}
            in_extra = self._declared.get(event.name, {})
            listed = ", ".join(
                f"{expression(each)} AS {_quoted(name)}" if name in in_extra else _quoted(name)
                for name, each in own.items()
            )
            duck.execute(
                f"CREATE TEMP VIEW {_quoted(f'events_{event.name}')} AS "  # noqa: S608
                f"SELECT person_id, time, ingest_sequence AS ingest_seq, {listed} "
                f"FROM lake_events WHERE type = {_text(event.name)}{counts}"
            )

    def _counted(self) -> str:
        """A condition that leaves out what files hold under a number that counts no longer."""
        if not len(self._replaced):
            return ""
        self._duck.register(
            "lake_replaced", pa.table({"ingest_sequence": pa.array(self._replaced, pa.int64())})
        )
        return " AND ingest_sequence NOT IN (SELECT ingest_sequence FROM lake_replaced)"


def reference_table(table: ReferenceTable, histories: Mapping[str, RowHistory]) -> pa.Table:
    """A row per version, as `rules.evaluate.tables` documents."""
    keys: list[str] = []
    stretches: list[tuple[dt.datetime, dt.datetime, Mapping[str, Value]]] = []
    for key, history in histories.items():
        for stretch in history.stretches():
            keys.append(key)
            stretches.append(stretch)
    moments = {
        name: pa.array([each[index] for each in stretches], MOMENT) for index, name in enumerate(VALIDITY)
    }
    columns = {
        each.name: pa.array([row.get(each.name) for _, _, row in stretches], arrow_type(each))
        for each in table.columns
    }
    return pa.table({"key": pa.array(keys, pa.string()), **moments, **columns})


def _relation(paths: Sequence[str]) -> str:
    """Files as a relation; "" for none."""
    if not paths:
        return ""
    return f"read_parquet([{', '.join(map(_text, paths))}], union_by_name = true, hive_partitioning = false)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
