"""Two groups of persons seen beside a base, value by value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from segments.domain.insight.cells import Cell
from segments.domain.insight.preference import Standards, Verdict, target_group_index, verdict, weight_of
from segments.domain.insight.significance import Floats, corrected, differences
from segments.domain.insight.tables import Column, TagTable

AUDIENCE, BASE, REST = 0, 1, 2
"""The groups of a table that a description is made of; the rest are those of the base who are not in the audience."""
FIRST, SECOND, COMMON, FIRST_ONLY, SECOND_ONLY = range(5)
"""The groups of a table that a comparison is made of; `COMMON` is the base of both."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One group in one cell; None: withheld. `share` of the persons whose tag is known, None when there are none."""

    persons: int | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Described:
    """A value in an audience and its base. Without `tgi` there is none, or it is withheld; then `p` and `verdict`
    are withheld, too."""

    cell: Cell
    audience: Counted
    base: Counted
    tgi: float | None
    p: float | None
    verdict: Verdict | None
    weight: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A value in two audiences, each with its TGI against one base."""

    cell: Cell
    first: Counted
    second: Counted
    first_tgi: float | None
    second_tgi: float | None
    p: float | None


def described(tables: Sequence[TagTable], standards: Standards) -> list[list[Described]]:
    """Each table's cells in its order, by the groups AUDIENCE, BASE, REST. p-values are corrected over all of them."""
    open_cells = [_told(table, AUDIENCE, BASE) for table in tables]
    p_values = _corrected(tables, open_cells, AUDIENCE, REST)
    found = []
    for table, told, p_row in zip(tables, open_cells, p_values, strict=True):
        audience, base = table.columns[AUDIENCE], table.columns[BASE]
        tgi = _tgi(audience, base)
        rows = []
        for place, cell in enumerate(table.cells):
            index, persons = float(tgi[place]), int(audience.counts[place])
            p = float(p_row[place])
            is_told = bool(told[place])
            rows.append(
                Described(
                    cell=cell,
                    audience=_counted(audience, place),
                    base=_counted(base, place),
                    tgi=index if is_told and not np.isnan(index) else None,
                    p=p if is_told else None,
                    verdict=verdict(persons, audience.persons, index, p, standards) if is_told else None,
                    weight=weight_of(persons, index) if is_told else 0.0,
                )
            )
        found.append(rows)
    return found


def compared(tables: Sequence[TagTable]) -> list[list[Compared]]:
    """Each table's cells in its order, by the groups FIRST to SECOND_ONLY. p-values are corrected over all of them."""
    open_cells = [_told(table, FIRST, SECOND) for table in tables]
    p_values = _corrected(tables, open_cells, FIRST_ONLY, SECOND_ONLY)
    found = []
    for table, told, p_row in zip(tables, open_cells, p_values, strict=True):
        first, second, base = (table.columns[each] for each in (FIRST, SECOND, COMMON))
        indexes = [_tgi(first, base), _tgi(second, base)]
        found.append(
            [
                Compared(
                    cell=cell,
                    first=_counted(first, place),
                    second=_counted(second, place),
                    first_tgi=_shown_index(indexes[0], place, first, base),
                    second_tgi=_shown_index(indexes[1], place, second, base),
                    p=float(p_row[place]) if told[place] else None,
                )
                for place, cell in enumerate(table.cells)
            ]
        )
    return found


def _told(table: TagTable, *groups: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    told = np.ones(len(table.cells), np.bool_)
    for group in groups:
        told[list(table.columns[group].hidden)] = False
    return told


def _corrected(
    tables: Sequence[TagTable],
    told: Sequence["np.ndarray[tuple[int], np.dtype[np.bool_]]"],
    one: int,
    other: int,
) -> list[Floats]:
    """p-values of every cell, corrected over those that are told; 1 for the others."""
    raw = [
        differences(
            table.columns[one].counts,
            table.columns[one].known,
            table.columns[other].counts,
            table.columns[other].known,
        )
        for table in tables
    ]
    if not raw:
        return []
    family = np.concatenate(list(told))
    everything = np.ones(len(family), np.float64)
    everything[family] = corrected(np.concatenate(raw)[family])
    return np.split(everything, np.cumsum([len(each) for each in raw])[:-1])


def _tgi(audience: Column, base: Column) -> Floats:
    return target_group_index(audience.counts, audience.known, base.counts, base.known)


def _shown_index(index: Floats, place: int, audience: Column, base: Column) -> float | None:
    if place in audience.hidden or place in base.hidden or np.isnan(index[place]):
        return None
    return float(index[place])


def _counted(column: Column, place: int) -> Counted:
    if place in column.hidden:
        return Counted(None, None)
    persons = int(column.counts[place])
    return Counted(persons, persons / column.known if column.known else None)
