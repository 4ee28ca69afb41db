"""What another policy makes of persons: compares the partition that is stored with the one that would be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity.domain.full_columns import Flags, Ints, Positions

MAX_LARGEST = 20
_GROUP_BITS = 32
NEW_PERSON = 0
"""The id of a person that would get a new one."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A person by its number of keys."""

    person_id: int
    key_count: int


@dataclass(frozen=True)
class PolicyEffect:
    """`persons_merged` and `persons_split` count persons of before: those that share a group with keys of another
    afterwards, and those whose keys are in several groups. The largest come first, of equals the smaller id."""

    persons_before: int = 0
    persons_after: int = 0
    persons_merged: int = 0
    persons_split: int = 0
    keys_moved: int = 0
    conflicts_before: int = 0
    conflicts_after: int = 0
    largest_before: tuple[Cluster, ...] = ()
    largest_after: tuple[Cluster, ...] = ()

    @property
    def splits_half(self) -> bool:
        """Whether it splits half of all persons or more."""
        return self.persons_split > 0 and 2 * self.persons_split >= self.persons_before


def ids_after(group: Positions, born: Ints, strong: Flags) -> Ints:
    """The id of each key's person by identity.domain.person_ids: the smallest born with a strong key of its group, of a
    group of weak keys the smallest born there; NEW_PERSON where none was."""
    none = np.iinfo(np.int64).max
    born_at = np.where(born > 0, born, none)
    strong_born = np.full(len(group), none)
    np.minimum.at(strong_born, group[strong], born_at[strong])
    weak_born = np.full(len(group), none)
    np.minimum.at(weak_born, group, born_at)
    has_strong = np.zeros(len(group), dtype=bool)
    has_strong[group[strong]] = True
    chosen = np.where(has_strong, strong_born, weak_born)
    chosen[chosen == none] = NEW_PERSON
    found: Ints = chosen[group]
    return found


def effect_of_policy(
    person_ids: Ints, group: Positions, ids: Ints, conflicts: tuple[int, int] = (0, 0)
) -> PolicyEffect:
    """`person_ids` and `ids` are each key's person before and after, `conflicts` their numbers."""
    if not len(group):
        return PolicyEffect(conflicts_before=conflicts[0], conflicts_after=conflicts[1])
    persons, number, person_sizes = np.unique(person_ids, return_inverse=True, return_counts=True)
    groups, firsts, group_sizes = np.unique(group, return_index=True, return_counts=True)
    met = np.unique(number << _GROUP_BITS | group)
    met_number, met_group = met >> _GROUP_BITS, met & (1 << _GROUP_BITS) - 1
    groups_of_person = np.bincount(met_number)
    mixed = np.bincount(met_group)[met_group] > 1
    return PolicyEffect(
        len(persons),
        len(groups),
        len(np.unique(met_number[mixed])),
        int(np.count_nonzero(groups_of_person > 1)),
        int(np.count_nonzero(person_ids != ids)),
        conflicts[0],
        conflicts[1],
        _largest(persons, person_sizes),
        _largest(ids[firsts], group_sizes),
    )


def touched_groups(person_ids: Ints, ids: Ints, changed: Flags, group: Positions) -> Flags:
    """By key: whether its group must be settled anew: a key of it, or of a person that a key leaves, differs."""
    differs = changed | (person_ids != ids)
    touched = differs | np.isin(person_ids, person_ids[differs])
    found = np.zeros(len(group), dtype=bool)
    found[group[touched]] = True
    result: Flags = found[group]
    return result


def strong_keys(place_of: Positions, strong_place: npt.NDArray[np.bool_]) -> Flags:
    """By key: whether its namespace is of the strong grade."""
    found: Flags = strong_place[place_of]
    return found


def _largest(ids: Ints, sizes: npt.NDArray[np.int64]) -> tuple[Cluster, ...]:
    order = np.lexsort((ids, -sizes))[:MAX_LARGEST]
    return tuple(Cluster(int(ids[at]), int(sizes[at])) for at in order)


def members(group: Positions, chosen: Flags) -> Mapping[int, list[int]]:
    """The positions of the chosen keys by group."""
    found: dict[int, list[int]] = {}
    for at in np.flatnonzero(chosen).tolist():
        found.setdefault(int(group[at]), []).append(at)
    return found
