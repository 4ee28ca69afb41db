"""Passes over rows of everybody that other code may do in place of NumPy's, with the same outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from rules.errors import NumberOverflow
from rules.evaluate.setting import Setting
from rules.tree import Aggregate, Condition, Function
from rules.values import SCALE, Kind
from rules.windows import Interval

from .columns import Bools, Column, EventTable, Ints, Numbers, epoch_us
from .exact import half_even
from .local_days import offset_us
from .rows import RowReader

MAX_FILTERS = 16
_EVER = -(2**63)


@dataclass(frozen=True)
class Chosen:
    """Rows in order of person, time and ingest sequence, and which of them count.

    owners     the slot of each row's person, ascending
    times      microseconds since 1970 UTC; those from since_us to before before_us count
    conditions of each row; all of them must hold
    """

    owners: Numbers
    times: Ints
    since_us: int
    before_us: int
    conditions: tuple[Bools, ...] = ()


@dataclass(frozen=True)
class Flagged:
    """Rows of one event type in order of person, time and ingest sequence. `flags`: bit i says whether a row passes the
    i-th filter."""

    owners: Numbers
    times: Ints
    sequences: Ints
    flags: Numbers


class Passes(Protocol):
    """Results have a slot for each of `persons`. Safe for threads; methods block."""

    def counts(self, rows: Chosen, persons: int) -> Ints:
        """How many rows count."""
        ...

    def totals(self, rows: Chosen, values: Numbers, persons: int) -> Ints | None:
        """Sums of values; None when one may be beyond 64 bits on the way."""
        ...

    def places(self, rows: Chosen, index: int, persons: int) -> Ints:
        """The row that is the index-th of those that count, from 1, or the last of index 0; -1 where there is none."""
        ...

    def extremes(self, rows: Chosen, values: Numbers, persons: int, *, greatest: bool) -> tuple[Bools, Ints]:
        """Who has rows that count, and their least or greatest value."""
        ...

    def days(self, rows: Chosen, offset_us: int, persons: int) -> Ints:
        """On how many days, of a clock that is so far ahead of UTC, rows count."""
        ...

    def by_code(self, owners: Numbers, codes: Numbers) -> Ints:
        """The stable order of rows by person and code; owners ascending."""
        ...

    def chained(
        self,
        parts: Sequence[Flagged],
        matches: Sequence[int],
        forbidden: Sequence[int],
        within_us: int | None,
        persons: int,
    ) -> Bools:
        """Whose rows hold a chain: of each step the bit of its filter and those of what may not lie before it. A
        filter's rows are all in one part; sequences tell ties between parts apart. At most MAX_FILTERS bits."""
        ...


@runtime_checkable
class PassedTable(Protocol):
    """An EventTable whose rows somebody passes over faster than NumPy does; None when nobody is there."""

    @property
    def passes(self) -> Passes | None: ...


def passes_of(table: EventTable) -> Passes | None:
    """Who passes over a table in place of NumPy."""
    return table.passes if isinstance(table, PassedTable) else None


def chosen(
    table: EventTable, reader: RowReader, span: Interval, where: Condition | None, *columns: Column
) -> Chosen:
    """The rows of a span that satisfy a condition and have a value in these columns. Raises NumberOverflow of any
    row."""
    passing = reader.passing(where)
    conditions = [] if passing is None else [passing]
    conditions += [each.known for each in columns if not each.known.all()]
    since = _EVER if span.start is None else epoch_us(span.start)
    return Chosen(table.owners, table.times, since, epoch_us(span.end), tuple(conditions))


def passed_over(
    node: Aggregate, table: EventTable, reader: RowReader, setting: Setting, persons: int
) -> Column | None:
    """An aggregate of the events themselves or of their own properties; None of what no pass is for, or when nobody
    passes over the table."""
    passes = passes_of(table)
    if passes is None or node.net or (node.property is not None and len(node.property.path) > 1):
        return None
    try:
        return _Passed(node, table, reader, passes, setting, persons).column()
    except NumberOverflow:  # of a row outside the window, perhaps
        return None


@dataclass(frozen=True)
class _Passed:
    node: Aggregate
    table: EventTable
    reader: RowReader
    passes: Passes
    setting: Setting
    persons: int

    def column(self) -> Column | None:
        node, passes, persons = self.node, self.passes, self.persons
        if node.property is None:
            match node.function:
                case Function.COUNT:
                    return _number(passes.counts(self._rows(), persons))
                case Function.DAYS:
                    offset = offset_us(self.table.times, self.setting)
                    return None if offset is None else _number(passes.days(self._rows(), offset, persons))
                case Function.FIRST | Function.LAST | Function.NTH:
                    times = Column(Kind.DATETIME, np.ones(len(self.table.times), np.bool_), self.table.times)
                    return self._taken(times, self._rows())
            return None
        if node.function is Function.DISTINCT:
            return None
        values = self.reader.read(node.property)
        rows = self._rows(values)
        match node.function:
            case Function.FIRST | Function.LAST | Function.NTH:
                return self._taken(values, rows)
            case Function.SUM:
                totals = passes.totals(rows, values.data, persons)
                return None if totals is None else Column(Kind.NUMBER, np.ones(persons, np.bool_), totals)
            case Function.AVG:
                return self._average(rows, values)
            case Function.MIN | Function.MAX if values.kind is not Kind.TEXT:
                greatest = node.function is Function.MAX
                known, found = passes.extremes(rows, values.data, persons, greatest=greatest)
                return Column(values.kind, known, found)
        return None

    def _rows(self, *columns: Column) -> Chosen:
        span = self.reader.span(self.node.window)
        return chosen(self.table, self.reader, span, self.node.where, *columns)

    def _taken(self, values: Column, rows: Chosen) -> Column:
        index = {Function.FIRST: 1, Function.LAST: 0}.get(self.node.function, self.node.index or 1)
        places = self.passes.places(rows, index, self.persons)
        known = places >= 0
        data = values.data[places] if len(values.data) else np.zeros(len(places), np.int64)
        return Column(values.kind, known, np.where(known, data, 0), values.texts)

    def _average(self, rows: Chosen, values: Column) -> Column | None:
        totals = self.passes.totals(rows, values.data, self.persons)
        if totals is None or (len(totals) and int(np.abs(totals).max()) > 2**61):
            return None
        counts = self.passes.counts(rows, self.persons)
        return Column(Kind.NUMBER, counts > 0, half_even(totals, np.maximum(counts, 1)))


def _number(counts: Ints) -> Column:
    return Column(Kind.NUMBER, np.ones(len(counts), np.bool_), counts * SCALE)
