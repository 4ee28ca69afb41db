"""Names of identifiers that are known: by key, by what a system calls them, or by a record anchored on them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from servicekit.errors import InvalidField, ResourceNotFound

from identity.domain.masking import masked
from identity.domain.record import Identifier
from identity.store.ports import RecordKey, Stores, Vault
from identity.store.rows import KeyRow


@dataclass(frozen=True)
class KeyRef:
    """One of the three; `field` is where the request said it."""

    field: str
    by: int | Identifier | RecordKey


@dataclass(frozen=True, slots=True)
class ShownKey:
    """An identifier as people may see it: `value` is masked unless they may see more."""

    key_id: int
    namespace: str
    scope: str
    value: str
    person_id: int


def find_key(stores: Stores, tenant: str, vault: Vault, ref: KeyRef) -> KeyRow:
    """The key that is named. Raises ResourceNotFound; InvalidField for a placeholder, which belongs to nobody."""
    match ref.by:
        case int():
            key_id = ref.by
        case Identifier():
            hash_ = vault.identifier_hash(tenant, ref.by)
            key_id = stores.keys.find(tenant, [hash_]).get(hash_, 0)
        case _:
            record = stores.ledger.known(tenant, [ref.by]).get(ref.by)
            if record is None:
                raise ResourceNotFound(f"the record of {ref.field}")
            key_id = record.anchor_key_id
    row = stores.keys.rows(tenant, [key_id]).get(key_id)
    if row is None:
        raise ResourceNotFound(f"the identifier of {ref.field}")
    if row.placeholder:
        raise InvalidField(ref.field, "is a placeholder, which links nobody")
    return row


def show_keys(
    stores: Stores, tenant: str, vault: Vault, key_ids: Iterable[int], *, readable: bool = False
) -> Mapping[int, ShownKey]:
    """Those of the keys that exist, with their persons; `readable` leaves the masks off."""
    rows = stores.keys.rows(tenant, set(key_ids))
    sealed = stores.keys.sealed(tenant, rows.keys())
    shown: dict[int, ShownKey] = {}
    for key_id, row in rows.items():
        value = vault.open(tenant, sealed[key_id], row.hash)
        shown[key_id] = ShownKey(
            key_id,
            row.namespace,
            row.scope,
            value if readable else masked(row.namespace, value),
            row.person_id,
        )
    return shown
