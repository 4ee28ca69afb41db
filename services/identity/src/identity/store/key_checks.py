"""Refuses to open a store with other keys than it was written with, before anything is written."""

from collections.abc import Mapping

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection, inspect

from identity.store.keyring import KeyMissing, SecretUnusable
from identity.store.vault import KeyVault, VaultDamaged

TABLE = "sealing_keys"
HASHING_KEY_ID = 0


def require_known_keys(connection: Connection, vault: KeyVault) -> None:
    """Reads only. Raises SecretUnusable when the secret or a sealing key that texts still need is another or gone."""
    tables = set(inspect(connection).get_table_names())
    stored: dict[int, tuple[bytes, int]] = {}
    if TABLE in tables:
        rows = execute(connection, f"SELECT key_id, digest, retired FROM {TABLE}")  # noqa: S608  # a constant
        stored = {row[0]: (bytes(row[1]), row[2]) for row in rows}
    if not stored and "keys" in tables:
        _require_that_a_text_opens(connection, vault)
    given = vault.key_checks()
    for key_id, (digest, retired) in sorted(stored.items()):
        what = f"sealing key {key_id}" if key_id else "the secret of hashes"
        if key_id in given and given[key_id] != digest:
            raise SecretUnusable(
                f"{what} is not the one this store was written with: restore it from your backup"
            )
        if key_id not in given and not retired:
            raise SecretUnusable(
                f"{what} is missing from the key ring and texts still need it: restore it from your backup"
            )


def record_keys(connection: Connection, checks: Mapping[int, bytes]) -> None:
    """Remembers keys that the store was not written with before; one that comes back is no longer retired."""
    execute_many(
        connection,
        f"INSERT INTO {TABLE} (key_id, digest, retired) VALUES (?, ?, 0) "  # noqa: S608  # a constant
        "ON CONFLICT (key_id) DO UPDATE SET retired = 0",
        sorted(checks.items()),
    )


def retire_keys(connection: Connection, newest: int) -> None:
    """No text is sealed with keys older than `newest` any more: they may leave the ring."""
    execute(
        connection,
        f"UPDATE {TABLE} SET retired = 1 WHERE key_id > ? AND key_id < ?",  # noqa: S608  # a constant
        (HASHING_KEY_ID, newest),
    )


def _require_that_a_text_opens(connection: Connection, vault: KeyVault) -> None:
    row = execute(connection, "SELECT tenant, sealed, hash FROM keys LIMIT 1").one_or_none()
    if row is None:
        return
    try:
        vault.open(row[0], bytes(row[1]), bytes(row[2]))
    except (VaultDamaged, KeyMissing) as error:
        raise SecretUnusable(
            "the secret is not the one this store was written with: restore it from your backup"
        ) from error
