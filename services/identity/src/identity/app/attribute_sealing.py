"""Keeps attributes that name or locate a person unreadable at rest: sealed on the way into the store, opened on the
way out."""

from dataclasses import replace

from identity.domain.attributes import AttributeStatement, sealing_place
from identity.store.ports import Vault


def seal_statement(
    vault: Vault, tenant: str, key_id: int, statement: AttributeStatement
) -> AttributeStatement:
    """The statement as it is stored at a key: an open one as it is."""
    if not statement.closed:
        return statement
    place = sealing_place(key_id, statement.name, statement.source)
    return replace(statement, value=vault.seal_bytes(tenant, statement.value, place))


def open_statement(
    vault: Vault, tenant: str, key_id: int, statement: AttributeStatement
) -> AttributeStatement:
    """The statement as it was made; one that is stored in clear is as it is. Raises VaultDamaged, KeyMissing."""
    if not vault.is_sealed(statement.value):
        return statement
    place = sealing_place(key_id, statement.name, statement.source)
    value = vault.open_bytes(tenant, statement.value, place)
    return replace(statement, value=value, closed=True)
