"""Which person_id a group of keys has (births, survivors, redirects), and where new ids come from.

Each id is born with one birth key: the first strong key of its group in ledger order (key ids are handed out
in that order), or the first of any kind while it has no strong one. A group's id is the smallest of the ids
born with a strong key in it; a group with a strong key in which no such id was born gets a new one; a group
of weak keys has the smallest id born in it, or a new one. Every other id born in a group stands for the
group's id, so redirects are derived and cannot chain.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

BLOCK_IDS = 65_536
MAX_PERSON_ID = 2**32 - 1


class IdsExhausted(Exception):
    """A tenant has used up all person ids below 2^32."""


@dataclass(frozen=True, slots=True)
class IdBlocks:
    """Where a tenant's next ids come from: ids born with a strong key and with a weak one fill blocks of
    their own.

    `next_known` and `next_anonymous` are 0 before the first block; a block is used up when the next id is a
    multiple of 65,536.
    """

    next_block: int = 0
    next_known: int = 0
    next_anonymous: int = 0

    def take(self, strong: bool) -> "tuple[int, IdBlocks]":
        """A new id and what is left. Raises IdsExhausted."""
        following = self.next_known if strong else self.next_anonymous
        blocks = self
        if following % BLOCK_IDS == 0:
            following = max(self.next_block * BLOCK_IDS, 1)
            blocks = replace(self, next_block=self.next_block + 1)
        if following > MAX_PERSON_ID:
            raise IdsExhausted(f"all person ids below {MAX_PERSON_ID + 1} are used")
        if strong:
            return following, replace(blocks, next_known=following + 1)
        return following, replace(blocks, next_anonymous=following + 1)

    def take_many(self, strong: bool, count: int) -> "tuple[list[int], IdBlocks]":
        """As many new ids as `take` would give one by one, and what is left. Raises IdsExhausted."""
        taken: list[int] = []
        blocks = self
        while len(taken) < count:
            first, blocks = blocks.take(strong)
            more = min(count - len(taken), BLOCK_IDS - first % BLOCK_IDS, MAX_PERSON_ID + 1 - first)
            taken += range(first, first + more)
            following = first + more
            blocks = (
                replace(blocks, next_known=following) if strong else replace(blocks, next_anonymous=following)
            )
        return taken, blocks

    def above(self, person_id: int) -> "IdBlocks":
        """Blocks that hand out nothing at or below `person_id`: new ones, unless it was handed out here
        already.
        """
        if person_id < max(self.next_known, self.next_anonymous):
            return self
        return IdBlocks(max(self.next_block, person_id // BLOCK_IDS + 1))

    def abandoned(self) -> "IdBlocks":
        """Blocks that go on in new ones: after a restore, ids of the open blocks may have been handed out
        before.
        """
        return IdBlocks(self.next_block)


@dataclass(frozen=True, slots=True)
class Birth:
    """An id to be born with a key."""

    person_id: int
    key_id: int


@dataclass(frozen=True)
class Assignment:
    """`person_of` has every key of the groups; `redirects` the ids born in them that stand for another
    (resolved).
    """

    person_of: Mapping[int, int]
    births: tuple[Birth, ...]
    redirects: Mapping[int, int]


def assign_ids(
    groups: Collection[frozenset[int]],
    is_strong: Callable[[int], bool],
    born: Mapping[int, int],
    new_id: Callable[[bool], int],
) -> Assignment:
    """Gives every group its id. `born` maps birth keys to the ids born with them; `new_id(strong)` hands out
    new ids.

    New ids are taken in the order of the groups' smallest keys.
    """
    person_of: dict[int, int] = {}
    births: list[Birth] = []
    redirects: dict[int, int] = {}
    for group in sorted(groups, key=min):
        strong_keys = [key_id for key_id in group if is_strong(key_id)]
        candidates = strong_keys or group
        ids = [born[key_id] for key_id in candidates if key_id in born]
        if ids:
            person_id = min(ids)
        else:
            person_id = new_id(bool(strong_keys))
            births.append(Birth(person_id, min(candidates)))
        for key_id in group:
            person_of[key_id] = person_id
            other = born.get(key_id, person_id)
            if other != person_id:
                redirects[other] = person_id
    return Assignment(person_of, tuple(births), redirects)
