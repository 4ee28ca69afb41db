"""What a change of the graph does to persons, in numbers."""

from collections import defaultdict
from dataclasses import dataclass

from identity.app.relink import Relinked

MAX_LARGEST = 20
"""Persons named one by one, at most."""


@dataclass(frozen=True, slots=True)
class PersonSize:
    """How many keys a person has before and after; 0 when it is not living then."""

    person_id: int
    keys_before: int
    keys_after: int


@dataclass(frozen=True, slots=True)
class Effect:
    """`persons_changed`: ids that have other keys than before, those created and redirected included. `largest`: the
    changed persons with the most keys before or after, at most 20, the largest first."""

    persons_changed: int = 0
    persons_created: int = 0
    persons_redirected: int = 0
    largest: tuple[PersonSize, ...] = ()


def effect_of(relinked: Relinked) -> Effect:
    """The effect of what was relinked."""
    before: dict[int, set[int]] = defaultdict(set)
    after: dict[int, set[int]] = defaultdict(set)
    for rows, held in ((relinked.before, before), (relinked.rows, after)):
        for key_id, row in rows.items():
            if row.person_id:
                held[row.person_id].add(key_id)
    changed = [
        PersonSize(person_id, len(before.get(person_id, ())), len(after.get(person_id, ())))
        for person_id in before.keys() | after.keys()
        if before.get(person_id) != after.get(person_id)
    ]
    changed.sort(key=lambda size: (-max(size.keys_before, size.keys_after), size.person_id))
    return Effect(
        len(changed),
        sum(not size.keys_before for size in changed),
        sum(not size.keys_after for size in changed),
        tuple(changed[:MAX_LARGEST]),
    )
