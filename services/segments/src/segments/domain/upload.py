"""What became of the entries of an uploaded list."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyroaring import BitMap

MAX_ENTRIES = 5_000_000
MAX_EXAMPLES = 20
MAX_PERSON_ID = 2**32 - 1


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
