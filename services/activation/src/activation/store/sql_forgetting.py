"""Forgetting and PersonDeliveries over the ledger. A row not yet sent ends at once: identity hands out no address of an
erased person, and its campaign may be paused for good.
"""

import datetime as dt
from collections.abc import Collection

from activation.domain.delivery import IN_HANDS, UNSENT, DeliveryState
from activation.domain.ledger import Move
from activation.store.locking import for_update, marks
from activation.store.ports import DeliveryLedger
from servicekit.clock import Clock
from servicekit.driver_sql import execute
from sqlalchemy import Connection

OPEN = sorted(int(state) for state in (*IN_HANDS, DeliveryState.UNKNOWN))
REASON = "ERASED"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
PERSONS = 500
"""Persons of one statement, at most."""


class SqlForgetting:
    """Forgetting. `ledger` moves rows, so that their history tells of it."""

    def __init__(self, ledger: DeliveryLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def forget(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> bool:
        listed = sorted(person_ids)
        left = 0
        for start in range(0, len(listed), PERSONS):
            piece = listed[start : start + PERSONS]
            about = f"tenant = ? AND person_id IN ({', '.join('?' * len(piece))})"
            self._end_unsent(connection, tenant, about, piece)
            open_states = ", ".join("?" * len(OPEN))
            execute(
                connection,
                "UPDATE delivery SET dest_hash = NULL, message_id = '', birth_key_id = 0, grounds = '' "  # marks alone
                f"WHERE {about} AND state NOT IN ({open_states})",
                [tenant, *piece, *OPEN],
            )
            left += execute(
                connection,
                f"SELECT count(*) FROM delivery WHERE {about} AND state IN ({open_states})",
                [tenant, *piece, *OPEN],
            ).scalar_one()
        return left == 0

    def _end_unsent(self, connection: Connection, tenant: str, about: str, piece: Collection[int]) -> None:
        unsent = sorted(int(state) for state in UNSENT)
        rows = execute(
            connection,
            f"SELECT delivery_id FROM delivery WHERE {about} AND state IN ({marks(len(unsent))})"
            + for_update(connection),
            [tenant, *piece, *unsent],
        ).all()
        moves = [Move(row[0], DeliveryState.CANCELLED, REASON) for row in rows]
        self._ledger.move(connection, tenant, moves, self._clock.now())


class SqlPersonDeliveries:
    """PersonDeliveries."""

    def of_persons(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[dict[str, object]]:
        listed = sorted(person_ids)
        found: list[dict[str, object]] = []
        for start in range(0, len(listed), PERSONS):
            piece = listed[start : start + PERSONS]
            marks = ", ".join("?" * len(piece))
            rows = execute(
                connection,
                "SELECT campaign_id, person_id, channel, account, state, reason, accepted_us, clicked_us, update_us "
                f"FROM delivery WHERE tenant = ? AND person_id IN ({marks}) ORDER BY campaign_id, person_id",
                [tenant, *piece],
            )
            found += [
                {
                    "campaign": row[0],
                    "person_id": row[1],
                    "channel": row[2],
                    "account": row[3],
                    "state": DeliveryState(row[4]).name,
                    "reason": row[5],
                    "accepted": _text(row[6]),
                    "clicked": _text(row[7]),
                    "updated": _text(row[8]),
                }
                for row in rows
            ]
        return found


def _text(time_us: int | None) -> str | None:
    return None if time_us is None else (_EPOCH + dt.timedelta(microseconds=time_us)).isoformat()
