"""The output folder: export files with their mappings, reference tables and truth, written as a stream of
tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml

from simulator.manifest import FolderTakenError, Manifest, SourceEntry, TableEntry
from simulator.season import TIME_ZONE, aware

PARQUET, UTF8, UTF8_BOM, GB18030 = "parquet", "utf-8", "utf-8-sig", "gb18030"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An export file as a source system writes it, and how its columns map onto records."""

    path: str
    encoding: str
    mapping: Mapping[str, Any]

    @property
    def source(self) -> str:
        return str(self.mapping["source"])

    @property
    def mapping_path(self) -> str:
        return str(Path(self.path).with_suffix(".yaml"))


class _Stream:
    """One open file that grows by tables of the same schema."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.rows = 0
        self._path = path
        self._encoding = encoding
        self._parquet: pq.ParquetWriter | None = None
        self._text: IO[bytes] | None = None

    def append(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        if self._encoding == PARQUET:
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._path, table.schema, compression="zstd")
            self._parquet.write_table(table)
            return
        first = self._text is None
        if self._text is None:
            self._text = self._path.open("wb")
        sink = pa.BufferOutputStream()
        pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=first))
        content = sink.getvalue().to_pybytes()
        if self._encoding == GB18030:
            content = content.decode("utf-8").encode(GB18030)
        self._text.write(_BOM + content if first and self._encoding == UTF8_BOM else content)

    def close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._text is not None:
            self._text.close()


class Folder:
    """Writes a folder; a context manager. Every method may be called again for the same file to append to it.

    Raises FolderTakenError on entry when the folder exists and is not empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: Counter[str] = Counter()
        self._streams: dict[str, _Stream] = {}
        self._sources: dict[str, SourceFile] = {}

    def __enter__(self) -> Self:
        if self.path.exists() and any(self.path.iterdir()):
            raise FolderTakenError(f"{self.path} is not empty: name a new folder, or remove this one first")
        self.path.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams.values():
            stream.close()

    def write_source(self, file: SourceFile, table: pa.Table) -> None:
        """Append rows to an export; file and mapping begin with the first row, and none are made for no
        rows."""
        if not table.num_rows:
            return
        if file.path not in self._sources:
            self._sources[file.path] = file
            target = self.path / file.mapping_path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_yaml(file.mapping), encoding="utf-8")
        self._append(file.path, file.encoding, table)
        self._count_events(file.mapping.get("event"), table)

    def write_reference(self, name: str, table: pa.Table) -> None:
        self._append(f"reference/{name}.csv", UTF8, table)

    def write_truth(self, name: str, table: pa.Table) -> None:
        self._append(f"truth/{name}.parquet", PARQUET, table)

    def finish(self, kind: str, seed: int, persons: int, history: tuple[int, int], as_of: int) -> Manifest:
        """Write the manifest, once everything else is written; times are wall-clock seconds."""
        sources = self._source_entries()
        manifest = Manifest(
            kind=kind,
            seed=seed,
            persons=persons,
            time_zone=TIME_ZONE,
            history_start=aware(history[0]),
            history_end=aware(history[1]),
            as_of=aware(as_of),
            sources=sources,
            reference=self._table_entries("reference"),
            truth=self._table_entries("truth"),
            accounts=self._streams["truth/accounts.parquet"].rows,
            records=sum(entry.rows for entry in sources),
            events=dict(sorted(self.events.items())),
        )
        manifest.save(self.path)
        return manifest

    def _source_entries(self) -> tuple[SourceEntry, ...]:
        """Export files in the order in which they were begun."""
        return tuple(
            SourceEntry(path, file.mapping_path, file.source, file.encoding, self._streams[path].rows)
            for path, file in self._sources.items()
        )

    def _table_entries(self, kind: str) -> tuple[TableEntry, ...]:
        """Tables of a kind (reference or truth) in the order in which they were begun."""
        chosen = [path for path in self._streams if path.startswith(f"{kind}/")]
        return tuple(TableEntry(Path(path).stem, path, self._streams[path].rows) for path in chosen)

    def _append(self, path: str, encoding: str, table: pa.Table) -> None:
        if path not in self._streams:
            target = self.path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            self._streams[path] = _Stream(target, encoding)
        self._streams[path].append(table)

    def _count_events(self, event: Mapping[str, Any] | None, table: pa.Table) -> None:
        if event is None:
            return
        kind = event["type"]
        if isinstance(kind, str):
            self.events[kind] += table.num_rows
            return
        for entry in pc.value_counts(table[kind["column"]]).to_pylist():
            if entry["values"] is not None:
                self.events[entry["values"]] += entry["counts"]


def _yaml(mapping: Mapping[str, Any]) -> str:
    return yaml.dump(_plain(mapping), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full: anchors would puzzle a reader."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
