"""Recomputes who belongs together where new evidence may have changed it, and nowhere else.

The affected region is every component (stored and new edges, shared keys not crossed) that holds a key with
new evidence or lost one that became shared. Linking a component depends on it alone, so the outcome equals
linking all evidence at once. The cost grows with the region, not with the store.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from identity.domain.linking import Standing, is_shared, link
from identity.domain.person_ids import Birth, assign_ids
from identity.domain.policy import Grade, Policy
from identity.store.ports import Edges, Keys
from identity.store.rows import EdgeRow, KeyRow


@dataclass(frozen=True)
class Relinked:
    """`rows` are the region's keys as they are now, whole persons with all their keys; `changed` those of them,
    new keys included, whose standing, person or born person differ from the stored; `person_ids` the ids whose
    published state may differ."""

    rows: Mapping[int, KeyRow]
    changed: Mapping[int, KeyRow]
    births: tuple[Birth, ...]
    person_ids: frozenset[int]


NOTHING_RELINKED = Relinked({}, {}, (), frozenset())


def relink(
    tenant: str,
    new_keys: Mapping[int, KeyRow],
    new_pairs: Collection[EdgeRow],
    keys: Keys,
    edges: Edges,
    policy: Policy,
    new_person_id: Callable[[bool], int],
) -> Relinked:
    """Links new keys and pairs with what is stored; reads the region and stores nothing."""
    touched = {key_id for key_id, row in new_keys.items() if row.standing is not Standing.BLOCKED}
    touched |= {key_id for pair in new_pairs for key_id in (pair.low, pair.high)}
    if not touched:
        return NOTHING_RELINKED
    region = _Region(tenant, new_keys, new_pairs, keys, edges)
    region.know(touched)
    newly_shared = region.find_newly_shared(touched, policy)
    members = region.grow(touched, newly_shared)
    rows = {key_id: region.rows[key_id] for key_id in members | newly_shared}
    linking = link(
        {key_id: row.link_key() for key_id, row in rows.items()}, region.neighbours, newly_shared, policy
    )
    assignment = assign_ids(
        linking.groups,
        lambda key_id: policy.namespaces[rows[key_id].namespace].grade is Grade.STRONG,
        {key_id: row.born_person_id for key_id, row in rows.items() if row.born_person_id},
        new_person_id,
    )
    born = {birth.key_id: birth.person_id for birth in assignment.births}
    after = {
        key_id: row._replace(
            standing=linking.standing[key_id],
            person_id=assignment.person_of[key_id],
            born_person_id=born.get(key_id, row.born_person_id),
        )
        for key_id, row in rows.items()
    }
    changed = {key_id: row for key_id, row in after.items() if row != rows[key_id]}
    person_ids = set(born.values())
    for key_id, row in changed.items():
        person_ids.update((rows[key_id].person_id, row.person_id, row.born_person_id))
    return Relinked(after, changed, assignment.births, frozenset(person_ids - {0}))


class _Region:
    """The part of the graph that was read, with the new evidence laid over it."""

    def __init__(
        self,
        tenant: str,
        new_keys: Mapping[int, KeyRow],
        new_pairs: Collection[EdgeRow],
        keys: Keys,
        edges: Edges,
    ) -> None:
        self._tenant = tenant
        self._new_keys = new_keys
        self._keys = keys
        self._edges = edges
        self._read: set[int] = set(new_keys)
        self.rows: dict[int, KeyRow] = dict(new_keys)
        self.neighbours: dict[int, set[int]] = defaultdict(set)
        for pair in new_pairs:
            self.neighbours[pair.low].add(pair.high)
            self.neighbours[pair.high].add(pair.low)

    def know(self, key_ids: Collection[int]) -> None:
        """Reads the rows of keys."""
        self.rows.update(self._keys.rows(self._tenant, [key for key in key_ids if key not in self.rows]))

    def find_newly_shared(self, touched: Collection[int], policy: Policy) -> set[int]:
        """Which of the keys with new evidence have become shared by it."""
        judged = [
            key_id
            for key_id in touched
            if self.rows[key_id].standing is not Standing.SHARED
            and not policy.namespaces[self.rows[key_id].namespace].unique
        ]
        self._expand(judged)
        return {
            key_id
            for key_id in judged
            if is_shared(
                self.rows[key_id].link_key(),
                (self.rows[other].link_key() for other in self.neighbours[key_id]),
                policy,
            )
        }

    def grow(self, touched: Collection[int], newly_shared: Collection[int]) -> set[int]:
        """Every key of the components to recompute: shared keys are neither in them nor crossed."""
        seeds = set(touched).union(*(self.neighbours[key_id] for key_id in newly_shared))
        members: set[int] = set()
        frontier = seeds
        while frontier:
            frontier = {
                key_id
                for key_id in frontier
                if key_id not in newly_shared and self.rows[key_id].standing is not Standing.SHARED
            }
            members |= frontier
            self._expand(frontier)
            frontier = {other for key_id in frontier for other in self.neighbours[key_id]} - members
        return members

    def _expand(self, key_ids: Collection[int]) -> None:
        """Reads the neighbours of keys that were not read yet."""
        unread = [key_id for key_id in key_ids if key_id not in self._read]
        self._read.update(unread)
        for key_id, rows in self._edges.neighbours(self._tenant, unread).items():
            for row in rows:
                self.rows.setdefault(row.key_id, row)
                self.neighbours[key_id].add(row.key_id)
