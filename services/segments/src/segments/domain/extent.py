"""What the index takes, and what is due on it: of single columns and of a tenant's all."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from segments.domain.manifests import NamedFile


@dataclass(frozen=True, slots=True)
class Containers:
    """How many of each form a column in containers has. Of a column of value sets they are one for each value and
    block; of numbers `slices` blocks hold bit slices and `few` hold the numbers as they are, beside containers of who
    has one.
    """

    full: int = 0
    dense: int = 0
    sparse: int = 0
    run: int = 0
    slices: int = 0
    few: int = 0


@dataclass(frozen=True, slots=True)
class Extent:
    """One version of a column, as far as it can be told without reading a file that nobody has mapped.

    `blocks`      of 65,536 ids in which anybody has a value; None while its file is not mapped
    `persons`     who have a value; None while its file is not mapped
    `bytes`       of memory or of a mapped file, that it takes now
    `containers`  None of a plain column, and while its file is not mapped
    `changes`     values that were put since it was written to its file; 0 in none
    `file`        where it was written last; None: in none
    `damage`      the name of its file when that was found to be damaged
    `owes`        its file may hold values of somebody who was erased
    """

    blocks: int | None = None
    persons: int | None = None
    bytes: int = 0
    containers: Containers | None = None
    changes: int = 0
    file: NamedFile | None = None
    damage: str = ""
    owes: bool = False


class ColumnState(Enum):
    """Whether rules can be answered by a column."""

    READY = "ready"
    EMPTY = "nobody has a value"
    COMPUTING = "tagging computes it"
    FAILED = "tagging could not compute it"
    REBUILDING = "its file is damaged, all of it is told anew"


@dataclass(frozen=True, slots=True)
class ColumnStatus:
    """`form`: of the feature that it holds, "" for a tag's. `note` says more of the state. `by_runs`: nothing but runs
    computes it. `position`: in tagging's changelog, of what defined it. `beside`: single values stored beside its
    blocks or its file. `written`: when its file was, on the machine's clock."""

    column: str
    form: str
    state: ColumnState
    note: str
    by_runs: bool
    is_deprecated: bool
    position: int
    extent: Extent
    beside: int = 0
    written: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """Of the files of all tenants: what is mapped now, and what may be at most."""

    bytes: int = 0
    most_bytes: int = 0


@dataclass(frozen=True, slots=True)
class IndexTotals:
    """Of all columns of a tenant. `persons`: ids in the universe that stand for somebody. `as_of`: what day windows
    hold for."""

    columns: int
    in_files: int
    damaged: int
    not_ready: int
    bytes: int
    file_bytes: int
    changes: int
    persons: int
    mapped: Mapped
    as_of: dt.datetime


def totals_of(
    columns: Sequence[ColumnStatus], persons: int, mapped: Mapped, as_of: dt.datetime
) -> IndexTotals:
    """Sums over columns."""
    extents = [each.extent for each in columns]
    files = [each.file for each in extents if each.file is not None]
    return IndexTotals(
        columns=len(columns),
        in_files=len(files),
        damaged=sum(each.state is ColumnState.REBUILDING for each in columns),
        not_ready=sum(each.state is not ColumnState.READY for each in columns),
        bytes=sum(each.bytes for each in extents),
        file_bytes=sum(each.bytes for each in files),
        changes=sum(each.changes for each in extents),
        persons=persons,
        mapped=mapped,
        as_of=as_of,
    )
