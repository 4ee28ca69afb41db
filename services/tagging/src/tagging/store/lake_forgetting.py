"""Forgetting over the table `event` and the lake's files. An event belongs to its anchor; other keys are numbers."""

from collections.abc import Callable, Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.lake import LakeFile
from tagging.store.lake_files import events_writer
from tagging.store.lake_ports import LakeObjects
from tagging.store.sql_lists import pieces


class LakeForgetting:
    """Over the files of one lake."""

    def __init__(
        self, objects: LakeObjects, keep_columns: Callable[[str, Collection[str]], None] | None = None
    ) -> None:
        """`keep_columns`: removes what was built of other files of a tenant than those named."""
        self._objects = objects
        self._keep_columns = keep_columns

    def columns(self, tenant: str, paths: Collection[str]) -> None:
        if self._keep_columns is not None:
            self._keep_columns(tenant, paths)

    def rows(self, connection: Connection, tenant: str, key_ids: Collection[int]) -> int:
        removed = 0
        for piece, marks in pieces(key_ids):
            removed += execute(
                connection,
                f"DELETE FROM event WHERE tenant = ? AND anchor_key_id IN ({marks})",  # noqa: S608  # marks alone
                [tenant, *piece],
            ).rowcount
        return removed

    def rewritten(self, file: LakeFile, key_ids: Collection[int], name: str) -> LakeFile | None:
        erased = pa.array(sorted(key_ids), pa.int64())
        place = self._objects.open(file.path)
        if not _count(place, erased):
            return None
        with pq.ParquetFile(place) as source:
            folder, _, own = file.path.rpartition("/")
            path = f"{folder}/{own.split('.')[0]}.{name}.parquet"
            kept = 0
            with events_writer(self._objects.stage(path), source.schema_arrow) as writer:
                for number in range(source.num_row_groups):
                    group = source.read_row_group(number)
                    group = group.filter(pc.invert(_about(group, erased)))
                    kept += group.num_rows
                    writer.write_table(group)
        written = LakeFile(path, file.day, kept, self._objects.keep(path))
        remaining = _count(self._objects.open(path), erased)
        if remaining:
            raise RuntimeError(
                f"{path} was written without the erased and holds {remaining} events of theirs"
            )
        return written


def _count(place: Path, keys: pa.Array) -> int:
    """Events of the keys in a file."""
    with pq.ParquetFile(place) as source:
        batches = source.iter_batches(columns=["anchor_key_id"])
        return sum(pc.sum(_about(batch, keys)).as_py() or 0 for batch in batches)


def _about(events: pa.RecordBatch | pa.Table, erased: pa.Array) -> pa.Array:
    return pc.is_in(events["anchor_key_id"].cast(pa.int64()), value_set=erased)
