"""Events in files of columns, sorted by key: what the evaluator over columns maps into memory instead of reading files.

    <root>/<tenant>/CURRENT                         the name of the build that counts
    <root>/<tenant>/<build>/build.json              what it was built from, and its columns
    <root>/<tenant>/<build>/<type>/<column>.npy     by key, then time, then ingest sequence

A build is a copy of files of the lake and nothing else: it is made anew from them and dropped at any time. `file` says
of each event which file it is from, so that what the manifest names no longer does not count. A build is written and
synced under a name of its own; then CURRENT is replaced. Killed in between, the build before counts.
"""

import json
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from mmap import MADV_DONTNEED, mmap
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from rules.errors import UnsupportedNode
from rules.evaluate.events import Column
from rules.evaluate.events.columns import Ints, Numbers
from rules.schema import PropertyType
from rules.values import Kind
from tagging.store.event_chunks import ListColumn
from tagging.store.event_columns import lines_in_order
from tagging.store.event_read_ports import NO_MARK, Mark
from tagging.store.mapped_rows import MappedRows, counts_of, last_rows_of, rows_of

CURRENT = "CURRENT"
DESCRIPTION = "build.json"
FORMAT = 1
OPEN_BUILDS = 64
"""Builds kept open, one a tenant, those read last: each is a mapping of memory per array."""
COUNTED_TYPES = 8
"""So many of the most frequent types tell who has many events: of all, looking would take longer than reading rows."""
ORDERED_TEXTS = 100_000
"""Sorting more texts takes longer than grouping by them saves."""
_KINDS = {each.value: each for each in Kind}


class _MappedTexts(Sequence[str]):
    """The distinct texts of a column, decoded when first read."""

    def __init__(self, blob: Numbers, ends: Ints) -> None:
        self._blob = blob
        self._ends = ends

    @cached_property
    def _texts(self) -> list[str]:
        blob, start, found = self._blob.tobytes(), 0, []
        for end in self._ends.tolist():
            found.append(blob[start:end].decode())
            start = end
        return found

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: Any) -> Any:
        return self._texts[place]


class MappedChunk:
    """The events of one type of a build, as far as the manifest names the files they are from."""

    def __init__(
        self,
        arrays: Mapping[str, Numbers],
        kinds: Mapping[str, str],
        gone: Sequence[int],
        keys: Ints | None = None,
    ) -> None:
        """`gone`: numbers of files that count no longer; `keys`: only of these, ascending; None is all."""
        self._arrays = arrays
        self._kinds = kinds
        self._counts = rows_of(arrays["key"], keys) if keys is not None else None
        if len(gone):
            files = self._rows("file")
            counting = np.flatnonzero(~np.isin(files, gone))
            self._counts = counting if self._counts is None else self._counts[counting]
        self.keys: Ints = self._rows("key")
        self.times: Ints = self._rows("time")
        self.sequences: Ints = self._rows("sequence")

    def column(self, property_: PropertyType) -> Column:
        """As EventChunk says."""
        if property_.name not in self._kinds:
            raise UnsupportedNode(f"the property {property_.name}", "events")
        return self._column(property_.name, len(self._arrays["key"]), self._counts)

    def lines(self, property_: PropertyType) -> ListColumn:
        """As EventChunk says."""
        name = property_.name
        if name not in self._kinds:
            raise UnsupportedNode(f"the property {name}", "events")
        counts = np.asarray(self._arrays[f"{name}$counts"], np.int64)
        total = int(counts.sum())
        if self._counts is None:
            return ListColumn(counts, lambda field: self._column(f"{name}${field}", total, None))
        _, lines = lines_in_order(counts, self._counts)
        return ListColumn(counts[self._counts], lambda field: self._column(f"{name}${field}", total, lines))

    def release(self) -> None:
        """As EventChunk says. Pages that were read count as memory of the process until the files are closed."""
        for each in self._arrays.values():
            mapping: Any = each.base
            if isinstance(mapping, mmap):
                mapping.madvise(MADV_DONTNEED)

    def _rows(self, name: str) -> Any:
        found = self._arrays[name]
        return found if self._counts is None else found[self._counts]

    def _column(self, name: str, size: int, places: Ints | None) -> Column:
        """`places`: of so many slots these alone; None is all."""
        kind = _KINDS[self._kinds[name]]
        data, known = self._arrays.get(name), self._arrays.get(f"{name}$known")
        if places is not None:
            size = len(places)
            data, known = (None if each is None else each[places] for each in (data, known))
        if data is None:  # nobody ever said it
            return Column(kind, np.zeros(size, np.bool_), np.zeros(size, np.int64))
        texts: Sequence[str] = ()
        if kind is Kind.TEXT:
            texts = _MappedTexts(self._arrays[f"{name}$texts"], self._arrays[f"{name}$ends"])
        return Column(kind, np.ones(size, np.bool_) if known is None else known, data, texts)


@dataclass(frozen=True)
class MappedBuild:
    """An open build: its arrays stay readable whatever becomes of its files.

    paths  the files of the lake it was built from, by number; events: how many they hold
    mark   up to where it has all that arrived, as far as that is kept; NO_MARK when that is not known
    """

    name: str
    paths: tuple[str, ...]
    events: int
    arrays: Mapping[str, Mapping[str, Numbers]]
    kinds: Mapping[str, Mapping[str, str]]
    mark: Mark = NO_MARK

    def rows(
        self, event_type: str, keys: Ints, limit: int = 0, before: tuple[int, int] | None = None
    ) -> MappedRows | None:
        """Events of a type and of these keys (ascending), whatever files they are from; None when there never were any
        of the type. With a limit, of each key the latest alone; `before` a place of (time, ingest sequence)."""
        if event_type not in self.arrays:
            return None
        arrays = self.arrays[event_type]
        rows = last_rows_of(arrays, keys, limit, before) if limit else rows_of(arrays["key"], keys)
        return MappedRows(arrays, self.kinds[event_type], rows)

    def event_counts(self, keys: Ints) -> Ints:
        """How many events of the most frequent types each of these keys (ascending) has."""
        total = np.zeros(len(keys), np.int64)
        for stored in self._counted:
            total += counts_of(stored, keys)
        return total

    @cached_property
    def _counted(self) -> list[Numbers]:
        stored = [arrays["key"] for arrays in self.arrays.values()]
        return sorted(stored, key=len, reverse=True)[:COUNTED_TYPES]

    def chunk(self, event_type: str, named: frozenset[str], keys: Ints | None = None) -> MappedChunk | None:
        """The events of a type that are in files named by the manifest, of these keys alone (ascending; None is all);
        None when it never had any."""
        if event_type not in self.arrays:
            return None
        gone = [number for number, path in enumerate(self.paths) if path not in named]
        return MappedChunk(self.arrays[event_type], self.kinds[event_type], gone, keys)


class MappedColumns:
    """Builds below one root. One process builds, any number read. Safe for threads."""

    def __init__(self, root: Path, new_id: Callable[[], str]) -> None:
        self._root = root
        self._new_id = new_id
        self._open: OrderedDict[str, MappedBuild] = OrderedDict()
        self._lock = Lock()

    def current(self, tenant: str) -> MappedBuild | None:
        """The build that counts; None when there is none, or none that this release reads."""
        name = self._named(tenant)
        if not name:
            return None
        with self._lock:
            known = self._open.get(tenant)
            if known is None or known.name != name:
                try:
                    known = self._load(tenant, name)
                except FileNotFoundError:  # another build was put in its place this moment
                    return None
                if known is None:
                    return None
                self._open[tenant] = known
            self._open.move_to_end(tenant)
            if len(self._open) > OPEN_BUILDS:
                self._open.popitem(last=False)
            return known

    def begin(self, tenant: str) -> "BuildWriter":
        """A build to write; nothing refers to it yet. What broke off before goes."""
        self.sweep(tenant)
        folder = self._root / tenant / self._new_id()
        folder.mkdir(parents=True)
        return BuildWriter(folder)

    def publish(
        self, tenant: str, writer: "BuildWriter", paths: Sequence[str], events: int, mark: Mark
    ) -> None:
        """Syncs a build, makes it the one that counts and removes all others."""
        writer.finish(paths, events, mark)
        folder = self._root / tenant
        staged = folder / f"{CURRENT}.new"
        with staged.open("w") as file:
            file.write(writer.folder.name)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(folder / CURRENT)
        _sync(folder)
        self.sweep(tenant)

    def drop(self, tenant: str) -> None:
        """Removes what was built, durably: erased events are in it."""
        folder = self._root / tenant
        if folder.exists():
            (folder / CURRENT).unlink(missing_ok=True)
            _sync(folder)
            with self._lock:
                self._open.pop(tenant, None)
            self.sweep(tenant)
            _sync(folder)

    def sweep(self, tenant: str) -> None:
        """Removes everything but the build that counts. Not while one is written."""
        folder, kept = self._root / tenant, self._named(tenant)
        for each in folder.iterdir() if folder.exists() else ():
            if each.is_dir() and each.name != kept:
                shutil.rmtree(each)

    def _named(self, tenant: str) -> str:
        """The build that CURRENT names, "" for none."""
        try:
            return (self._root / tenant / CURRENT).read_text()
        except FileNotFoundError:
            return ""

    def _load(self, tenant: str, name: str) -> MappedBuild | None:
        folder = self._root / tenant / name
        said = json.loads((folder / DESCRIPTION).read_text())
        if said["format"] != FORMAT:
            return None
        arrays = {
            event_type: {
                each: np.load(folder / event_type / f"{each}.npy", mmap_mode="r")
                for each in said["arrays"][event_type]
            }
            for event_type in said["arrays"]
        }
        mark = Mark(*said.get("mark", NO_MARK))
        return MappedBuild(name, tuple(said["paths"]), said["events"], arrays, said["kinds"], mark)


class BuildWriter:
    """Writes the files of one build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._arrays: dict[str, list[str]] = {}
        self._kinds: dict[str, dict[str, str]] = {}

    def array(self, event_type: str, name: str, data: Numbers) -> None:
        """An array, as it is."""
        place = self.folder / event_type
        place.mkdir(exist_ok=True)
        with (place / f"{name}.npy").open("wb") as file:
            np.save(file, data)
            file.flush()
            os.fsync(file.fileno())
        self._arrays.setdefault(event_type, []).append(name)
        self._kinds.setdefault(event_type, {})

    def column(self, event_type: str, name: str, column: Column) -> None:
        """A column; of one that is never known only that it is there."""
        self._kinds.setdefault(event_type, {})[name] = column.kind.value
        if not column.known.any():
            return
        if column.kind is Kind.TEXT and len(column.texts) <= ORDERED_TEXTS:
            column = _in_order_of_texts(column)
        self.array(event_type, name, column.data)
        if not column.known.all():
            self.array(event_type, f"{name}$known", column.known)
        if column.kind is Kind.TEXT:
            encoded = [each.encode() for each in column.texts]
            ends = np.cumsum([len(each) for each in encoded], dtype=np.int64)
            self.array(event_type, f"{name}$texts", np.frombuffer(b"".join(encoded), np.uint8))
            self.array(event_type, f"{name}$ends", ends)

    def lines(self, event_type: str, name: str, counts: Numbers) -> None:
        """How many lines a list of records has, by event; its fields are columns `<list>$<field>`."""
        self._kinds.setdefault(event_type, {})[name] = Kind.RECORDS.value
        self.array(event_type, f"{name}$counts", counts.astype(np.int32))

    def finish(self, paths: Sequence[str], events: int, mark: Mark) -> None:
        """Writes what describes the build, and syncs the folders."""
        said = {
            "format": FORMAT,
            "paths": list(paths),
            "events": events,
            "mark": mark,
            "arrays": self._arrays,
            "kinds": self._kinds,
        }
        with (self.folder / DESCRIPTION).open("w") as file:
            json.dump(said, file)
            file.flush()
            os.fsync(file.fileno())
        for event_type in self._arrays:
            _sync(self.folder / event_type)
        _sync(self.folder)


def _in_order_of_texts(column: Column) -> Column:
    """Codes that compare as their texts do: groups of one key after the other stand in the order of their names."""
    order = sorted(range(len(column.texts)), key=column.texts.__getitem__)
    places = np.zeros(len(order), column.data.dtype)
    places[order] = np.arange(len(order))
    return Column(column.kind, column.known, places[column.data], [column.texts[each] for each in order])


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
