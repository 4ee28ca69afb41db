"""Forgetting over the table `event` and the lake's files. An event belongs to its anchor; other keys are numbers."""

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.store.lake_files import ROW_GROUP_ROWS, sync
from tagging.store.ports import LakeFile
from tagging.store.sql_lists import pieces


class LakeForgetting:
    """Below one root."""

    def __init__(self, root: Path) -> None:
        self._root = root

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
        path = self._root / file.path
        erased = pa.array(sorted(key_ids), pa.int64())
        anchors = pq.read_table(path, columns=["anchor_key_id"])["anchor_key_id"].cast(pa.int64())
        about = pc.is_in(anchors, value_set=erased)
        if not pc.any(about).as_py():
            return None
        kept = pq.read_table(path).filter(pc.invert(about))
        final = path.with_name(f"{path.name.split('.')[0]}.{name}.parquet")
        hidden = path.with_name(f".{final.name}.writing")
        pq.write_table(
            kept,
            hidden,
            compression="zstd",
            row_group_size=ROW_GROUP_ROWS,
            use_dictionary=["type", "source"],
            store_schema=False,
        )
        sync(hidden)
        hidden.rename(final)
        sync(final.parent)
        return LakeFile(str(final.relative_to(self._root)), file.day, kept.num_rows, final.stat().st_size)

    def remove(self, paths: Collection[str]) -> None:
        for path in paths:
            (self._root / path).unlink(missing_ok=True)
