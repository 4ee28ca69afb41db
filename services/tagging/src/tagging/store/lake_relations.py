"""The lake as DuckDB relations: files of the manifest, recent rows and the key map, of one snapshot."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from rules.evaluate.meaning import Value
from rules.evaluate.row_history import RowHistory
from rules.evaluate.tables.source import VALIDITY
from rules.schema import CARRIED_PROPERTIES, EventType, ReferenceTable
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.dictionary import Dictionary
from tagging.domain.retention import BEGINNING_US
from tagging.store.lake_columns import MOMENT, LakeColumns, arrow_type
from tagging.store.lake_files import LakeFolder
from tagging.store.mapping_ports import ReferenceTables
from tagging.store.ports import KeyMap, Manifest
from tagging.store.sql_replaced_events import replaced_sequences
from tagging.store.sql_retention import horizon_of

LOADED_EVENTS = 2_000_000
"""Up to so many events are read into DuckDB once; beyond, every scan reads the files."""
PAGE = 20_000


class DuckLakeRelations:
    """LakeRelations over Parquet files."""

    def __init__(
        self,
        folder: LakeFolder,
        manifest: Manifest,
        key_map: KeyMap,
        references: ReferenceTables,
        dictionary: Dictionary,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._key_map = key_map
        self._references = references
        self._dictionary = dictionary
        self._columns = LakeColumns(dictionary)
        self._reference_rows: dict[tuple[str, str], tuple[int, pa.Table]] = {}

    def attach(self, connection: Connection, duck: Any, tenant: str, event_types: Collection[str]) -> None:
        types = [self._dictionary.events[name] for name in sorted(event_types)]
        duck.register("lake_key_map", self._keys(connection, tenant))
        duck.register("lake_recent", self._recent(connection, tenant))
        duck.register("persons", _persons(connection, tenant))
        changes = dict(self._references.stamp(connection, tenant))
        for name in self._dictionary.tables:
            rows = self._reference(connection, tenant, name, changes.get(name, 0))
            duck.register(f"reference_{name}", rows)
        if types:
            self._attach_events(connection, duck, tenant, types)

    def _attach_events(
        self, connection: Connection, duck: Any, tenant: str, types: Collection[EventType]
    ) -> None:
        files = self._manifest.files(connection, tenant)
        self._folder.hold(duck, files)
        loaded = sum(file.event_count for file in files) <= LOADED_EVENTS
        needed = {each.name for event in types for each in (*CARRIED_PROPERTIES, *event.properties)}
        columns = ", ".join(
            ["ingest_sequence", "type", "time", "anchor_key_id", *map(_quoted, sorted(needed))]
        )
        names = ", ".join(_text(event.name) for event in types)
        parts = [f"SELECT {columns} FROM lake_recent WHERE type IN ({names})"]  # noqa: S608  # dictionary names
        if files:
            paths = ", ".join(_text(self._folder.path(file)) for file in files)
            duck.execute(
                "CREATE TEMP VIEW lake_files AS "  # noqa: S608  # paths and names of our own
                "SELECT * FROM lake_recent WHERE false UNION ALL BY NAME SELECT * FROM "
                f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
            )
            counted = self._counted(connection, duck, tenant)
            parts.append(f"SELECT {columns} FROM lake_files WHERE type IN ({names}){counted}")  # noqa: S608
        duck.execute(
            f"CREATE TEMP {'TABLE' if loaded else 'VIEW'} lake_events AS "  # noqa: S608
            f"SELECT k.person_id, e.* FROM ({' UNION ALL '.join(parts)}) e "
            "JOIN lake_key_map k ON k.key_id = e.anchor_key_id"
        )
        horizon = horizon_of(connection, tenant)
        for event in types:
            from_us = horizon.of(event.name)
            counts = f" AND time >= make_timestamptz({from_us})" if from_us > BEGINNING_US else ""
            own = [each.name for each in (*CARRIED_PROPERTIES, *event.properties)]
            listed = ", ".join(map(_quoted, dict.fromkeys(own)))
            duck.execute(
                f"CREATE TEMP VIEW {_quoted(f'events_{event.name}')} AS "  # noqa: S608
                f"SELECT person_id, time, ingest_sequence AS ingest_seq, {listed} "
                f"FROM lake_events WHERE type = {_text(event.name)}{counts}"
            )

    @staticmethod
    def _counted(connection: Connection, duck: Any, tenant: str) -> str:
        """A condition that leaves out what files hold under a number that counts no longer."""
        replaced = replaced_sequences(connection, tenant)
        if not replaced:
            return ""
        duck.register("lake_replaced", pa.table({"ingest_sequence": pa.array(replaced, pa.int64())}))
        return " AND ingest_sequence NOT IN (SELECT ingest_sequence FROM lake_replaced)"

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


def _persons(connection: Connection, tenant: str) -> pa.Table:
    rows = execute(
        connection,
        "SELECT person_id, state, birth_hash FROM person WHERE tenant = ? AND state IN (1, 2, 3) ORDER BY person_id",
        (tenant,),
    ).all()
    read = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 3)
    return pa.table(
        {
            "person_id": read[:, 0].copy(),
            "state": read[:, 1].astype(np.int8),
            "birth_hash": read[:, 2].copy().view(np.uint64),
        }
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
