"""An index wholly in memory: the first one of the segments service, and the one in tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from rules.check import Population

from .columns import MemoryColumn


@dataclass(slots=True)
class MemoryBitmaps:
    """Whoever changes the columns and sets sees to it that no evaluation runs meanwhile."""

    universes: Mapping[Population, BitMap] = field(default_factory=dict)
    tags: Mapping[str, MemoryColumn] = field(default_factory=dict)
    features: Mapping[str, MemoryColumn] = field(default_factory=dict)
    segments: Mapping[str, BitMap] = field(default_factory=dict)
    hashes: Mapping[int, int] = field(default_factory=dict)

    def universe(self, population: Population) -> BitMap:
        return self.universes.get(population, BitMap()).copy()

    def tag(self, name: str) -> MemoryColumn:
        return _found(self.tags, name, "tag")

    def feature(self, form: str) -> MemoryColumn:
        return _found(self.features, form, "feature")

    def segment(self, name: str) -> BitMap:
        if name not in self.segments:
            raise LookupError(f"the index has no segment '{name}'")
        return self.segments[name].copy()

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        """Of each, in the same order; 0 for one that is not known."""
        return np.array([self.hashes.get(each, 0) for each in person_ids.tolist()], np.uint64)


def _found(columns: Mapping[str, MemoryColumn], name: str, what: str) -> MemoryColumn:
    if name not in columns:
        raise LookupError(f"the index has no {what} '{name}'")
    return columns[name]
