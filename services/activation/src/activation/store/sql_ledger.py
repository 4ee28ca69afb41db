"""DeliveryLedger on SQLite and PostgreSQL: taking, moving and finding rows. Reading them out is in sql_reading.py."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from activation.domain.campaign import Campaign, State
from activation.domain.delivery import STEP, UNSENT, DeliveryState, delivery_id
from activation.domain.ledger import Claim, Held, Move, Planned
from activation.store.locking import for_update, marks
from activation.store.sql_reading import SqlLedgerReading
from activation.store.times import microseconds
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

_HELD = "delivery_id, campaign_id, state, fence, batch_id, person_id, birth_key_id, dest_hash"
_UNSENT = tuple(int(state) for state in sorted(UNSENT))


class SqlDeliveryLedger(SqlLedgerReading):
    """Implements DeliveryLedger."""

    def plan(
        self, connection: Connection, campaign: Campaign, members: Sequence[Planned], now: dt.datetime
    ) -> int:
        draft, now_us = campaign.draft, microseconds(now)
        rows = [
            (
                delivery_id(campaign.tenant, draft.campaign_id, member.person_id, draft.channel),
                member.person_id,
                int(DeliveryState.HOLDOUT if member.held_out else DeliveryState.READY),
            )
            for member in members
        ]
        ids = [row[0] for row in rows]
        known = {row[0] for row in self._ids(connection, campaign.tenant, ids)}
        new = [row for row in rows if row[0] not in known]
        execute_many(
            connection,
            "INSERT INTO delivery (tenant, delivery_id, campaign_id, step, person_id, channel, account, birth_key_id, "
            "state, reason, attempts, fence, lease_until_ms, due_us, alone, message_id, update_us) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, '', 0, 0, 0, ?, 0, '', ?)",
            [
                (
                    campaign.tenant,
                    row_id,
                    draft.campaign_id,
                    STEP,
                    person_id,
                    draft.channel,
                    draft.provider_account,
                    state,
                    now_us,
                    now_us,
                )
                for row_id, person_id, state in new
            ],
        )
        _add_history(connection, campaign.tenant, [(row[0], row[2], "") for row in new], now_us)
        return len(new)

    def claim(
        self, connection: Connection, account: str, limit: int, now: dt.datetime, lease_until_ms: int
    ) -> list[Claim]:
        first = execute(
            connection,
            "SELECT d.tenant, d.campaign_id, d.alone FROM delivery d JOIN campaign c "
            "ON c.tenant = d.tenant AND c.campaign_id = d.campaign_id "
            f"WHERE d.account = ? AND d.state IN ({marks(len(_UNSENT))}) AND d.due_us <= ? AND c.state = ? "
            "ORDER BY d.due_us, d.delivery_id LIMIT 1",
            (account, *_UNSENT, microseconds(now), State.RUNNING.value),
        ).one_or_none()
        if first is None:
            return []
        tenant, campaign_id, alone = first
        rows = execute(
            connection,
            "SELECT delivery_id, person_id, fence, attempts FROM delivery "
            f"WHERE account = ? AND state IN ({marks(len(_UNSENT))}) AND due_us <= ? AND tenant = ? "
            "AND campaign_id = ? AND alone = ? ORDER BY due_us, delivery_id LIMIT ?"
            + for_update(connection, skip_locked=True),
            (account, *_UNSENT, microseconds(now), tenant, campaign_id, alone, 1 if alone else limit),
        ).all()
        execute_many(
            connection,
            "UPDATE delivery SET state = ?, fence = fence + 1, lease_until_ms = ? WHERE tenant = ? AND delivery_id = ?",
            [(int(DeliveryState.CLAIMED), lease_until_ms, tenant, row[0]) for row in rows],
        )
        return [Claim(tenant, row[0], campaign_id, row[1], row[2] + 1, row[3], bool(alone)) for row in rows]

    def release_expired(self, connection: Connection, machine_ms: int, now: dt.datetime) -> int:
        found = execute(
            connection,
            "UPDATE delivery SET state = ?, fence = fence + 1, due_us = ? WHERE state = ? AND lease_until_ms < ?",
            (int(DeliveryState.READY), microseconds(now), int(DeliveryState.CLAIMED), machine_ms),
        )
        return found.rowcount

    def assign(
        self, connection: Connection, claims: Mapping[str, tuple[str, int]], tenant: str
    ) -> frozenset[str]:
        if not claims:
            return frozenset()
        campaign_id = execute(
            connection,
            "SELECT campaign_id FROM delivery WHERE tenant = ? AND delivery_id = ?",
            (tenant, next(iter(claims))),
        ).scalar_one()
        hashes = sorted({dest_hash for dest_hash, _ in claims.values()})
        taken = {
            row[0]: row[1]
            for row in execute(
                connection,
                "SELECT dest_hash, delivery_id FROM delivery WHERE tenant = ? AND campaign_id = ? AND step = ? "
                f"AND dest_hash IN ({marks(len(hashes))})",
                (tenant, campaign_id, STEP, *hashes),
            )
        }
        doubled = set()
        for row_id, (dest_hash, birth_key_id) in claims.items():
            if taken.setdefault(dest_hash, row_id) != row_id:
                doubled.add(row_id)
                continue
            execute(
                connection,
                "UPDATE delivery SET dest_hash = ?, birth_key_id = ? WHERE tenant = ? AND delivery_id = ?",
                (dest_hash, birth_key_id, tenant, row_id),
            )
        return frozenset(doubled)

    def held(self, connection: Connection, tenant: str, delivery_ids: Collection[str]) -> dict[str, Held]:
        ids = sorted(delivery_ids)
        if not ids:
            return {}
        rows = execute(
            connection,
            f"SELECT {_HELD} FROM delivery WHERE tenant = ? AND delivery_id IN ({marks(len(ids))}) "
            "ORDER BY delivery_id" + for_update(connection),
            (tenant, *ids),
        ).all()
        return {row[0]: _held(tuple(row)) for row in rows}

    def of_batch(self, connection: Connection, batch_id: str) -> dict[str, Held]:
        rows = execute(
            connection,
            f"SELECT {_HELD} FROM delivery WHERE batch_id = ? ORDER BY delivery_id" + for_update(connection),
            (batch_id,),
        ).all()
        return {row[0]: _held(tuple(row)) for row in rows}

    def find(
        self, connection: Connection, account: str, key: str, message_id: str, dest_hashes: Mapping[str, str]
    ) -> list[tuple[str, Held]]:
        found: list[tuple[str, Held]] = []
        for tenant, dest_hash in dest_hashes.items():
            for condition, value in (
                ("batch_id IN (SELECT batch_id FROM batch WHERE account = ? AND key = ?)", key),
                ("account = ? AND message_id = ?", message_id),
                ("account = ? AND delivery_id = ?", key),
            ):
                if not value:
                    continue
                rows = execute(
                    connection,
                    f"SELECT {_HELD} FROM delivery WHERE {condition} AND tenant = ? AND dest_hash = ?"
                    + for_update(connection),
                    (account, value, tenant, dest_hash),
                ).all()
                if rows:
                    found += [(tenant, _held(tuple(row))) for row in rows]
                    break
        return found

    def submit(
        self,
        connection: Connection,
        tenant: str,
        delivery_ids: Sequence[str],
        batch_id: str,
        now: dt.datetime,
    ) -> None:
        now_us = microseconds(now)
        execute_many(
            connection,
            "UPDATE delivery SET state = ?, batch_id = ?, attempts = attempts + 1, update_us = ? "
            "WHERE tenant = ? AND delivery_id = ?",
            [(int(DeliveryState.SUBMITTING), batch_id, now_us, tenant, row_id) for row_id in delivery_ids],
        )
        submitting = int(DeliveryState.SUBMITTING)
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
                    microseconds(each.due),
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

    def clicked(self, connection: Connection, tenant: str, delivery_id: str, now: dt.datetime) -> None:
        execute(
            connection,
            "UPDATE delivery SET clicked_us = COALESCE(clicked_us, ?) WHERE tenant = ? AND delivery_id = ?",
            (microseconds(now), tenant, delivery_id),
        )

    def expire(
        self, connection: Connection, campaign: Campaign, state: DeliveryState, now: dt.datetime
    ) -> int:
        rows = execute(
            connection,
            "SELECT delivery_id FROM delivery WHERE tenant = ? AND campaign_id = ? "
            f"AND state IN ({marks(len(_UNSENT))})" + for_update(connection),
            (campaign.tenant, campaign.campaign_id, *_UNSENT),
        ).all()
        self.move(connection, campaign.tenant, [Move(row[0], state) for row in rows], now)
        return len(rows)

    def silent(
        self, connection: Connection, account: str, accepted_before: dt.datetime, limit: int
    ) -> list[tuple[str, Held]]:
        rows = execute(
            connection,
            f"SELECT tenant, {_HELD} FROM delivery WHERE account = ? AND state = ? AND accepted_us < ? "
            "ORDER BY accepted_us LIMIT ?" + for_update(connection, skip_locked=True),
            (account, int(DeliveryState.ACCEPTED), microseconds(accepted_before), limit),
        ).all()
        return [(row[0], _held(tuple(row[1:]))) for row in rows]

    def _ids(self, connection: Connection, tenant: str, ids: Sequence[str]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            found += execute(
                connection,
                f"SELECT delivery_id FROM delivery WHERE tenant = ? AND delivery_id IN ({marks(len(some))})",
                (tenant, *some),
            ).all()
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


def _held(row: tuple[Any, ...]) -> Held:
    return Held(row[0], row[1], DeliveryState(row[2]), row[3], row[4], row[5], row[6], row[7])
