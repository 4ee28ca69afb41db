"""Rows of reference tables with their history: what was in force when."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .meaning import Value

ALWAYS = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
"""The start of a version that was in force before any event."""
FOREVER = dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
"""The end of a version that is still in force; no event is as late."""
_NO_ROW: Mapping[str, Value] = {}


@dataclass(frozen=True, slots=True)
class RowHistory:
    """The versions of one row: each is in force from its start up to, and without, the next one's.

    starts  ascending, distinct, aware
    rows    one per start; columns that are not known are absent, and none is there when the row has ended
    """

    starts: tuple[dt.datetime, ...]
    rows: tuple[Mapping[str, Value], ...]

    @classmethod
    def always(cls, row: Mapping[str, Value]) -> "RowHistory":
        """A row that never was another."""
        return cls((ALWAYS,), (row,))

    @classmethod
    def of(cls, versions: Iterable[tuple[dt.datetime, Mapping[str, Value]]]) -> "RowHistory":
        """Versions in any order; of one start the last given counts."""
        ordered = sorted(dict(versions).items(), key=lambda each: each[0])
        return cls(tuple(start for start, _ in ordered), tuple(row for _, row in ordered))

    def at(self, moment: dt.datetime) -> Mapping[str, Value]:
        """What was in force at a moment; empty before the first version."""
        index = bisect_right(self.starts, moment)
        return self.rows[index - 1] if index else _NO_ROW

    def stretches(self) -> Iterable[tuple[dt.datetime, dt.datetime, Mapping[str, Value]]]:
        """(from, until, row): `until` is not part of the stretch."""
        return zip(self.starts, (*self.starts[1:], FOREVER), self.rows, strict=True)
