"""ListMergeHistory and ListConflicts: who became whom, and who stays apart."""

from collections.abc import Sequence

from identity.app.explain_link import ShownConflict, show_conflicts
from identity.app.get_person import living_row
from identity.domain.linking import Conflict
from identity.store.linking_rows import MergeRow
from identity.store.ports import Stores, Vault


def list_merge_history(
    stores: Stores, tenant: str, person_id: int, before: int, limit: int
) -> Sequence[MergeRow]:
    """Steps with a smaller sequence (0: from the end), the latest first; of everybody for person 0. Raises
    ResourceNotFound, PersonErased."""
    if not person_id:
        return stores.merges.page(tenant, (), before, limit)
    living = living_row(stores, tenant, person_id).person_id
    ids = {person_id, living, *stores.persons.redirecting_to(tenant, living)}
    return stores.merges.page(tenant, ids, before, limit)


class ListConflicts:
    """Reads conflicts, in order of key, other key and reason."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def __call__(
        self, stores: Stores, tenant: str, person_id: int, after: Conflict | None, limit: int
    ) -> tuple[Sequence[ShownConflict], Conflict | None]:
        """Those after the given one, of everybody for person 0, and where the next page starts, None when there is
        none. Raises ResourceNotFound, PersonErased."""
        if not person_id:
            rows = stores.conflicts.page(tenant, after, limit)
        else:
            living = living_row(stores, tenant, person_id).person_id
            keys = stores.keys.of_persons(tenant, [living])[living]
            found = stores.conflicts.of_keys(tenant, [key.key_id for key in keys])
            rows = [row for row in found if after is None or row.conflict > after][:limit]
        following = rows[-1].conflict if len(rows) == limit else None
        return show_conflicts(stores, tenant, self._vault, rows), following
