"""Forgetting over the ledger. A row not yet sent ends by itself: identity hands out no address of an erased person."""

from collections.abc import Collection

from activation.domain.delivery import IN_HANDS, UNSENT, DeliveryState
from servicekit.driver_sql import execute
from sqlalchemy import Connection

OPEN = sorted(int(state) for state in (*IN_HANDS, *UNSENT, DeliveryState.UNKNOWN))
PERSONS = 500
"""Persons of one statement, at most."""


class SqlForgetting:
    """Forgetting."""

    def forget(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> bool:
        listed = sorted(person_ids)
        left = 0
        for start in range(0, len(listed), PERSONS):
            piece = listed[start : start + PERSONS]
            about = f"tenant = ? AND person_id IN ({', '.join('?' * len(piece))})"
            open_states = ", ".join("?" * len(OPEN))
            execute(
                connection,
                "UPDATE delivery SET dest_hash = NULL, message_id = '', birth_key_id = 0 "  # marks alone
                f"WHERE {about} AND state NOT IN ({open_states})",
                [tenant, *piece, *OPEN],
            )
            left += execute(
                connection,
                f"SELECT count(*) FROM delivery WHERE {about} AND state IN ({open_states})",
                [tenant, *piece, *OPEN],
            ).scalar_one()
        return left == 0
