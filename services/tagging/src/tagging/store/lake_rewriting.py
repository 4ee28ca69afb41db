"""Rewriting the lake's files: DuckDB sorts, on disk where memory ends; Arrow writes what DuckDB streams."""

import hashlib
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tagging.domain.lake import LakeFile
from tagging.store.lake_files import ROW_GROUP_ROWS, LakeFolder, events_writer

MEMORY = "256MB"
"""What DuckDB may use of memory while it sorts; the rest goes to `.sorting` in the lake's root."""
SORTING = ".sorting"


class _Reading:
    """While it lives, files are read."""


class LakeMerging:
    """LakeRewriting over one folder."""

    def __init__(self, folder: LakeFolder) -> None:
        self._folder = folder

    def merged(self, tenant: str, files: Sequence[LakeFile]) -> LakeFile:
        paths = sorted(file.path for file in files)
        if len({file.day for file in files}) != 1:
            raise ValueError("only files of one day become one")
        reading = _Reading()
        self._folder.hold(reading, files)
        objects, day = self._folder.objects, files[0].day
        digest = hashlib.blake2b("\n".join(paths).encode(), digest_size=8).hexdigest()
        path = f"{tenant}/day={day.isoformat()}/c{digest}.parquet"
        count = self._sort([objects.open(each) for each in paths], objects.stage(path))
        expected = sum(file.event_count for file in files)
        if count != expected:
            raise RuntimeError(f"{len(files)} files of {tenant} {day} hold {count} events, not {expected}")
        return LakeFile(path, day, count, objects.keep(path))

    def held(self, path: str) -> bool:
        return self._folder.held(path)

    def remove(self, paths: Collection[str]) -> None:
        for path in paths:
            self._folder.objects.remove(path)
        self._folder.objects.trim(self._folder.held)

    def _sort(self, sources: Sequence[Path], place: Path) -> int:
        """Writes the events of the sources in order; how many there were."""
        import duckdb

        space = self._folder.root / SORTING
        shutil.rmtree(space, ignore_errors=True)
        count = 0
        with duckdb.connect(
            ":memory:", config={"memory_limit": MEMORY, "threads": 1, "temp_directory": str(space)}
        ) as duck:
            duck.execute("SET TimeZone = 'UTC'")
            duck.execute("SET enable_progress_bar = false")
            duck.execute("SET preserve_insertion_order = false")
            rows = duck.sql(
                "SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = false) "
                "ORDER BY time, ingest_sequence",
                params=[[str(each) for each in sources]],
            ).to_arrow_reader(ROW_GROUP_ROWS)
            schema = _schema(sources)
            with events_writer(place, schema) as writer:
                for batch in rows:
                    table = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                    writer.write_table(table, ROW_GROUP_ROWS)
                    count += table.num_rows
        shutil.rmtree(space, ignore_errors=True)
        return count


def _schema(sources: Sequence[Path]) -> pa.Schema:
    """Whatever any of the files has, `extra` last; a file of another release may have other properties."""
    found: dict[str, Any] = {}
    for field in pa.unify_schemas([pq.read_schema(each) for each in sources], promote_options="permissive"):
        found[field.name] = field
    extra = found.pop("extra")
    return pa.schema([*found.values(), extra])
