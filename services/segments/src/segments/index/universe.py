"""Who there is: populations, redirects and birth hashes of one tenant."""

from dataclasses import dataclass, field

from pyroaring import BitMap
from rules.check import Population

from segments.domain.changes import PersonChange, PersonState


@dataclass(slots=True)
class Universe:
    """Every id that was ever seen, by its latest version."""

    persons: dict[int, PersonChange] = field(default_factory=dict)
    populations: dict[Population, BitMap] = field(
        default_factory=lambda: {population: BitMap() for population in Population}
    )

    def apply(self, change: PersonChange) -> bool:
        """Takes an entry; false when a higher version is known."""
        known = self.persons.get(change.person_id)
        if known is not None and known.version > change.version:
            return False
        self.persons[change.person_id] = change
        _place(self.populations[Population.ALL], change.person_id, inside=change.state.living)
        _place(
            self.populations[Population.KNOWN],
            change.person_id,
            inside=change.state in {PersonState.KNOWN, PersonState.MEMBER},
        )
        _place(
            self.populations[Population.MEMBER], change.person_id, inside=change.state is PersonState.MEMBER
        )
        return True

    def living(self, person_id: int) -> int:
        """The living person that an id stands for, 0 for none. Redirects are resolved at their source; an entry that
        has not arrived yet can make one lead to another, so it follows as many as it must."""
        seen: set[int] = set()
        while person_id not in seen:
            seen.add(person_id)
            person = self.persons.get(person_id)
            if person is None or person.state is PersonState.ERASED:
                return 0
            if person.state is not PersonState.REDIRECTED:
                return person_id
            person_id = person.redirect_person_id
        return 0

    def birth_hash(self, person_id: int) -> int:
        """The keyed hash of the birth identifier, 0 for an unknown id."""
        person = self.persons.get(person_id)
        return 0 if person is None else person.birth_hash


def _place(population: BitMap, person_id: int, *, inside: bool) -> None:
    if inside:
        population.add(person_id)
    else:
        population.discard(person_id)
