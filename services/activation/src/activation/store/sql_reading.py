"""Reading the ledger out: counts, pages, histories."""

from collections.abc import Collection
from typing import Any

from activation.domain.delivery import Delivery, DeliveryState
from activation.domain.ledger import Report, Step
from activation.store.times import moment
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_DELIVERY = (
    "tenant, delivery_id, campaign_id, person_id, channel, state, reason, attempts, fence, birth_key_id, "
    "update_us, grounds"
)


class SqlLedgerReading:
    """The reading part of DeliveryLedger."""

    def has_any(
        self, connection: Connection, tenant: str, campaign_id: str, states: Collection[DeliveryState]
    ) -> bool:
        sql = "SELECT 1 FROM delivery WHERE tenant = ? AND campaign_id = ? AND state = ? LIMIT 1"
        return any(
            execute(connection, sql, (tenant, campaign_id, int(state))).first() is not None
            for state in states
        )

    def report(self, connection: Connection, tenant: str, campaign_id: str) -> Report:
        rows = execute(
            connection,
            "SELECT state, reason, count(*), count(accepted_us), count(clicked_us) FROM delivery "
            "WHERE tenant = ? AND campaign_id = ? GROUP BY state, reason",
            (tenant, campaign_id),
        ).all()
        report = Report()
        for number, reason, count, accepted, clicked in rows:
            state = DeliveryState(number)
            report.by_state[state] = report.by_state.get(state, 0) + count
            report.accepted += accepted
            report.clicked += clicked
            if state is DeliveryState.SUPPRESSED:
                report.suppressed[reason] = report.suppressed.get(reason, 0) + count
            if state is DeliveryState.REJECTED:
                report.rejected[reason] = report.rejected.get(reason, 0) + count
        return report

    def page(
        self,
        connection: Connection,
        tenant: str,
        campaign_id: str,
        state: DeliveryState | None,
        after_person_id: int,
        limit: int,
    ) -> list[Delivery]:
        condition, wanted = ("AND state = ?", [int(state)]) if state is not None else ("", [])
        rows = execute(
            connection,
            f"SELECT {_DELIVERY} FROM delivery WHERE tenant = ? AND campaign_id = ? AND person_id > ? {condition} "
            "ORDER BY person_id LIMIT ?",
            (tenant, campaign_id, after_person_id, *wanted, limit),
        ).all()
        return [_delivery(tuple(row)) for row in rows]

    def history(
        self, connection: Connection, tenant: str, campaign_id: str, person_id: int
    ) -> tuple[Delivery, list[Step]] | None:
        row = execute(
            connection,
            f"SELECT {_DELIVERY} FROM delivery WHERE tenant = ? AND campaign_id = ? AND person_id = ?",
            (tenant, campaign_id, person_id),
        ).one_or_none()
        if row is None:
            return None
        delivery = _delivery(tuple(row))
        steps = execute(
            connection,
            "SELECT time_us, state, reason FROM delivery_history WHERE tenant = ? AND delivery_id = ? "
            "ORDER BY number",
            (tenant, delivery.delivery_id),
        ).all()
        return delivery, [Step(moment(step[0]), DeliveryState(step[1]), step[2]) for step in steps]


def _delivery(row: tuple[Any, ...]) -> Delivery:
    return Delivery(
        tenant=row[0],
        delivery_id=row[1],
        campaign_id=row[2],
        person_id=row[3],
        channel=row[4],
        state=DeliveryState(row[5]),
        reason=row[6],
        attempts=row[7],
        fence=row[8],
        birth_key_id=row[9],
        update_time=moment(row[10]),
        grounds=row[11],
    )
