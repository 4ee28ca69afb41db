"""A row that shares nothing with any other: its identifiers are new, and no other row names one of them.

What becomes of it depends on its shape alone, on which columns have a value. So linking is asked once for each shape,
with keys made up, and not once for each row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from identity.domain.bulk_rows import IdentifierColumn
from identity.domain.evidence import Evidence, LinkKind, sighting
from identity.domain.groups import LinkKey
from identity.domain.linking import Standing
from identity.domain.partition import partition
from identity.domain.person import PersonState, state_of
from identity.domain.policy import Grade, Policy

MAX_ORDERS = 24
"""Orders of the hashes of a shape's keys that are tried, at most; a shape with more of them is left to linking."""
_HASH_BYTES = 16


@dataclass(frozen=True)
class RowShape:
    """What becomes of lone rows with values in the columns `places`.

    `anchors` are the places of the columns of highest priority: the one with the lowest hash is the anchor. `birth` is
    the place of the column with whose key the person is born, `strong` whether that is a strong one.
    """

    places: tuple[int, ...]
    anchors: tuple[int, ...]
    birth: int
    strong: bool
    state: PersonState


def shape_of(places: Sequence[int], columns: Sequence[IdentifierColumn], policy: Policy) -> RowShape | None:
    """The shape of lone rows with values in some of the columns; None when their keys do not simply become one person
    under the policy, whatever their hashes."""
    names = [columns[place].namespace for place in places]
    if not names or not _is_one_person([columns[place] for place in places], policy):
        return None
    priorities = [policy.namespaces[name].priority for name in names]
    strong = [policy.namespaces[name].grade is Grade.STRONG for name in names]
    birth = strong.index(True) if any(strong) else 0
    return RowShape(
        tuple(places),
        tuple(
            place for place, priority in zip(places, priorities, strict=True) if priority == min(priorities)
        ),
        places[birth],
        strong[birth],
        state_of([(name, Standing.LINKING) for name in names], policy),
    )


def seen_together(columns: tuple[IdentifierColumn, IdentifierColumn], time_us: int, source: str) -> Evidence:
    """What a row says of two of its identifiers, the first of which has the lower key."""
    verified = columns[0].verified | columns[1].verified << 1
    return sighting(LinkKind.CO_OCCURRENCE, time_us, verified, source)


def _is_one_person(columns: Sequence[IdentifierColumn], policy: Policy) -> bool:
    """Whether keys of these columns that were seen together once are one person, in each order of the hashes of keys of
    one namespace: linking breaks its ties by them."""
    tied: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        tied.setdefault(column.namespace, []).append(index)
    orders: list[dict[int, int]] = [{}]
    for indexes in tied.values():
        orders = [
            order | dict(zip(indexes, turned, strict=True))
            for order in orders
            for turned in permutations(indexes)
        ]
        if len(orders) > MAX_ORDERS:
            return False
    return all(_links_all(columns, order, policy) for order in orders)


def _links_all(columns: Sequence[IdentifierColumn], order: dict[int, int], policy: Policy) -> bool:
    keys = {
        index: LinkKey(index, column.namespace, column.scope, order[index].to_bytes(_HASH_BYTES))
        for index, column in enumerate(columns)
    }
    evidence: dict[int, dict[int, Evidence]] = {index: {} for index in keys}
    for low, high in combinations(keys, 2):
        seen = seen_together((columns[low], columns[high]), 0, "")
        evidence[low][high] = evidence[high][low] = seen
    linking = partition(keys, evidence, policy)
    return (
        len(linking.groups) == 1
        and not linking.conflicts
        and all(standing is Standing.LINKING for standing in linking.standing.values())
    )
