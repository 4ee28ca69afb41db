"""The lake's folder: immutable Parquet files by tenant and day, plain enough for any reader.

    <root>/<tenant>/day=2026-05-01/000000000042.parquet

A file is staged, then kept under its name (`LakeObjects`); only then may the manifest name it. Its name is that of
the flush, so that a flush that broke off before the manifest writes the same names again; `sweep` removes what
the manifest does not name.
"""

import re
import weakref
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tagging.domain.lake import LakeFile
from tagging.domain.local_days import LocalDays
from tagging.domain.tenants import TenantSettings
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_objects import LocalLakeObjects
from tagging.store.lake_ports import LakeObjects
from tagging.store.stored_events import StoredEvents

ROW_GROUP_ROWS = 65_536
WRITING_THREADS = 4
"""Most of the time is the disk's."""
DAY = "$day"
_ORDER = [("type", "ascending"), ("time", "ascending"), ("ingest_sequence", "ascending")]
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class LakePage(NamedTuple):
    """Events and the tenant's day of each (date32)."""

    events: pa.Table
    days: pa.Array


class LakeFolder:
    """LakeWriter below one root. One process writes a tenant's files; any number read them."""

    def __init__(self, root: Path, columns: LakeColumns, objects: LakeObjects | None = None) -> None:
        """`objects`: where files lie; in the root itself when none are given."""
        self.root = root
        self.columns = columns
        self.objects: LakeObjects = objects if objects is not None else LocalLakeObjects(root)
        self._holds: Counter[str] = Counter()
        self._lock = Lock()

    def collect(self, events: StoredEvents, settings: TenantSettings) -> LakePage:
        times = np.array(events.times_us, np.int64)
        days = (
            times
            if not len(times)
            else LocalDays(settings.calendar, int(times.min()), int(times.max())).days(times)
        )
        return LakePage(self.columns.table(events), pa.array(days.astype(np.int32), pa.date32()))

    def write(self, tenant: str, pages: Sequence[LakePage], flush: int) -> list[LakeFile]:
        if not _TENANT.fullmatch(tenant):
            raise ValueError(f"{tenant!r} is not a tenant's name")
        events = pa.concat_tables([page.events for page in pages]).append_column(
            DAY, pa.chunked_array([page.days for page in pages])
        )
        events = events.sort_by([(DAY, "ascending"), *_ORDER])
        found = pc.run_end_encode(events[DAY].combine_chunks())
        parts, start = [], 0
        for day, end in zip(found.values.to_pylist(), found.run_ends.to_pylist(), strict=True):
            parts.append((day, events.slice(start, end - start).drop_columns([DAY])))
            start = end
        with ThreadPoolExecutor(WRITING_THREADS, thread_name_prefix="lake") as threads:
            return list(threads.map(lambda part: self._write_day(tenant, part[0], part[1], flush), parts))

    def sweep(self, named: Collection[str]) -> int:
        unnamed = self.objects.paths().difference(named)
        for path in unnamed:
            self.objects.remove(path)
        return len(unnamed) + self.objects.clear()

    def path(self, file: LakeFile) -> str:
        """Where a file can be read."""
        return str(self.objects.open(file.path))

    def hold(self, reader: Any, files: Sequence[LakeFile]) -> None:
        """Files stay until the reader, any object, is no more."""
        paths = [file.path for file in files]
        with self._lock:
            self._holds.update(paths)
        weakref.finalize(reader, self._release, paths)

    def held(self, path: str) -> bool:
        """Whether somebody holds a file."""
        with self._lock:
            return self._holds[path] > 0

    def _release(self, paths: Sequence[str]) -> None:
        with self._lock:
            self._holds.subtract(paths)
            self._holds += Counter()

    def _write_day(self, tenant: str, day: date, events: pa.Table, flush: int) -> LakeFile:
        path = f"{tenant}/day={day.isoformat()}/{flush:012d}.parquet"
        write_events(events, self.objects.stage(path))
        return LakeFile(path, day, events.num_rows, self.objects.keep(path))


def write_events(events: pa.Table, place: Path) -> None:
    """Writes a file of the lake."""
    with events_writer(place, events.schema) as writer:
        writer.write_table(events, ROW_GROUP_ROWS)


def events_writer(place: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Writes a file of the lake piece by piece; a context."""
    return pq.ParquetWriter(
        place,
        schema,
        compression="zstd",
        use_dictionary=["type", "source"],
        store_schema=False,  # Arrow's copy of the schema weighs more than the events of a quiet day
    )
