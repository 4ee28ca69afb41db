"""Cuts the changes of a run into portions that can be stored one by one."""

from collections.abc import Iterable, Mapping, Sequence

Pair = tuple[int, int]


def portions(pairs: Iterable[Pair], person_of: Mapping[int, int], most: int) -> list[list[Pair]]:
    """The pairs in portions of at most `most`, in an order that depends on nothing else.

    Pairs of the same persons, and of persons that other pairs join with them, stand together: in one portion unless
    they are more than `most`. So hardly a person is linked anew by several portions.
    """
    listed = sorted(pairs)
    parent: dict[int, int] = {}

    def root(person: int) -> int:
        while (above := parent.setdefault(person, person)) != person:
            parent[person] = person = parent[above]
        return person

    for low, high in listed:
        one, other = root(_person(low, person_of)), root(_person(high, person_of))
        parent[max(one, other)] = min(one, other)
    together: dict[int, list[Pair]] = {}
    for pair in listed:
        together.setdefault(root(_person(pair[0], person_of)), []).append(pair)
    found: list[list[Pair]] = []
    for part in together.values():
        if found and len(found[-1]) + len(part) <= most:
            found[-1] += part
        else:
            found += _cut(part, most)
    return found


def _person(key_id: int, person_of: Mapping[int, int]) -> int:
    """The person of a key; a number below all persons' for one that has none any more."""
    return person_of.get(key_id, -key_id)


def _cut(pairs: Sequence[Pair], most: int) -> list[list[Pair]]:
    return [list(pairs[start : start + most]) for start in range(0, len(pairs), most)]
