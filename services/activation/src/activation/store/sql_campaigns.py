"""CampaignStore on SQLite and PostgreSQL."""

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from activation.domain.campaign import Campaign, Draft, State
from activation.store.locking import for_update
from activation.store.times import microseconds, moment
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = (
    "tenant, draft, state, note, etag, epoch, create_time_us, start_time_us, planned_through, plan_done, "
    "traceparent"
)


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
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM campaign WHERE state IN ({', '.join('?' * len(states))}) "
            "ORDER BY start_time_us, tenant, campaign_id",
            [state.value for state in states],
        ).all()
        return [_campaign(tuple(row)) for row in rows]

    def add(self, connection: Connection, campaign: Campaign, sealed_key: bytes) -> None:
        draft = campaign.draft
        execute(
            connection,
            "INSERT INTO campaign (tenant, campaign_id, draft, state, note, etag, epoch, account, create_time_us, "
            "start_time_us, expire_time_us, planned_through, plan_done, traceparent, sealed_key) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                campaign.tenant,
                draft.campaign_id,
                _dumped(draft),
                campaign.state.value,
                campaign.note,
                campaign.etag,
                campaign.epoch,
                draft.provider_account,
                microseconds(campaign.create_time),
                microseconds(campaign.start_time),
                microseconds(campaign.expire_time),
                campaign.planned_through,
                int(campaign.plan_done),
                campaign.traceparent,
                sealed_key,
            ),
        )

    def put(self, connection: Connection, campaign: Campaign) -> None:
        execute(
            connection,
            "UPDATE campaign SET state = ?, note = ?, etag = ?, epoch = ?, start_time_us = ?, expire_time_us = ?, "
            "planned_through = ?, plan_done = ?, traceparent = ? WHERE tenant = ? AND campaign_id = ?",
            (
                campaign.state.value,
                campaign.note,
                campaign.etag,
                campaign.epoch,
                microseconds(campaign.start_time),
                microseconds(campaign.expire_time),
                campaign.planned_through,
                int(campaign.plan_done),
                campaign.traceparent,
                campaign.tenant,
                campaign.campaign_id,
            ),
        )

    def key(self, connection: Connection, tenant: str, campaign_id: str) -> bytes | None:
        found = execute(
            connection,
            "SELECT sealed_key FROM campaign WHERE tenant = ? AND campaign_id = ?",
            (tenant, campaign_id),
        ).scalar_one_or_none()
        return None if found is None else bytes(found)

    def tenants(self, connection: Connection) -> list[str]:
        return [row[0] for row in execute(connection, "SELECT DISTINCT tenant FROM campaign ORDER BY tenant")]

    def destroy_key(self, connection: Connection, tenant: str, campaign_id: str) -> None:
        key = (tenant, campaign_id)
        execute(connection, "UPDATE campaign SET sealed_key = NULL WHERE tenant = ? AND campaign_id = ?", key)
        execute(connection, "UPDATE batch SET sealed_wire = NULL WHERE tenant = ? AND campaign_id = ?", key)


def _dumped(draft: Draft) -> str:
    fields = asdict(draft)
    fields["parameters"] = dict(draft.parameters)
    fields["expire_time"] = draft.expire_time.isoformat() if draft.expire_time else None
    return json.dumps(fields, ensure_ascii=False)


def _campaign(row: tuple[Any, ...]) -> Campaign:
    fields = json.loads(row[1])
    if fields["expire_time"]:
        fields["expire_time"] = dt.datetime.fromisoformat(fields["expire_time"])
    return Campaign(
        tenant=row[0],
        draft=Draft(**fields),
        state=State(row[2]),
        note=row[3],
        etag=row[4],
        epoch=row[5],
        create_time=moment(row[6]),
        start_time=moment(row[7]),
        planned_through=row[8],
        plan_done=bool(row[9]),
        traceparent=row[10],
    )
