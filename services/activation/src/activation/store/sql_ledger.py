"""DeliveryLedger on SQLite and PostgreSQL: taking and moving rows. The rest is in sql_reading.py, sql_finding.py and
sql_deciding.py."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from activation.domain.campaign import Campaign
from activation.domain.delivery import STEP, DeliveryState, delivery_id
from activation.domain.ledger import Claim, Held, Move, Planned
from activation.store.locking import for_update, marks
from activation.store.sql_deciding import SqlLedgerDeciding
from activation.store.sql_finding import HELD, SqlLedgerFinding, held
from activation.store.sql_reading import SqlLedgerReading
from activation.store.times import microseconds
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

_IDS_PER_QUERY = 500
_UNSENT = (DeliveryState.RETRY_WAIT, DeliveryState.READY)
"""In the order in which they are taken."""


class SqlDeliveryLedger(SqlLedgerReading, SqlLedgerFinding, SqlLedgerDeciding):
    """Implements DeliveryLedger."""

    def plan(
        self, connection: Connection, campaign: Campaign, members: Sequence[Planned], now: dt.datetime
    ) -> int:
        draft, tenant, now_us = campaign.draft, campaign.tenant, microseconds(now)
        rows = [
            (
                delivery_id(tenant, draft.campaign_id, member.person_id, draft.channel),
                member.person_id,
                int(DeliveryState.HOLDOUT if member.held_out else DeliveryState.READY),
                member.reason,
            )
            for member in members
        ]
        known = _known(connection, tenant, [row[0] for row in rows])
        new = [row for row in rows if row[0] not in known]
        execute_many(
            connection,
            "INSERT INTO delivery (tenant, delivery_id, campaign_id, step, person_id, channel, account, birth_key_id, "
            "state, reason, attempts, fence, lease_until_ms, due_us, alone, message_id, update_us) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, 0, 0, ?, 0, '', ?)",
            [
                (
                    tenant,
                    row_id,
                    draft.campaign_id,
                    STEP,
                    person_id,
                    draft.channel,
                    draft.provider_account,
                    state,
                    reason,
                    now_us,
                    now_us,
                )
                for row_id, person_id, state, reason in new
            ],
        )
        execute_many(
            connection,
            "INSERT INTO delivery_history (tenant, delivery_id, number, time_us, state, reason) "
            "VALUES (?, ?, 1, ?, ?, ?)",
            [(tenant, row_id, now_us, state, reason) for row_id, _, state, reason in new],
        )
        return len(new)

    def any_due(self, connection: Connection, campaign: Campaign, now: dt.datetime) -> bool:
        sql = "SELECT 1 FROM delivery WHERE tenant = ? AND campaign_id = ? AND state = ? AND due_us <= ? LIMIT 1"
        key = (campaign.tenant, campaign.campaign_id)
        return any(
            execute(connection, sql, (*key, int(state), microseconds(now))).first() is not None
            for state in _UNSENT
        )

    def claim(
        self, connection: Connection, campaign: Campaign, limit: int, now: dt.datetime, lease_until_ms: int
    ) -> list[Claim]:
        tenant = campaign.tenant
        claims: list[Claim] = []
        for state in _UNSENT:  # one state at a time: the index gives them in order of due time
            if len(claims) == limit:
                break
            rows = execute(
                connection,
                "SELECT delivery_id, person_id, fence, alone FROM delivery "
                "WHERE tenant = ? AND campaign_id = ? AND state = ? AND due_us <= ? ORDER BY due_us LIMIT ?"
                + for_update(connection, skip_locked=True),
                (tenant, campaign.campaign_id, int(state), microseconds(now), limit - len(claims)),
            ).all()
            claims += [Claim(row[0], row[1], row[2] + 1, bool(row[3])) for row in rows]
        execute_many(
            connection,
            "UPDATE delivery SET state = ?, fence = ?, lease_until_ms = ?, counted_day = NULL "
            "WHERE tenant = ? AND delivery_id = ?",
            [
                (int(DeliveryState.CLAIMED), claim.fence, lease_until_ms, tenant, claim.delivery_id)
                for claim in claims
            ],
        )
        return claims

    def release(self, connection: Connection, tenant: str, claims: Sequence[Claim], due: dt.datetime) -> None:
        ready, claimed = int(DeliveryState.READY), int(DeliveryState.CLAIMED)
        execute_many(
            connection,
            "UPDATE delivery SET state = ?, due_us = ? "
            "WHERE tenant = ? AND delivery_id = ? AND state = ? AND fence = ?",
            [(ready, microseconds(due), tenant, each.delivery_id, claimed, each.fence) for each in claims],
        )

    def release_expired(
        self, connection: Connection, campaign: Campaign, machine_ms: int, now: dt.datetime
    ) -> int:
        found = execute(
            connection,
            "UPDATE delivery SET state = ?, fence = fence + 1, due_us = ? "
            "WHERE tenant = ? AND campaign_id = ? AND state = ? AND lease_until_ms < ?",
            (
                int(DeliveryState.READY),
                microseconds(now),
                campaign.tenant,
                campaign.campaign_id,
                int(DeliveryState.CLAIMED),
                machine_ms,
            ),
        )
        return found.rowcount

    def submit(
        self,
        connection: Connection,
        tenant: str,
        delivery_ids: Sequence[str],
        batch_id: str,
        now: dt.datetime,
    ) -> None:
        now_us, submitting = microseconds(now), int(DeliveryState.SUBMITTING)
        execute_many(
            connection,
            "UPDATE delivery SET state = ?, batch_id = ?, attempts = attempts + 1, update_us = ? "
            "WHERE tenant = ? AND delivery_id = ?",
            [(submitting, batch_id, now_us, tenant, row_id) for row_id in delivery_ids],
        )
        _add_history(connection, tenant, [(row_id, submitting, "") for row_id in delivery_ids], now_us)

    def move(self, connection: Connection, tenant: str, moves: Sequence[Move], now: dt.datetime) -> None:
        now_us = microseconds(now)
        execute_many(
            connection,
            "UPDATE delivery SET state = ?, reason = ?, due_us = COALESCE(?, due_us), "
            "message_id = COALESCE(?, message_id), accepted_us = COALESCE(accepted_us, ?), alone = ?, update_us = ? "
            "WHERE tenant = ? AND delivery_id = ?",
            [
                (
                    int(each.state),
                    each.reason,
                    microseconds(_due(each, now)),
                    each.message_id,
                    now_us if each.accepted else None,
                    int(each.alone),
                    now_us,
                    tenant,
                    each.delivery_id,
                )
                for each in moves
            ],
        )
        steps = [(each.delivery_id, int(each.state), each.reason) for each in moves]
        _add_history(connection, tenant, steps, now_us)

    def note_accepted(
        self, connection: Connection, tenant: str, accepted: Mapping[str, str], now: dt.datetime
    ) -> None:
        execute_many(
            connection,
            "UPDATE delivery SET message_id = ?, accepted_us = COALESCE(accepted_us, ?) "
            "WHERE tenant = ? AND delivery_id = ?",
            [(message_id, microseconds(now), tenant, row_id) for row_id, message_id in accepted.items()],
        )

    def clicked(
        self, connection: Connection, tenant: str, delivery_ids: Sequence[str], now: dt.datetime
    ) -> None:
        execute_many(
            connection,
            "UPDATE delivery SET clicked_us = COALESCE(clicked_us, ?) WHERE tenant = ? AND delivery_id = ?",
            [(microseconds(now), tenant, row_id) for row_id in delivery_ids],
        )

    def expire(
        self, connection: Connection, campaign: Campaign, state: DeliveryState, now: dt.datetime, limit: int
    ) -> int:
        unsent = sorted(int(each) for each in _UNSENT)
        rows = execute(
            connection,
            "SELECT delivery_id FROM delivery WHERE tenant = ? AND campaign_id = ? "
            f"AND state IN ({marks(len(unsent))}) LIMIT ?" + for_update(connection),
            (campaign.tenant, campaign.campaign_id, *unsent, limit),
        ).all()
        self.move(connection, campaign.tenant, [Move(row[0], state) for row in rows], now)
        return len(rows)

    def silent(
        self, connection: Connection, campaign: Campaign, accepted_before: dt.datetime, limit: int
    ) -> list[Held]:
        rows = execute(
            connection,
            f"SELECT {HELD} FROM delivery WHERE tenant = ? AND campaign_id = ? AND state = ? AND due_us < ? "
            "ORDER BY due_us LIMIT ?",
            (
                campaign.tenant,
                campaign.campaign_id,
                int(DeliveryState.ACCEPTED),
                microseconds(accepted_before),
                limit,
            ),
        ).all()
        return [held(tuple(row)) for row in rows]

    def put_off(self, connection: Connection, tenant: str, waits: Mapping[str, dt.datetime]) -> None:
        execute_many(
            connection,
            "UPDATE delivery SET due_us = ? WHERE tenant = ? AND delivery_id = ?",
            [(microseconds(due), tenant, row_id) for row_id, due in waits.items()],
        )


def _due(move: Move, now: dt.datetime) -> dt.datetime | None:
    return now if move.due is None and move.state is DeliveryState.ACCEPTED else move.due


def _known(connection: Connection, tenant: str, ids: Sequence[str]) -> Collection[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _IDS_PER_QUERY):
        some = ids[start : start + _IDS_PER_QUERY]
        rows = execute(
            connection,
            f"SELECT delivery_id FROM delivery WHERE tenant = ? AND delivery_id IN ({marks(len(some))})",
            (tenant, *some),
        )
        found.update(row[0] for row in rows)
    return found


def _add_history(
    connection: Connection, tenant: str, steps: Sequence[tuple[str, int, str]], now_us: int
) -> None:
    execute_many(
        connection,
        "INSERT INTO delivery_history (tenant, delivery_id, number, time_us, state, reason) "
        "SELECT ?, ?, COALESCE(MAX(number), 0) + 1, ?, ?, ? FROM delivery_history "
        "WHERE tenant = ? AND delivery_id = ?",
        [(tenant, row_id, now_us, state, reason, tenant, row_id) for row_id, state, reason in steps],
    )
