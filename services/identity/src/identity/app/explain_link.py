"""ExplainLink: why two identifiers are one person's, or what keeps them apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from servicekit.revision import Revision

from identity.app.key_refs import KeyRef, ShownKey, find_key, show_keys
from identity.app.person_links import PersonLinks, ShownLink, show_links
from identity.app.policies import PolicyBook
from identity.app.resolve_identifiers import read_revision
from identity.domain.groups import Reason
from identity.domain.link_path import chain
from identity.store.linking_rows import ConflictRow, Mark
from identity.store.ports import Stores, Vault
from identity.store.rows import KeyRow

MAX_CONFLICTS = 100


@dataclass(frozen=True, slots=True)
class ShownConflict:
    """`key` is the one to blame."""

    key: ShownKey
    other: ShownKey
    reason: Reason
    first_us: int


@dataclass(frozen=True)
class LinkExplanation:
    """`path` from the one key to the other."""

    key: ShownKey
    other: ShownKey
    path: tuple[ShownLink, ...]
    conflicts: tuple[ShownConflict, ...]
    revision: Revision


class ExplainLink:
    """Reads one snapshot."""

    def __init__(self, policies: PolicyBook, vault: Vault, service: str) -> None:
        self._policies = policies
        self._vault = vault
        self._service = service

    def __call__(self, stores: Stores, tenant: str, one: KeyRef, other: KeyRef) -> LinkExplanation:
        """Raises ResourceNotFound, InvalidField."""
        rows = [find_key(stores, tenant, self._vault, ref) for ref in (one, other)]
        path: tuple[ShownLink, ...] = ()
        conflicts: tuple[ShownConflict, ...] = ()
        if rows[0].person_id == rows[1].person_id:
            path = self._path(stores, tenant, rows)
        else:
            conflicts = self._conflicts(stores, tenant, rows)
        shown = show_keys(stores, tenant, self._vault, [row.key_id for row in rows])
        return LinkExplanation(
            shown[rows[0].key_id],
            shown[rows[1].key_id],
            path,
            conflicts,
            read_revision(stores, self._service),
        )

    def _path(self, stores: Stores, tenant: str, ends: Sequence[KeyRow]) -> tuple[ShownLink, ...]:
        person_id = ends[0].person_id
        keys = stores.keys.of_persons(tenant, [person_id])[person_id]
        links = PersonLinks(stores, tenant, keys, self._policies.of(stores, tenant))
        found = chain(links.weights, ends[0].key_id, ends[1].key_id)
        shown = show_keys(stores, tenant, self._vault, found)
        return show_links(shown, list(pairwise(found)), links)

    def _conflicts(self, stores: Stores, tenant: str, ends: Sequence[KeyRow]) -> tuple[ShownConflict, ...]:
        persons = {row.person_id for row in ends}
        keys = stores.keys.of_persons(tenant, persons)
        person_of = {key.key_id: person_id for person_id, rows in keys.items() for key in rows}
        marked = [key.key_id for rows in keys.values() for key in rows if key.marks & Mark.CONFLICT]
        between = [
            row
            for row in stores.conflicts.of_keys(tenant, marked)
            if {person_of.get(row.conflict.key_id), person_of.get(row.conflict.other_key_id)} == persons
        ]
        return show_conflicts(stores, tenant, self._vault, between[:MAX_CONFLICTS])


def show_conflicts(
    stores: Stores, tenant: str, vault: Vault, rows: Iterable[ConflictRow]
) -> tuple[ShownConflict, ...]:
    """Conflicts with both ends as people may see them, in the order given."""
    rows = list(rows)
    shown = show_keys(stores, tenant, vault, {key_id for row in rows for key_id in row.conflict[:2]})
    return tuple(
        ShownConflict(shown[found.key_id], shown[found.other_key_id], found.reason, first_us)
        for found, first_us in rows
        if found.key_id in shown and found.other_key_id in shown
    )
