"""DeliveryLedger on SQLite and PostgreSQL: taking and moving rows. The rest is in sql_reading.py, sql_finding.py and
sql_deciding.py."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence

from activation.domain.campaign import Campaign
from activation.domain.delivery import STEP, DeliveryState, delivery_id
from activation.domain.hours import DEFAULT_ZONE, local_day, zone_of
from activation.domain.ledger import Claim, Held, Move, Planned
from activation.store.locking import among, for_update, marks
from activation.store.set_writes import SetInsert, SetUpdate
from activation.store.sql_deciding import SqlLedgerDeciding, days
from activation.store.sql_finding import HELD, SqlLedgerFinding, held
from activation.store.sql_reading import SqlLedgerReading
from activation.store.times import microseconds
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_IDS_PER_QUERY = 500
_UNSENT = (DeliveryState.RETRY_WAIT, DeliveryState.READY)
"""In the order in which they are taken."""
_KEY = {"tenant": "text", "delivery_id": "text"}
_PLAN = SetInsert(
    "delivery",
    {
        **_KEY,
        "campaign_id": "text",
        "step": "text",
        "person_id": "bigint",
        "channel": "text",
        "account": "text",
        "state": "smallint",
        "reason": "text",
        "now_us": "bigint",
    },
    {
        **{name: f"{{{name}}}" for name in (*_KEY, "campaign_id", "step", "person_id", "channel", "account")},
        **{name: f"{{{name}}}" for name in ("state", "reason")},
        **dict.fromkeys(("birth_key_id", "attempts", "fence", "lease_until_ms", "alone"), "0"),
        **dict.fromkeys(("due_us", "update_us"), "{now_us}"),
        "message_id": "''",
    },
)
_STEP = {**_KEY, "time_us": "bigint", "state": "smallint", "reason": "text"}
_FIRST_STEPS = SetInsert(
    "delivery_history", _STEP, {**{name: f"{{{name}}}" for name in _STEP}, "number": "1"}
)
_NEXT_STEPS = SetInsert(
    "delivery_history",
    _STEP,
    {
        **{name: f"{{{name}}}" for name in _STEP},
        "number": "(SELECT COALESCE(MAX(known.number), 0) + 1 FROM delivery_history known "
        "WHERE known.tenant = {tenant} AND known.delivery_id = {delivery_id})",
    },
)
_CLAIM = SetUpdate(
    "delivery",
    _KEY,
    {"state": "smallint", "fence": "bigint", "lease_until_ms": "bigint"},
    "state = {state}, fence = {fence}, lease_until_ms = {lease_until_ms}, counted_day = NULL",
)
_RELEASE = SetUpdate(
    "delivery",
    _KEY,
    {"state": "smallint", "due_us": "bigint", "held_state": "smallint", "fence": "bigint"},
    "state = {state}, due_us = {due_us}",
    "state = {held_state} AND fence = {fence}",
)
_SUBMIT = SetUpdate(
    "delivery",
    _KEY,
    {"state": "smallint", "batch_id": "text", "update_us": "bigint"},
    "state = {state}, batch_id = {batch_id}, attempts = attempts + 1, update_us = {update_us}",
)
_MOVE = SetUpdate(
    "delivery",
    _KEY,
    {
        "state": "smallint",
        "reason": "text",
        "due_us": "bigint",
        "message_id": "text",
        "accepted_us": "bigint",
        "alone": "smallint",
        "update_us": "bigint",
        "accepted_day": "integer",
    },
    "state = {state}, reason = {reason}, due_us = COALESCE({due_us}, due_us), "
    "message_id = COALESCE({message_id}, message_id), accepted_us = COALESCE(accepted_us, {accepted_us}), "
    "alone = {alone}, update_us = {update_us}, counted_day = COALESCE(counted_day, {accepted_day})",
)
_ACCEPT = SetUpdate(
    "delivery",
    _KEY,
    {"message_id": "text", "accepted_us": "bigint"},
    "message_id = {message_id}, accepted_us = COALESCE(accepted_us, {accepted_us})",
)
_CLICK = SetUpdate(
    "delivery", _KEY, {"clicked_us": "bigint"}, "clicked_us = COALESCE(clicked_us, {clicked_us})"
)
_PUT_OFF = SetUpdate("delivery", _KEY, {"due_us": "bigint"}, "due_us = {due_us}")


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
        _PLAN(
            connection,
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
                )
                for row_id, person_id, state, reason in new
            ],
        )
        _FIRST_STEPS(
            connection, [(tenant, row_id, now_us, state, reason) for row_id, _, state, reason in new]
        )
        return len(new)

    def settle(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            execute(connection, "ANALYZE (SKIP_LOCKED) delivery")

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
        claimed = int(DeliveryState.CLAIMED)
        _CLAIM(
            connection,
            [(tenant, each.delivery_id, claimed, each.fence, lease_until_ms) for each in claims],
        )
        return claims

    def release(self, connection: Connection, tenant: str, claims: Sequence[Claim], due: dt.datetime) -> None:
        ready, claimed = int(DeliveryState.READY), int(DeliveryState.CLAIMED)
        due_us = microseconds(due)
        _RELEASE(
            connection, [(tenant, each.delivery_id, ready, due_us, claimed, each.fence) for each in claims]
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
        _SUBMIT(connection, [(tenant, row_id, submitting, batch_id, now_us) for row_id in delivery_ids])
        _NEXT_STEPS(connection, [(tenant, row_id, now_us, submitting, "") for row_id in delivery_ids])

    def move(self, connection: Connection, tenant: str, moves: Sequence[Move], now: dt.datetime) -> None:
        for each_once in _rounds(moves):
            self._move(connection, tenant, each_once, now)

    @staticmethod
    def _move(connection: Connection, tenant: str, moves: Sequence[Move], now: dt.datetime) -> None:
        now_us, today = microseconds(now), days(local_day(zone_of(DEFAULT_ZONE), now))
        _MOVE(
            connection,
            [
                (
                    tenant,
                    each.delivery_id,
                    int(each.state),
                    each.reason,
                    microseconds(_due(each, now)),
                    each.message_id,
                    now_us if each.accepted else None,
                    int(each.alone),
                    now_us,
                    today if each.accepted else None,
                )
                for each in moves
            ],
        )
        _NEXT_STEPS(
            connection,
            [(tenant, each.delivery_id, now_us, int(each.state), each.reason) for each in moves],
        )

    def note_accepted(
        self, connection: Connection, tenant: str, accepted: Mapping[str, str], now: dt.datetime
    ) -> None:
        now_us = microseconds(now)
        _ACCEPT(connection, [(tenant, row_id, message_id, now_us) for row_id, message_id in accepted.items()])

    def clicked(
        self, connection: Connection, tenant: str, delivery_ids: Sequence[str], now: dt.datetime
    ) -> None:
        now_us = microseconds(now)
        _CLICK(connection, [(tenant, row_id, now_us) for row_id in dict.fromkeys(delivery_ids)])

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
        _PUT_OFF(connection, [(tenant, row_id, microseconds(due)) for row_id, due in waits.items()])


def _due(move: Move, now: dt.datetime) -> dt.datetime | None:
    return now if move.due is None and move.state is DeliveryState.ACCEPTED else move.due


def _known(connection: Connection, tenant: str, ids: Sequence[str]) -> Collection[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _IDS_PER_QUERY):
        listed, values = among(connection, ids[start : start + _IDS_PER_QUERY])
        rows = execute(
            connection,
            f"SELECT delivery_id FROM delivery WHERE tenant = ? AND delivery_id {listed}",
            (tenant, *values),
        )
        found.update(row[0] for row in rows)
    return found


def _rounds(moves: Sequence[Move]) -> Iterator[list[Move]]:
    """The moves in parts, in order, none of which has a row twice."""
    some: dict[str, Move] = {}
    for move in moves:
        if move.delivery_id in some:
            yield list(some.values())
            some = {}
        some[move.delivery_id] = move
    yield list(some.values())
