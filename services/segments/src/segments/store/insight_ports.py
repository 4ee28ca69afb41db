"""What insight asks of an index."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from segments.domain.insight.counts import ValueCounts
from segments.domain.packing import Codes
from segments.store.ports import TenantIndex

Label = Callable[[str], str]
"""What a text counts as."""


@dataclass(frozen=True, slots=True)
class Tabulated:
    """`counts` of each group, in order; `texts` of the codes of a column of texts."""

    counts: list[ValueCounts]
    texts: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Ones:
    """Who has what: `places` in the array of persons asked for, ascending, and `codes`, equally long; somebody with
    several values comes several times, somebody with none not at all."""

    places: npt.NDArray[np.int64]
    codes: Codes
    texts: Mapping[int, str]


class Groups(Protocol):
    """Groups of persons of one version of an index. Pure; costs what the column and the groups are long."""

    def tabulate(self, column: str, label: Label | None = None) -> Tabulated:
        """How many of each group have each value of a tag. With a label texts count as what it says, and a person whose
        several values count as the same counts once. Raises KeyError for no such column."""
        ...


class TagColumns(Protocol):
    """One version of an index, asked about persons. A column is a tag's; KeyError for no such column."""

    def among(self, index: TenantIndex, groups: Sequence[BitMap]) -> Groups:
        """Groups to ask about any number of columns."""
        ...

    def ones(self, index: TenantIndex, column: str, person_ids: npt.NDArray[np.uint32]) -> Ones:
        """The values of single persons; `person_ids` ascending. A code means the same in all answers of one version."""
        ...
