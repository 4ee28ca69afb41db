"""Who there is: populations, redirects and birth hashes of one tenant, in blocks of 65,536 ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population

from segments.domain.changes import BLOCK_BITS, BLOCK_SIZE, PersonChange, PersonState
from segments.index.stamps import new_stamp

_OFFSET = BLOCK_SIZE - 1
_NEVER_SEEN = 0
_POPULATIONS = {
    Population.ALL: frozenset({PersonState.ANONYMOUS, PersonState.KNOWN, PersonState.MEMBER}),
    Population.KNOWN: frozenset({PersonState.KNOWN, PersonState.MEMBER}),
    Population.MEMBER: frozenset({PersonState.MEMBER}),
}


@dataclass(slots=True)
class _People:
    states: npt.NDArray[np.uint8]
    versions: npt.NDArray[np.int64]
    redirects: npt.NDArray[np.int64]
    birth_hashes: npt.NDArray[np.uint64]

    def copy(self) -> "_People":
        return _People(
            self.states.copy(), self.versions.copy(), self.redirects.copy(), self.birth_hashes.copy()
        )


class Universe:
    """Every id that was ever seen, by its latest version. A copy shares what it does not write."""

    def __init__(self) -> None:
        self._people: dict[int, _People] = {}
        self._own: set[int] = set()
        self.populations: dict[Population, BitMap] = {population: BitMap() for population in Population}
        self.erased = BitMap()
        self._redirected = BitMap()
        self._gone: tuple[int, BitMap] | None = None
        self._own_sets = True
        self.stamp = new_stamp()

    def copy(self) -> "Universe":
        """One to change."""
        other = Universe()
        other._people = dict(self._people)
        other.populations = dict(self.populations)
        other.erased, other._redirected = self.erased, self._redirected
        other._own_sets = False
        other.stamp = self.stamp
        return other

    def apply(self, change: PersonChange) -> bool:
        """Takes an entry; false when a higher version is known."""
        people = self._writable(change.person_id >> BLOCK_BITS)
        offset = change.person_id & _OFFSET
        if people.states[offset] != _NEVER_SEEN and int(people.versions[offset]) > change.version:
            return False
        self.stamp = new_stamp()
        people.states[offset] = change.state.value
        people.versions[offset] = change.version
        people.redirects[offset] = change.redirect_person_id
        people.birth_hashes[offset] = change.birth_hash
        if not self._own_sets:
            self.populations = {name: persons.copy() for name, persons in self.populations.items()}
            self.erased, self._redirected = self.erased.copy(), self._redirected.copy()
            self._own_sets = True
        for population, states in _POPULATIONS.items():
            _place(self.populations[population], change.person_id, inside=change.state in states)
        _place(self.erased, change.person_id, inside=change.state is PersonState.ERASED)
        _place(self._redirected, change.person_id, inside=change.state is PersonState.REDIRECTED)
        return True

    def living(self, person_id: int) -> int:
        """The living person that an id stands for, 0 for none. Redirects are resolved at their source; an entry that
        has not arrived yet can make one lead to another, so it follows as many as it must."""
        seen: set[int] = set()
        while person_id not in seen:
            seen.add(person_id)
            people = self._people.get(person_id >> BLOCK_BITS)
            state = _NEVER_SEEN if people is None else int(people.states[person_id & _OFFSET])
            if people is None or state in {_NEVER_SEEN, PersonState.ERASED.value}:
                return 0
            if state != PersonState.REDIRECTED.value:
                return person_id
            person_id = int(people.redirects[person_id & _OFFSET])
        return 0

    def erased_among(self, persons: BitMap) -> BitMap:
        """Those who were erased, and who were merged into somebody who was."""
        merged = (each for each in persons & self._redirected if not self.living(each)) if self.erased else ()
        return (persons & self.erased) | BitMap(merged)

    @property
    def gone(self) -> BitMap:
        """All of those; not to be changed."""
        if self._gone is None or self._gone[0] != self.stamp:
            self._gone = self.stamp, self.erased_among(self.erased | self._redirected)
        return self._gone[1]

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        """The keyed hash of each one's birth identifier, 0 for an unknown id. Ascending ids cost least."""
        found = np.zeros(len(person_ids), np.uint64)
        blocks = person_ids >> BLOCK_BITS
        offsets = (person_ids & _OFFSET).astype(np.intp)
        edges = np.flatnonzero(blocks[1:] != blocks[:-1]) + 1
        for start, end in pairwise([0, *edges.tolist(), len(blocks)]):
            people = self._people.get(int(blocks[start])) if start < end else None
            if people is not None:
                people.birth_hashes.take(offsets[start:end], out=found[start:end], mode="clip")
        return found

    def persons(self, tenant: str) -> Iterator[PersonChange]:
        """Every id that was ever seen, ascending."""
        for block in sorted(self._people):
            people = self._people[block]
            for offset in np.flatnonzero(people.states).tolist():
                yield PersonChange(
                    tenant=tenant,
                    position=0,
                    person_id=(block << BLOCK_BITS) + offset,
                    version=int(people.versions[offset]),
                    state=PersonState(int(people.states[offset])),
                    redirect_person_id=int(people.redirects[offset]),
                    birth_hash=int(people.birth_hashes[offset]),
                )

    def _writable(self, block: int) -> _People:
        if block not in self._own:
            people = self._people.get(block)
            if people is None:
                arrays = (np.zeros(BLOCK_SIZE, kind) for kind in (np.uint8, np.int64, np.int64, np.uint64))
                people = _People(*arrays)  # type: ignore[arg-type]
            else:
                people = people.copy()
            self._people[block] = people
            self._own.add(block)
        return self._people[block]


def _place(population: BitMap, person_id: int, *, inside: bool) -> None:
    if inside:
        population.add(person_id)
    else:
        population.discard(person_id)
