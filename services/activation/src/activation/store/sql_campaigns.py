"""CampaignStore on SQLite and PostgreSQL."""

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from activation.domain.campaign import SENDS, Campaign, Draft, State
from activation.store.locking import for_update, marks
from activation.store.times import microseconds, moment
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = (
    "tenant, draft, state, note, epoch, create_time_us, start_time_us, planned_through, plan_done, "
    "traceparent, purposes, control_salt, control_basis_points"
)
_IDS_PER_QUERY = 500


class SqlCampaignStore:
    """Implements CampaignStore."""

    def get(
        self, connection: Connection, tenant: str, campaign_id: str, *, lock: bool = False
    ) -> Campaign | None:
        row = execute(
            connection,
            f"SELECT {_COLUMNS} FROM campaign WHERE tenant = ? AND campaign_id = ?"
            + (for_update(connection) if lock else ""),
            (tenant, campaign_id),
        ).one_or_none()
        return None if row is None else _campaign(tuple(row))

    def page(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Campaign]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM campaign WHERE tenant = ? AND campaign_id > ? "
            "ORDER BY campaign_id LIMIT ?",
            (tenant, after, limit),
        ).all()
        return [_campaign(tuple(row)) for row in rows]

    def in_state(self, connection: Connection, states: Collection[State]) -> list[Campaign]:
        return self._in(connection, states)

    def sending(self, connection: Connection, account: str) -> list[Campaign]:
        return self._in(connection, SENDS, "AND account = ?", account)

    def under_way(self, connection: Connection) -> list[Campaign]:
        return self._in(connection, set(State) - {State.DRAFT}, "AND sealed_key IS NOT NULL")

    def add(self, connection: Connection, campaign: Campaign, sealed_key: bytes) -> bool:
        draft = campaign.draft
        added = execute(
            connection,
            "INSERT INTO campaign (tenant, campaign_id, draft, state, note, epoch, account, create_time_us, "
            "start_time_us, expire_time_us, planned_through, plan_done, traceparent, purposes, control_salt, "
            "control_basis_points, sealed_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, campaign_id) DO NOTHING",
            (
                campaign.tenant,
                draft.campaign_id,
                _dumped(draft),
                campaign.state.value,
                campaign.note,
                campaign.epoch,
                draft.provider_account,
                microseconds(campaign.create_time),
                microseconds(campaign.start_time),
                microseconds(campaign.expire_time),
                campaign.planned_through,
                int(campaign.plan_done),
                campaign.traceparent,
                json.dumps(campaign.purposes),
                campaign.control_salt,
                campaign.control_basis_points,
                sealed_key,
            ),
        )
        return added.rowcount == 1

    def put(self, connection: Connection, campaign: Campaign) -> None:
        execute(
            connection,
            "UPDATE campaign SET state = ?, note = ?, epoch = ?, start_time_us = ?, expire_time_us = ?, "
            "planned_through = ?, plan_done = ?, traceparent = ?, purposes = ?, control_salt = ?, "
            "control_basis_points = ? WHERE tenant = ? AND campaign_id = ?",
            (
                campaign.state.value,
                campaign.note,
                campaign.epoch,
                microseconds(campaign.start_time),
                microseconds(campaign.expire_time),
                campaign.planned_through,
                int(campaign.plan_done),
                campaign.traceparent,
                json.dumps(campaign.purposes),
                campaign.control_salt,
                campaign.control_basis_points,
                campaign.tenant,
                campaign.campaign_id,
            ),
        )

    def drafts(self, connection: Connection, tenant: str, campaign_ids: Collection[str]) -> dict[str, Draft]:
        ids = sorted(campaign_ids)
        found: dict[str, Draft] = {}
        for start in range(0, len(ids), _IDS_PER_QUERY):
            some = ids[start : start + _IDS_PER_QUERY]
            rows = execute(
                connection,
                f"SELECT campaign_id, draft FROM campaign WHERE tenant = ? AND campaign_id IN ({marks(len(some))})",
                (tenant, *some),
            )
            found |= {row[0]: _draft(row[1]) for row in rows}
        return found

    def key(self, connection: Connection, tenant: str, campaign_id: str) -> bytes | None:
        found = execute(
            connection,
            "SELECT sealed_key FROM campaign WHERE tenant = ? AND campaign_id = ?",
            (tenant, campaign_id),
        ).scalar_one_or_none()
        return None if found is None else bytes(found)

    def tenants(self, connection: Connection, account: str) -> list[str]:
        rows = execute(
            connection, "SELECT DISTINCT tenant FROM campaign WHERE account = ? ORDER BY tenant", (account,)
        )
        return [row[0] for row in rows]

    def every_tenant(self, connection: Connection) -> list[str]:
        rows = execute(connection, "SELECT DISTINCT tenant FROM campaign ORDER BY tenant", ())
        return [row[0] for row in rows]

    def destroy_key(self, connection: Connection, tenant: str, campaign_id: str) -> None:
        key = (tenant, campaign_id)
        execute(connection, "UPDATE campaign SET sealed_key = NULL WHERE tenant = ? AND campaign_id = ?", key)
        execute(connection, "UPDATE batch SET sealed_wire = NULL WHERE tenant = ? AND campaign_id = ?", key)

    @staticmethod
    def _in(
        connection: Connection, states: Collection[State], condition: str = "", *values: str
    ) -> list[Campaign]:
        wanted = sorted(state.value for state in states)
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM campaign WHERE state IN ({marks(len(wanted))}) {condition} "
            "ORDER BY start_time_us, tenant, campaign_id",
            (*wanted, *values),
        ).all()
        return [_campaign(tuple(row)) for row in rows]


def _dumped(draft: Draft) -> str:
    fields = asdict(draft)
    fields["parameters"] = dict(draft.parameters)
    fields["expire_time"] = draft.expire_time.isoformat() if draft.expire_time else None
    return json.dumps(fields, ensure_ascii=False)


def _draft(text: str) -> Draft:
    fields = json.loads(text)
    if fields["expire_time"]:
        fields["expire_time"] = dt.datetime.fromisoformat(fields["expire_time"])
    return Draft(**fields)


def _campaign(row: tuple[Any, ...]) -> Campaign:
    return Campaign(
        tenant=row[0],
        draft=_draft(row[1]),
        state=State(row[2]),
        note=row[3],
        epoch=row[4],
        create_time=moment(row[5]),
        start_time=moment(row[6]),
        planned_through=row[7],
        plan_done=bool(row[8]),
        traceparent=row[9],
        purposes=tuple(json.loads(row[10])),
        control_salt=row[11],
        control_basis_points=row[12],
    )
