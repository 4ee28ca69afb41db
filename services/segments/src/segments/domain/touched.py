"""What a batch of changes moved: what to store, and whose memberships to look at again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pyroaring import BitMap
from rules.evaluate.meaning import Value
from segments.domain.changes import DayRolled, FeatureChange, PersonChange, TagChange


class ValueArrival(NamedTuple):
    """One person's value as it arrived, with the position that makes it later than others."""

    position: int
    value: Value | None


@dataclass(slots=True)
class Touched:
    """One tenant's. `columns` holds, per column, the persons whose value may have changed; `blocks` per (column, block)
    the position of the last packed entry; `everyone` says that all is new."""

    values: dict[tuple[str, int], ValueArrival] = field(default_factory=dict)
    blocks: dict[tuple[str, int], int] = field(default_factory=dict)
    columns: dict[str, BitMap] = field(default_factory=dict)
    texts: dict[str, dict[int, str]] = field(default_factory=dict)
    persons: dict[int, PersonChange] = field(default_factory=dict)
    tags: dict[str, TagChange] = field(default_factory=dict)
    features: dict[str, FeatureChange] = field(default_factory=dict)
    day: DayRolled | None = None
    everyone: bool = False

    def value(self, column: str, person_id: int, position: int, value: Value | None) -> None:
        """Notes one person's new value."""
        self.values[column, person_id] = ValueArrival(position, value)
        self.columns.setdefault(column, BitMap()).add(person_id)

    def block(self, column: str, block: int, position: int, persons: BitMap) -> None:
        """Notes new values in one block; earlier arrivals of single values in it are part of the stored block."""
        self.blocks[column, block] = position
        self.columns.setdefault(column, BitMap()).update(persons)

    def persons_of(self, columns: Mapping[str, object] | frozenset[str]) -> BitMap:
        """Whoever was touched by a change of these columns, or of the universe."""
        found = BitMap(self.persons)
        for column in columns:
            if column in self.columns:
                found |= self.columns[column]
        return found
