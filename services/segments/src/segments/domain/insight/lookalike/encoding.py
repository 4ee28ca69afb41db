"""Tag values as the columns of a design: what is frequent by itself, what is rare together, and having no value."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rules.schema import TagType
from rules.values import Kind
from rules.windows import CalendarSettings
from segments.domain.insight.bins import bins_of, bounds_of
from segments.domain.insight.cells import Cell, path_of, stretch_cells, text_cell, value_cell
from segments.domain.insight.counts import ValueCounts
from segments.domain.insight.tables import STRETCHED, day_codes
from segments.domain.packing import Codes, scalar_of

MAX_VALUES = 50
FEWEST_PERSONS = 20
"""Values of fewer persons, of those learned from, are learned together."""
TextOf = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Feature:
    """A column of the design. Without a cell it stands for all rare values, or, `unknown`, for having none."""

    tag_id: str
    cell: Cell | None = None
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class TagEncoding:
    """How one tag's codes become columns: `first` on, one for each of `codes` (ascending), then the rare ones, then
    nothing known. With `bounds` codes are put into bins first."""

    tag: TagType
    calendar: CalendarSettings
    first: int
    codes: Codes
    bounds: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.codes) + 2

    def encode(
        self, places: npt.NDArray[np.int64], codes: Codes, persons: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(rows, columns) of the ones of `persons` persons, whose values stand at `places`."""
        values = _binned(self.tag, codes, self.bounds, self.calendar)
        rare = self.first + len(self.codes)
        columns = np.full(len(values), rare, np.int64)
        if len(self.codes):
            at = np.minimum(np.searchsorted(self.codes, values), len(self.codes) - 1)
            columns = np.where(self.codes[at] == values, self.first + at, rare)
        if self.tag.type.kind is Kind.LIST and len(places):
            places, columns = np.unique(np.stack([places, columns]), axis=1)
        without = np.ones(persons, np.bool_)
        without[places] = False
        unknown = np.flatnonzero(without).astype(np.int64)
        return (
            np.concatenate([places, unknown]),
            np.concatenate([columns, np.full(len(unknown), rare + 1, np.int64)]),
        )

    def features(self, text_of: TextOf) -> list[Feature]:
        """What its columns stand for, in order."""
        tag = self.tag
        if tag.type.kind in STRETCHED:
            stretches = stretch_cells(tag, self.bounds, self.calendar)
            cells = [stretches[each] for each in self.codes.tolist()]
        else:
            cells = [_cell(tag, each, text_of) for each in self.codes.tolist()]
        return [
            *(Feature(tag.name, each) for each in cells),
            Feature(tag.name),
            Feature(tag.name, unknown=True),
        ]


def encoding_of(tag: TagType, first: int, codes: Codes, calendar: CalendarSettings) -> TagEncoding:
    """An encoding of the values that persons have: the most frequent ones, or readable bins. `first`: where the tag's
    columns begin."""
    bounds: tuple[int, ...] = ()
    if tag.type.kind in STRETCHED:
        there, counts = np.unique(_binned(tag, codes, None, calendar), return_counts=True)
        bounds = bounds_of(ValueCounts.of(there, counts))
    values, counts = np.unique(_binned(tag, codes, bounds, calendar), return_counts=True)
    frequent = counts >= FEWEST_PERSONS
    values, counts = values[frequent], counts[frequent]
    most = np.sort(np.argsort(-counts, kind="stable")[:MAX_VALUES])
    return TagEncoding(tag, calendar, first, values[most].astype(np.int64), bounds)


def _binned(tag: TagType, codes: Codes, bounds: tuple[int, ...] | None, calendar: CalendarSettings) -> Codes:
    """Codes as days for moments, then in bins for whatever has bounds."""
    if tag.type.kind is Kind.DATETIME:
        codes = day_codes(codes, calendar)
    return bins_of(codes, bounds) if tag.type.kind in STRETCHED and bounds is not None else codes


def _cell(tag: TagType, code: int, text_of: TextOf) -> Cell:
    kind = tag.type.element or tag.type.kind
    if kind is Kind.TEXT:
        return text_cell(tag, path_of(tag, text_of(code)), stem=False)
    return value_cell(tag, scalar_of(code, kind))
