"""Two groups of persons seen beside a base, value by value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from segments.domain.insight.cells import Cell
from segments.domain.insight.preference import Standards, Verdict, target_group_index, verdict, weight_of
from segments.domain.insight.significance import Floats, corrected, differences
from segments.domain.insight.tables import Column, TagTable

Told: TypeAlias = npt.NDArray[np.bool_]
"""Of each cell whether it may be told."""
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


@dataclass(frozen=True, slots=True)
class Description:
    """`values` of each table, in the order to show them and cut to what was asked; `preferences`: (tag_id, value) of
    all that are shown as such, the strongest first."""

    values: list[list[Described]]
    preferences: list[tuple[str, Described]]


def described(tables: Sequence[TagTable], limits: Sequence[int], standards: Standards) -> Description:
    """By the groups AUDIENCE, BASE, REST; `limits`: how many values of each. p-values are corrected over all cells that
    are told, shown or not."""
    told = [_told(table, AUDIENCE, BASE) for table in tables]
    p_values = _corrected(tables, told, AUDIENCE, REST)
    values, preferences = [], []
    for table, open_cells, p_row, most in zip(tables, told, p_values, limits, strict=True):
        seen = _Seen(table, open_cells, p_row, _tgi(table.columns[AUDIENCE], table.columns[BASE]), standards)
        values.append([seen.row(place) for place in _in_order(table, (AUDIENCE,), BASE, most)])
        preferences += [(table.tag_id, seen.row(place)) for place in seen.preferences()]
    preferences.sort(key=lambda each: (-each[1].weight, each[0], each[1].cell.key))
    return Description(values, preferences)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A table with all that is computed of its cells."""

    table: TagTable
    told: Told
    p: Floats
    tgi: Floats
    standards: Standards

    def preferences(self) -> list[int]:
        """The places that `verdict` would show; asked of all at once, for most are none."""
        audience, standards = self.table.columns[AUDIENCE], self.standards
        persons = audience.counts
        far = (self.tgi >= standards.high) | (self.tgi <= standards.low)
        many = (persons >= standards.fewest_persons) & (persons >= standards.least_share * audience.persons)
        return np.flatnonzero(self.told & far & many & (self.p < standards.below_p)).tolist()

    def row(self, place: int) -> Described:
        """A cell with its numbers."""
        audience, base = self.table.columns[AUDIENCE], self.table.columns[BASE]
        index, persons, p = float(self.tgi[place]), int(audience.counts[place]), float(self.p[place])
        is_told = bool(self.told[place])
        return Described(
            cell=self.table.cells[place],
            audience=_counted(audience, place),
            base=_counted(base, place),
            tgi=index if is_told and not np.isnan(index) else None,
            p=p if is_told else None,
            verdict=verdict(persons, audience.persons, index, p, self.standards) if is_told else None,
            weight=weight_of(persons, index) if is_told else 0.0,
        )


def compared(tables: Sequence[TagTable], limits: Sequence[int]) -> list[list[Compared]]:
    """By the groups FIRST to SECOND_ONLY, each table's values in the order to show them; `limits`: how many of each.
    p-values are corrected over all cells that are told, shown or not."""
    told = [_told(table, FIRST, SECOND) for table in tables]
    p_values = _corrected(tables, told, FIRST_ONLY, SECOND_ONLY)
    found = []
    for table, open_cells, p_row, most in zip(tables, told, p_values, limits, strict=True):
        first, second, base = (table.columns[each] for each in (FIRST, SECOND, COMMON))
        first_tgi, second_tgi = _tgi(first, base), _tgi(second, base)
        found.append(
            [
                Compared(
                    cell=table.cells[place],
                    first=_counted(first, place),
                    second=_counted(second, place),
                    first_tgi=_shown_index(first_tgi, place, first, base),
                    second_tgi=_shown_index(second_tgi, place, second, base),
                    p=float(p_row[place]) if open_cells[place] else None,
                )
                for place in _in_order(table, (FIRST, SECOND), COMMON, most)
            ]
        )
    return found


def _in_order(table: TagTable, groups: Sequence[int], then: int, most: int) -> list[int]:
    """Stretches from the lowest up; values by persons of the groups together, then of another one; those of which a
    group is withheld come last, in an order that tells nothing."""
    if table.ordered:
        return list(range(len(table.cells)))
    told = _told(table, *groups)
    persons = np.sum([table.columns[each].counts for each in groups], axis=0)
    other = np.where(_told(table, then), table.columns[then].counts, 0)
    order = np.lexsort((-np.where(told, other, 0), -np.where(told, persons, 0), ~told))
    return [int(place) for place in order[:most]]


def _told(table: TagTable, *groups: int) -> Told:
    told = np.ones(len(table.cells), np.bool_)
    for group in groups:
        told[list(table.columns[group].hidden)] = False
    return told


def _corrected(
    tables: Sequence[TagTable],
    told: Sequence[Told],
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
