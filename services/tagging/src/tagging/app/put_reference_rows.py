"""Stores rows of a reference table."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.evaluate.meaning import Value
from rules.schema import ReferenceTable
from servicekit.changelog import Changelog
from servicekit.errors import InvalidField
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.domain.dictionary import Dictionary, is_of
from tagging.errors import TableUnknown
from tagging.store.ports import ReferenceTables


@dataclass(frozen=True, slots=True)
class PutRows:
    """What was stored."""

    changed_count: int
    revision: Revision


class PutReferenceRows:
    """All rows or none; a row with a known key replaces the stored one.

    Tags read rows when they are computed: values already stored follow with the person's next fact, rolled day
    or run.
    """

    def __init__(self, references: ReferenceTables, dictionary: Dictionary, changelog: Changelog) -> None:
        self._references = references
        self._dictionary = dictionary
        self._changelog = changelog

    def __call__(
        self, connection: Connection, tenant: str, table: str, rows: Mapping[str, Mapping[str, Value]]
    ) -> PutRows:
        """Raises TableUnknown, and InvalidField for a column that the table lacks or of another type."""
        known = self._dictionary.tables.get(table)
        if known is None:
            raise TableUnknown(table, self._dictionary.tables)
        for key, columns in rows.items():
            _require_columns(known, key, columns)
        changed = self._references.put(connection, tenant, table, rows)
        return PutRows(changed, self._changelog.append(connection, Lane.LIVE, []))


def _require_columns(table: ReferenceTable, key: str, columns: Mapping[str, Value]) -> None:
    for name, value in columns.items():
        column = table.column(name)
        if column is None:
            names = ", ".join(each.name for each in table.columns)
            raise InvalidField(f"rows[{key}].columns[{name}]", f"{table.name} has only {names}")
        if not is_of(value, column.type):
            raise InvalidField(f"rows[{key}].columns[{name}]", f"is not a {column.type}")
