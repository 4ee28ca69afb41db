"""A tag counted in several groups of persons at once: cells, persons of each group in them, and what is withheld."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from rules.schema import TagType
from rules.values import Kind
from rules.windows import CalendarSettings
from segments.domain.insight.bins import bins_of, bounds_of
from segments.domain.insight.cells import Cell, at_level, path_of, stretch_cells, text_cell, value_cell
from segments.domain.insight.counts import ValueCounts, aligned
from segments.domain.insight.summary import Summary, summary_of
from segments.domain.insight.withholding import (
    FEWEST,
    OWN,
    Path,
    totals_of,
    withheld,
    withheld_overlapping,
)
from segments.domain.packing import Codes, days, moment_of, scalar_of

STRETCHED = frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME})
_QUARTER_HOUR_US = 900_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a tag: the level of its tree (0: values as stored), the bounds of its histogram (empty: by the
    values themselves), how many values to show."""

    tag_id: str
    level: int = 0
    bounds: tuple[int, ...] = ()
    max_values: int = 100


@dataclass(frozen=True, slots=True)
class Column:
    """One group's persons in every cell. `hidden`: the places of those that must not be told."""

    counts: Codes
    known: int
    persons: int
    hidden: frozenset[int]
    summary: Summary | None = None

    @property
    def unknown(self) -> int:
        return self.persons - self.known


class Cells(Sequence[Cell]):
    """Made when they are looked at: of a list of a hundred thousand values a hundred are shown."""

    def __init__(self, count: int, make: Callable[[int], Cell]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Cell: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Cell]: ...

    def __getitem__(self, place: int | slice) -> Cell | Sequence[Cell]:
        if isinstance(place, slice):
            return [self._make(each) for each in range(self._count)[place]]
        return self._make(range(self._count)[place])


@dataclass(frozen=True, slots=True)
class TagTable:
    """`columns` in the order of the groups; `ordered`: the cells are stretches, lowest first."""

    tag_id: str
    cells: Sequence[Cell]
    columns: tuple[Column, ...]
    ordered: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Persons, as many as there are, by the codes of a column."""

    counts: ValueCounts
    persons: int


TextOf = Callable[[int], str]


def table_of(
    tag: TagType,
    question: Question,
    groups: Sequence[Group],
    base: int,
    text_of: TextOf,
    calendar: CalendarSettings,
    fewest: int = FEWEST,
) -> TagTable:
    """The table of a tag. `groups[base]` gives a histogram its bounds; `fewest` 0 withholds nothing. Of a multi-valued
    tag of texts the codes' texts are those at the asked level already."""
    if tag.type.kind in STRETCHED:
        return _stretched(tag, question, groups, base, calendar, fewest)
    if tag.type.kind is Kind.TEXT:
        return _of_texts(tag, question, groups, text_of, fewest)
    codes, rows = aligned([each.counts for each in groups])
    listed = codes.tolist()
    cells = Cells(len(listed), lambda place: _listed_cell(tag, listed[place], text_of, question.level))
    return _flat(tag, cells, rows, groups, fewest, ordered=False)


def _listed_cell(tag: TagType, code: int, text_of: TextOf, level: int) -> Cell:
    kind = tag.type.element or tag.type.kind
    if kind is Kind.TEXT:
        key = path_of(tag, text_of(code))
        return text_cell(tag, key, stem=len(key) == level and tag.values is not None and tag.values.is_tree)
    return value_cell(tag, scalar_of(code, kind))


def _flat(
    tag: TagType,
    cells: Sequence[Cell],
    rows: Sequence[Codes],
    groups: Sequence[Group],
    fewest: int,
    *,
    ordered: bool,
    summaries: Sequence[Summary | None] = (),
) -> TagTable:
    """Cells side by side; those of a multi-valued tag overlap."""
    hiding = withheld_overlapping if tag.type.kind is Kind.LIST else withheld
    columns = []
    for place, (row, group) in enumerate(zip(rows, groups, strict=True)):
        stored: dict[Path, int] = {(str(number),): count for number, count in enumerate(row.tolist())}
        hidden = frozenset(int(key[0]) for key in hiding(totals_of(stored), fewest))
        summary = summaries[place] if summaries else None
        columns.append(Column(row, group.counts.known, group.persons, hidden, summary))
    return TagTable(tag.name, cells, tuple(columns), ordered)


def _stretched(
    tag: TagType,
    question: Question,
    groups: Sequence[Group],
    base: int,
    calendar: CalendarSettings,
    fewest: int,
) -> TagTable:
    if tag.type.kind is Kind.DATETIME:
        groups = [replace(each, counts=in_days(each.counts, calendar)) for each in groups]
    bounds = question.bounds or bounds_of(groups[base].counts)
    rows = []
    for each in groups:
        places = bins_of(each.counts.codes, bounds)
        rows.append(_summed(places, each.counts.counts, len(bounds) + 1))
    summaries = [summary_of(each.counts, fewest) for each in groups]
    cells = stretch_cells(tag, bounds, calendar)
    return _flat(tag, cells, rows, groups, fewest, ordered=True, summaries=summaries)


def in_days(counts: ValueCounts, calendar: CalendarSettings) -> ValueCounts:
    """Moments as the tenant's days."""
    distinct, into = np.unique(day_codes(counts.codes, calendar), return_inverse=True)
    return ValueCounts(distinct, _summed(into, counts.counts, len(distinct)), counts.known)


def day_codes(moments: Codes, calendar: CalendarSettings) -> Codes:
    """Microseconds since 1970 as the tenant's days since then. Zones move by quarters of an hour, so one moment of each
    is asked for its day."""
    quarters, places = np.unique(moments // _QUARTER_HOUR_US, return_inverse=True)
    found = [days(calendar.day_of(moment_of(each * _QUARTER_HOUR_US))) for each in quarters.tolist()]
    return np.asarray(found, np.int64)[places]


def _summed(places: Codes, counts: Codes, length: int) -> Codes:
    found = np.zeros(length, np.int64)
    np.add.at(found, places, counts)
    return found


def _of_texts(
    tag: TagType, question: Question, groups: Sequence[Group], text_of: TextOf, fewest: int
) -> TagTable:
    """One value for each person: levels add up, so cells of all levels are looked at together."""
    codes, rows = aligned([each.counts for each in groups])
    paths = [path_of(tag, text_of(code)) for code in codes.tolist()]
    stems = {path[:depth] for path in paths for depth in range(len(path))}
    keys = sorted({_shown(path, question.level, stems) for path in paths})
    columns = []
    for row, group in zip(rows, groups, strict=True):
        totals = totals_of(dict(zip(paths, row.tolist(), strict=True)))
        hidden = withheld(totals, fewest)
        columns.append(
            Column(
                counts=np.asarray([totals[key] for key in keys], np.int64),
                known=group.counts.known,
                persons=group.persons,
                hidden=frozenset(place for place, key in enumerate(keys) if key in hidden),
            )
        )
    cells = Cells(len(keys), lambda place: text_cell(tag, keys[place], stem=keys[place] in stems))
    return TagTable(tag.name, cells, tuple(columns), ordered=False)


def _shown(path: Path, level: int, stems: set[Path]) -> Path:
    """The cell that a stored value is shown in: persons at a value with others below it are a cell of their own,
    unless the level is asked for at which that value stands for all of them."""
    key = at_level(path, level)
    if key in stems and (key == path and (level == 0 or len(path) < level)):
        return (*key, OWN)
    return key


def labels(tag: TagType, level: int) -> Callable[[str], str]:
    """What a multi-valued text counts as at a level."""
    return lambda text: at_level(path_of(tag, text), level)[-1]
