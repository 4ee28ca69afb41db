"""Columns of values as entries that say their whole state."""

from collections.abc import Iterator

from huaxiang.tagging.v1 import change_pb2
from servicekit.changelog import Entry
from sqlalchemy import Connection
from tagging.domain.changes import ChangeKind
from tagging.store.tag_entries import exported_blocks
from tagging.store.tag_ports import TagValues


class ColumnExport:
    """ExportColumn over TagValues."""

    def __init__(self, values: TagValues) -> None:
        self._values = values

    def __call__(self, connection: Connection, tenant: str, column: str) -> Iterator[Entry]:
        for block in exported_blocks(connection, tenant, column, self._values):
            yield Entry(ChangeKind.VALUES, tenant, change_pb2.Change(block=block).SerializeToString())
