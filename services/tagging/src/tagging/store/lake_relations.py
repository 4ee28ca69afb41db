"""The lake as DuckDB relations: files of the manifest, recent rows and the key map, of one snapshot."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from rules.evaluate.meaning import Value
from rules.evaluate.row_history import RowHistory
from rules.evaluate.tables.source import VALIDITY
from rules.schema import ReferenceTable
from sqlalchemy import Connection
from tagging.domain.dictionary import Dictionary
from tagging.domain.lake import LakeFile
from tagging.store.attached_lake import AttachedLake, HeldFacts, HeldFiles, Look
from tagging.store.kernel_ports import EventKernels
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.mapped_columns import MappedColumns
from tagging.store.mapping_ports import EventDictionaries, ReferenceTables
from tagging.store.ports import KeyMap, Manifest
from tagging.store.recent_events import RecentEvents
from tagging.store.said_columns import MOMENT, arrow_type
from tagging.store.sql_replaced_events import replaced_sequences
from tagging.store.sql_retention import horizon_of

PAGE = 20_000


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
        kernels: EventKernels | None = None,
    ) -> None:
        """`dictionary` is the suite's: files have its columns. `mapped`: columns that were built from files."""
        self._kernels = kernels
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
    ) -> AttachedLake:
        changes = dict(self._references.stamp(connection, tenant))
        dictionary = self._dictionaries.of(connection, tenant)
        files = self._manifest.files(connection, tenant) if event_types else []
        self._folder.hold(duck, files)
        facts = HeldFacts(
            [dictionary.events[name] for name in sorted(event_types)],
            dictionary.declared,
            HeldFiles(
                {file.path: self._folder.path(file) for file in files},
                sum(file.event_count for file in files),
                self._mapped.current(tenant) if self._mapped is not None and files else None,
                self._look(tenant, files),
            ),
            RecentEvents(self._recent(connection, tenant), self._columns),
            {
                name: self._reference(connection, tenant, name, changes.get(name, 0))
                for name in self._dictionary.tables
            },
            np.array(sorted(replaced_sequences(connection, tenant)), np.int64),
            horizon_of(connection, tenant),
            self._key_map.array(connection, tenant),
            self._kernels,
        )
        return AttachedLake(duck, facts, self._key_map.everybody(connection, tenant))

    def _look(self, tenant: str, files: Sequence[LakeFile]) -> Look:
        """What is known of exactly these files."""
        known = self._looks.get(tenant)
        paths = frozenset(file.path for file in files)
        if known is None or known.paths != paths:
            known = self._looks[tenant] = Look(paths)
        return known

    def _recent(self, connection: Connection, tenant: str) -> list[pa.Table]:
        pages: list[pa.Table] = []
        after = self._manifest.flushed(connection, tenant)
        while True:
            events, last = self._manifest.recent(connection, tenant, after, PAGE)
            if not len(events):
                return pages
            pages.append(self._columns.untold(events))
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
