"""What became of the entries of an uploaded list."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

MAX_ENTRIES = 5_000_000
MAX_EXAMPLES = 20
MAX_PERSON_ID = 2**32 - 1
Persons = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Match:
    """An entry: the living person, 0 for nobody, or what is wrong with the entry."""

    person_id: int
    problem: str = ""


@dataclass(slots=True)
class Upload:
    """Entries as they come; the counts but `total` add up to it."""

    persons: BitMap = field(default_factory=BitMap)
    total: int = 0
    unmatched: int = 0
    duplicate: int = 0
    rubbish: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)

    @property
    def matched(self) -> int:
        return len(self.persons)

    def take_persons(self, persons: Persons, is_rubbish: Mask, problem: str) -> None:
        """Takes the next entries, in order, all at once: `persons` are the living ones, 0 for nobody; `problem` is what
        is wrong with those that are rubbish."""
        places = np.flatnonzero(is_rubbish)[: MAX_EXAMPLES - len(self.examples)]
        self.examples += [(self.total + place, problem) for place in places.tolist()]
        found, before = persons[~is_rubbish & (persons > 0)], len(self.persons)
        self.persons |= BitMap(found.astype(np.uint32))
        rubbish = int(np.count_nonzero(is_rubbish))
        self.duplicate += len(found) - (len(self.persons) - before)
        self.unmatched += len(persons) - rubbish - len(found)
        self.rubbish += rubbish
        self.total += len(persons)

    def take(self, matches: Iterable[Match]) -> None:
        """Takes the next entries, in order."""
        for match in matches:
            if match.problem:
                self.rubbish += 1
                if len(self.examples) < MAX_EXAMPLES:
                    self.examples.append((self.total, match.problem))
            elif match.person_id == 0:
                self.unmatched += 1
            elif match.person_id in self.persons:
                self.duplicate += 1
            else:
                self.persons.add(match.person_id)
            self.total += 1
