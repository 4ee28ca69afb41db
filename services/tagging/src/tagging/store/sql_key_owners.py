"""Point reads of the key map: whose a key is, and which keys a person has."""

from collections.abc import Collection

from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.store.sql_lists import pieces


def owners_of_keys(connection: Connection, tenant: str, key_ids: Collection[int]) -> dict[int, int]:
    """key -> person id, 0 for a key that lost its person; a key never owned is left out."""
    found: dict[int, int] = {}
    for piece, marks in pieces(key_ids):
        rows = execute(
            connection,
            f"SELECT key_id, person_id FROM key_owner WHERE tenant = ? AND key_id IN ({marks})",
            [tenant, *piece],
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def keys_of_persons(connection: Connection, tenant: str, person_ids: Collection[int]) -> dict[int, int]:
    """key -> person id, of these persons.

    Sorted by nobody: for an order the engine would go over all keys of the tenant instead of those of the persons.
    """
    found: dict[int, int] = {}
    for piece, marks in pieces(person_ids):
        rows = execute(
            connection,
            f"SELECT key_id, person_id FROM key_owner WHERE tenant = ? AND person_id IN ({marks})",
            [tenant, *piece],
        )
        found.update((row[0], row[1]) for row in rows)
    return found
