"""Stores versions of rows of a reference table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.evaluate.meaning import Value
from rules.schema import ReferenceTable
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import InvalidField
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.domain.columns import microseconds
from tagging.domain.dictionary import Dictionary, is_of
from tagging.domain.reference_rows import RowVersion
from tagging.errors import TableUnknown
from tagging.store.mapping_ports import Mapped, MappingChanges, ReferenceTables


@dataclass(frozen=True, slots=True)
class PutRows:
    """What was stored."""

    changed_count: int
    revision: Revision


class PutReferenceRows:
    """All versions or none; one with a known key and start replaces the stored one.

    What is asked from now on reads the new rows; stored values of the stream follow soon (`FollowMapping`).
    """

    def __init__(
        self,
        references: ReferenceTables,
        changes: MappingChanges,
        dictionary: Dictionary,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._references = references
        self._changes = changes
        self._dictionary = dictionary
        self._changelog = changelog
        self._clock = clock

    def __call__(
        self, connection: Connection, tenant: str, table: str, versions: Sequence[RowVersion]
    ) -> PutRows:
        """Raises TableUnknown, TableFull, and InvalidField for a column that the table lacks or of another type."""
        known = self.table(table)
        for each in versions:
            _require_columns(known, each.key, each.columns)
        changed = self._references.put(connection, tenant, table, versions)
        if changed:
            now_ms = microseconds(self._clock.machine_now()) // 1_000
            self._changes.add(connection, tenant, Mapped("table", table), now_ms)
        return PutRows(changed, self._changelog.append(connection, Lane.LIVE, []))

    def table(self, name: str) -> ReferenceTable:
        """Raises TableUnknown."""
        known = self._dictionary.tables.get(name)
        if known is None:
            raise TableUnknown(name, self._dictionary.tables)
        return known


def _require_columns(table: ReferenceTable, key: str, columns: Mapping[str, Value]) -> None:
    for name, value in columns.items():
        column = table.column(name)
        if column is None:
            names = ", ".join(each.name for each in table.columns)
            raise InvalidField(f"rows[{key}].columns[{name}]", f"{table.name} has only {names}")
        if not is_of(value, column.type):
            raise InvalidField(f"rows[{key}].columns[{name}]", f"is not a {column.type}")
