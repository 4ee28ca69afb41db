"""Deciding about claimed rows: who has an address already, what counts for a person, and what was decided."""

import datetime as dt
from collections.abc import Collection, Sequence

from activation.domain.campaign import Campaign
from activation.domain.delivery import STEP, UNCOUNTED, UNSENT, DeliveryState
from activation.domain.ledger import Counted, Decided, Waiting
from activation.store.locking import among
from activation.store.set_writes import SetUpdate
from activation.store.times import EPOCH, microseconds
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_KEYS_PER_QUERY = 5_000
_UNCOUNTED = ", ".join(str(int(state)) for state in sorted(UNCOUNTED))
_UNSENT = ", ".join(str(int(state)) for state in sorted(UNSENT))
_DECIDE = SetUpdate(
    "delivery",
    {"tenant": "text", "delivery_id": "text"},
    {"birth_key_id": "bigint", "dest_hash": "text", "day": "integer", "grounds": "text"},
    "birth_key_id = {birth_key_id}, dest_hash = COALESCE({dest_hash}, dest_hash), counted_day = {day}, "
    "grounds = COALESCE(NULLIF({grounds}, ''), grounds)",
)


class SqlLedgerDeciding:
    """The deciding part of DeliveryLedger."""

    def holders(
        self, connection: Connection, campaign: Campaign, dest_hashes: Collection[str]
    ) -> dict[str, str]:
        hashes = sorted(set(dest_hashes))
        if not hashes:
            return {}
        listed, values = among(connection, hashes)
        rows = execute(
            connection,
            f"SELECT dest_hash, delivery_id FROM delivery WHERE tenant = ? AND dest_hash {listed} "
            "AND campaign_id = ? AND step = ?",
            (campaign.tenant, *values, campaign.campaign_id, STEP),
        )
        return {row[0]: row[1] for row in rows}

    def counted(
        self, connection: Connection, tenant: str, birth_key_ids: Collection[int], since: dt.date
    ) -> list[Counted]:
        keys = sorted(birth_key_ids)
        found: list[Counted] = []
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            listed, values = among(connection, keys[start : start + _KEYS_PER_QUERY])
            rows = execute(
                connection,
                "SELECT birth_key_id, campaign_id, counted_day, count(*) FROM delivery "
                f"WHERE tenant = ? AND birth_key_id {listed} AND counted_day >= ? "
                f"AND state NOT IN ({_UNCOUNTED}) GROUP BY birth_key_id, campaign_id, counted_day",
                (tenant, *values, days(since)),
            )
            found += [Counted(row[0], row[1], _date(row[2]), row[3]) for row in rows]
        return found

    def waiting(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int],
        campaign_ids: Collection[str],
        before: dt.datetime,
    ) -> list[Waiting]:
        persons, campaigns = sorted(person_ids), sorted(campaign_ids)
        found: list[Waiting] = []
        for start in range(0, len(persons) if campaigns else 0, _KEYS_PER_QUERY):
            whom, persons_listed = among(connection, persons[start : start + _KEYS_PER_QUERY])
            which, campaigns_listed = among(connection, campaigns)
            rows = execute(
                connection,
                "SELECT person_id, campaign_id, count(*) FROM delivery "
                f"WHERE tenant = ? AND person_id {whom} AND due_us < ? AND campaign_id {which} "
                f"AND (state IN ({_UNSENT}) OR (state = {int(DeliveryState.CLAIMED)} AND counted_day IS NULL)) "
                "GROUP BY person_id, campaign_id",
                (tenant, *persons_listed, microseconds(before), *campaigns_listed),
            )
            found += [Waiting(*row) for row in rows]
        return found

    def decide(self, connection: Connection, tenant: str, decisions: Sequence[Decided]) -> None:
        _DECIDE(
            connection,
            [
                (
                    tenant,
                    each.delivery_id,
                    each.birth_key_id,
                    each.dest_hash,
                    None if each.day is None else days(each.day),
                    each.grounds,
                )
                for each in decisions
            ],
        )


def days(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH.date()).days


def _date(days: int) -> dt.date:
    return EPOCH.date() + dt.timedelta(days=days)
