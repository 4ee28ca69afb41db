"""Recomputes who belongs together where a change of the graph may have altered it, and nowhere else.

Linking a component depends on it alone, so the outcome equals linking all evidence at once. The cost grows with the
region that a change touches, not with the store; verdicts, matches and conflicts cost nothing where no key is marked.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from identity.app.region import GraphChange, Region
from identity.domain.groups import Reason
from identity.domain.linking import Conflict, Linking, Neighbours, link
from identity.domain.partition import find_links, find_quarantined, with_last_seen
from identity.domain.person_ids import Birth, assign_ids
from identity.domain.policy import Grade, Policy
from identity.store.linking_rows import Mark
from identity.store.ports import Stores
from identity.store.rows import KeyRow


@dataclass(frozen=True)
class Relinked:
    """`before` are the region's keys as they were (new ones without a person), `rows` as they are now: whole persons
    with all their keys; `changed` those of `rows`, new keys included, that differ from the stored; `person_ids` the ids
    whose published state may differ. Conflicts are what the store must hear of; `marked` are keys beside the
    region that have their first one."""

    before: Mapping[int, KeyRow]
    rows: Mapping[int, KeyRow]
    changed: Mapping[int, KeyRow]
    births: tuple[Birth, ...]
    person_ids: frozenset[int]
    new_conflicts: tuple[Conflict, ...] = ()
    gone_conflicts: tuple[Conflict, ...] = ()
    marked: frozenset[int] = frozenset()


NOTHING_RELINKED = Relinked({}, {}, {}, (), frozenset())


def relink(
    stores: Stores, tenant: str, change: GraphChange, policy: Policy, new_person_id: Callable[[bool], int]
) -> Relinked:
    """Links what is new with what is stored; reads the region and stores nothing. The caller holds the tenant's
    lock."""
    region = Region(stores, tenant, change, policy)
    touched = region.touched_by(change)
    if not touched:
        return NOTHING_RELINKED
    loosened = {
        key_id
        for pair, edge in change.edges.items()
        if edge.before is not None and edge.before.active and not edge.after.active
        for key_id in pair
    }
    region.grow(touched, loosened | change.touched)
    keys = region.keys()
    stars = {key_id: region.stars[key_id] for key_id in keys}
    quarantined = find_quarantined(stars, region.shared, policy, region.known_quarantined())
    links = find_links(keys, stars, policy, region.whole)
    linking = link(
        with_last_seen(keys, stars, policy),
        links.neighbours,
        region.shared,
        policy,
        region.verdicts(),
        sorted(region.probable),
        quarantined,
        links.conflicts,
    )
    own = replace(linking, groups=tuple(group for group in linking.groups if group.isdisjoint(region.border)))
    rows = {key_id: region.rows[key_id] for key_id in region.included}
    new_conflicts, gone_conflicts, conflicting = _conflicts(stores, tenant, region, linking, links.neighbours)
    marks = {key_id: row.marks & ~(Mark.CONFLICT | Mark.QUARANTINED) for key_id, row in rows.items()}
    for mark, key_ids in ((Mark.CONFLICT, conflicting), (Mark.QUARANTINED, quarantined)):
        for key_id in marks.keys() & key_ids:
            marks[key_id] |= mark
    marked = frozenset(
        key_id
        for key_id in region.border.intersection(conflicting)
        if not region.rows[key_id].marks & Mark.CONFLICT
    )
    relinked = settle(rows, own, marks, policy, new_person_id, new_conflicts, gone_conflicts)
    return replace(relinked, marked=marked) if marked else relinked


def settle(
    rows: Mapping[int, KeyRow],
    linking: Linking,
    marks: Mapping[int, int],
    policy: Policy,
    new_person_id: Callable[[bool], int],
    new_conflicts: tuple[Conflict, ...] = (),
    gone_conflicts: tuple[Conflict, ...] = (),
) -> Relinked:
    """What becomes of stored rows after a linking of whole components: persons, standing, marks."""
    assignment = assign_ids(
        linking.groups,
        lambda key_id: policy.namespaces[rows[key_id].namespace].grade is Grade.STRONG,
        {key_id: row.born_person_id for key_id, row in rows.items() if row.born_person_id},
        new_person_id,
    )
    born = {birth.key_id: birth.person_id for birth in assignment.births}
    after: dict[int, KeyRow] = {}
    changed: dict[int, KeyRow] = {}
    person_ids = set(born.values())
    for key_id, row in rows.items():
        standing, person_id = linking.standing[key_id], assignment.person_of[key_id]
        born_person_id = born.get(key_id, row.born_person_id)
        derived = (standing, person_id, born_person_id)
        if derived == row.derived and marks[key_id] == row.marks:
            after[key_id] = row
            continue
        after[key_id] = changed[key_id] = row._replace(
            standing=standing, person_id=person_id, born_person_id=born_person_id, marks=marks[key_id]
        )
        if derived != row.derived:
            person_ids.update((row.person_id, person_id, born_person_id))
    return Relinked(
        rows,
        after,
        changed,
        assignment.births,
        frozenset(person_ids - {0}),
        new_conflicts,
        gone_conflicts,
    )


def _conflicts(
    stores: Stores, tenant: str, region: Region, linking: Linking, neighbours: Neighbours
) -> tuple[tuple[Conflict, ...], tuple[Conflict, ...], Collection[int]]:
    """The conflicts that are new, those that are gone, and the included keys that have any now.

    Of a pair with a key that was not read whole, what is stored stands.
    """
    told_here = region.included | (region.border & region.whole)
    marked = [key_id for key_id in told_here if region.rows[key_id].marks & Mark.CONFLICT]
    stored = {row.conflict for row in stores.conflicts.of_keys(tenant, marked)} if marked else set[Conflict]()
    if not stored and not linking.conflicts:
        return (), (), ()
    linked = {conflict for conflict in linking.conflicts if not _are_one_at_the_border(conflict, region)}
    kept = {conflict for conflict in stored if conflict in linked or _stands(conflict, region, neighbours)}
    told = {conflict for conflict in kept if conflict.key_id not in region.whole}
    pairs = {conflict[:2] for conflict in told}
    expired = {conflict[1::-1] for conflict in told if conflict.reason is Reason.EXPIRED}
    wanted = {
        conflict
        for conflict in linked
        if conflict[:2] not in pairs and (conflict.reason is Reason.EXPIRED or conflict[:2] not in expired)
    }
    new = tuple(sorted(wanted - stored))
    gone = tuple(sorted(stored - kept))
    conflicting = {key_id for conflict in (*kept, *new) for key_id in conflict[:2]}
    return new, gone, conflicting


def _are_one_at_the_border(conflict: Conflict, region: Region) -> bool:
    """Whether a human had put two keys together whose own linking stays."""
    key_id, other, _ = conflict
    rows = region.rows
    return {key_id, other} <= region.border and rows[key_id].person_id == rows[other].person_id


def _stands(conflict: Conflict, region: Region, neighbours: Neighbours) -> bool:
    """Whether a stored conflict that linking the region did not find is still one: of a key that was not read whole,
    as long as the two are seen together."""
    key_id, other, reason = conflict
    if key_id in region.whole:
        return False
    if other in region.whole:
        return key_id in (region.stars if reason is Reason.EXPIRED else neighbours).get(other, ())
    return reason in (Reason.SHARED, Reason.EXPIRED) or not {key_id, other} <= region.included
