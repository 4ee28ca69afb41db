"""The lake's folder: immutable Parquet files by tenant and day, plain enough for any reader.

    <root>/<tenant>/day=2026-05-01/000000000042.parquet

A file is written under a hidden name, synced and renamed; only then may the manifest name it. Its name is that of
the flush, so that a flush that broke off before the manifest writes the same names again; `sweep` removes what
the manifest does not name.
"""

import os
import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tagging.domain.events import Event
from tagging.domain.tenants import TenantSettings
from tagging.store.lake_columns import LakeColumns
from tagging.store.ports import LakeFile

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

    def __init__(self, root: Path, columns: LakeColumns) -> None:
        self.root = root
        self._columns = columns

    def collect(self, events: Sequence[Event], settings: TenantSettings) -> LakePage:
        calendar = settings.calendar
        days = [calendar.day_of(event.time) for event in events]
        return LakePage(self._columns.table(events), pa.array(days, pa.date32()))

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
        removed = 0
        for path in self.root.glob("*/day=*/*"):
            if str(path.relative_to(self.root)) not in named:
                path.unlink()
                removed += 1
        return removed

    def path(self, file: LakeFile) -> str:
        """Where a file lies."""
        return str(self.root / file.path)

    def _write_day(self, tenant: str, day: date, events: pa.Table, flush: int) -> LakeFile:
        folder = self.root / tenant / f"day={day.isoformat()}"
        folder.mkdir(parents=True, exist_ok=True)
        final = folder / f"{flush:012d}.parquet"
        hidden = folder / f".{final.name}.writing"
        pq.write_table(
            events,
            hidden,
            compression="zstd",
            row_group_size=ROW_GROUP_ROWS,
            use_dictionary=["type", "source"],
            store_schema=False,  # Arrow's copy of the schema weighs more than the events of a quiet day
        )
        sync(hidden)
        hidden.rename(final)
        sync(folder)
        return LakeFile(str(final.relative_to(self.root)), day, events.num_rows, final.stat().st_size)


def sync(path: Path) -> None:
    """Returns when a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
