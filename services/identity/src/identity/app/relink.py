"""Recomputes who belongs together where a change of the graph may have altered it, and nowhere else.

Linking a component depends on it alone, so the outcome equals linking all evidence at once. The cost grows with the
region that a change touches, not with the store; verdicts, matches and conflicts cost nothing where no key is marked.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

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
    whose published state may differ. Conflicts are what the store must hear of."""

    before: Mapping[int, KeyRow]
    rows: Mapping[int, KeyRow]
    changed: Mapping[int, KeyRow]
    births: tuple[Birth, ...]
    person_ids: frozenset[int]
    new_conflicts: tuple[Conflict, ...] = ()
    gone_conflicts: tuple[Conflict, ...] = ()


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
    stars = {key_id: region.stars[key_id] for key_id in region.included}
    quarantined = find_quarantined(stars, region.shared, policy)
    links = find_links(keys, stars, policy)
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
    rows = {key_id: region.rows[key_id] for key_id in region.included}
    new_conflicts, gone_conflicts, conflicting = _conflicts(stores, tenant, region, linking, links.neighbours)
    marks = {
        key_id: row.marks & ~(Mark.CONFLICT | Mark.QUARANTINED)
        | (Mark.CONFLICT if key_id in conflicting else 0)
        | (Mark.QUARANTINED if key_id in quarantined else 0)
        for key_id, row in rows.items()
    }
    return settle(rows, linking, marks, policy, new_person_id, new_conflicts, gone_conflicts)


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
        now = row._replace(
            standing=linking.standing[key_id],
            person_id=assignment.person_of[key_id],
            born_person_id=born.get(key_id, row.born_person_id),
            marks=marks[key_id],
        )
        after[key_id] = now
        if now != row:
            changed[key_id] = now
            if now[:-1] != row[:-1]:
                person_ids.update((row.person_id, now.person_id, now.born_person_id))
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
    marked = [key_id for key_id in region.included if region.rows[key_id].marks & Mark.CONFLICT]
    stored = {row.conflict for row in stores.conflicts.of_keys(tenant, marked)} if marked else set[Conflict]()
    if not stored and not linking.conflicts:
        return (), (), ()
    told = {
        pair
        for key_id, other, reason in stored
        if key_id not in region.expanded
        for pair in ((key_id, other), *(((other, key_id),) if reason is Reason.EXPIRED else ()))
    }
    wanted = {conflict for conflict in linking.conflicts if conflict[:2] not in told}
    linked = set(linking.conflicts)
    kept = {conflict for conflict in stored if conflict in linked or _stands(conflict, region, neighbours)}
    new = tuple(sorted(wanted - stored))
    gone = tuple(sorted(stored - kept))
    conflicting = {key_id for conflict in (*kept, *new) for key_id in conflict[:2]}
    return new, gone, conflicting


def _stands(conflict: Conflict, region: Region, neighbours: Neighbours) -> bool:
    """Whether a stored conflict that linking the region did not find is still one: of a key that was not read whole,
    as long as the two are seen together."""
    key_id, other, reason = conflict
    whole = region.expanded & region.included
    if key_id in whole:
        return False
    if other in whole:
        return key_id in (region.stars if reason is Reason.EXPIRED else neighbours).get(other, ())
    return reason in (Reason.SHARED, Reason.EXPIRED) or not {key_id, other} <= region.included
