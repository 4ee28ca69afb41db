"""What a batch of changes moved: what to store, and whose memberships to look at again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pyroaring import BitMap
from rules.evaluate.meaning import Value
from segments.domain.changes import BLOCK_BITS, DayRolled, FeatureChange, PersonChange, TagChange


class ValueArrival(NamedTuple):
    """One person's value as it arrived, with the position that makes it later than others."""

    position: int
    value: Value | None


@dataclass(slots=True)
class Touched:
    """One tenant's.

    values     by column and person: single values to store
    blocks     by (column, block): the position of the last packed entry; the block is stored as it is in memory
    columns    by column: whoever the batch spoke of, those included whose value the other lane had overtaken
    persons    entries of the universe to store; `universe` whoever the batch spoke of there
    anew       columns whose meaning changed for everybody
    unfiled    columns that left their file: every block of them is among `blocks`
    everyone   all is new
    """

    values: dict[str, dict[int, ValueArrival]] = field(default_factory=dict)
    blocks: dict[tuple[str, int], int] = field(default_factory=dict)
    columns: dict[str, BitMap] = field(default_factory=dict)
    texts: dict[str, dict[int, str]] = field(default_factory=dict)
    persons: dict[int, PersonChange] = field(default_factory=dict)
    universe: BitMap = field(default_factory=BitMap)
    tags: dict[str, TagChange] = field(default_factory=dict)
    features: dict[str, FeatureChange] = field(default_factory=dict)
    anew: set[str] = field(default_factory=set)
    unfiled: set[str] = field(default_factory=set)
    day: DayRolled | None = None
    everyone: bool = False

    def spoke_of(self, column: str, persons: Iterable[int]) -> None:
        """Notes persons whose membership has to be looked at, or told again."""
        self.columns.setdefault(column, BitMap()).update(persons)

    def came(self, column: str, arrivals: Mapping[int, ValueArrival]) -> None:
        """Notes persons' new values."""
        self.values.setdefault(column, {}).update(arrivals)
        self.spoke_of(column, list(arrivals))

    def person(self, change: PersonChange, *, applied: bool) -> None:
        """Notes an entry of the universe; one that was not applied was overtaken."""
        self.universe.add(change.person_id)
        if applied:
            self.persons[change.person_id] = change

    def block(self, column: str, block: int, position: int) -> None:
        """Notes new values in one block."""
        self.blocks[column, block] = max(position, self.blocks.get((column, block), 0))

    def single_values(self) -> Iterable[tuple[str, int, ValueArrival]]:
        """(column, person_id, arrival) of what no stored block contains already."""
        for column, arrivals in self.values.items():
            for person_id, arrival in arrivals.items():
                if arrival.position > self.blocks.get((column, person_id >> BLOCK_BITS), -1):
                    yield column, person_id, arrival

    def persons_of(self, columns: Iterable[str]) -> BitMap:
        """Whoever was spoken of in these columns or in the universe."""
        found = self.universe.copy()
        for column in columns:
            if column in self.columns:
                found |= self.columns[column]
        return found
