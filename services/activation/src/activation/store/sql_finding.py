"""Finding rows of the ledger: by id, by batch, by what a provider says of them."""

from collections.abc import Collection
from typing import Any

from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Held
from activation.store.locking import among, for_update
from servicekit.driver_sql import execute
from sqlalchemy import Connection

HELD = "delivery_id, campaign_id, state, fence, batch_id, person_id, birth_key_id, dest_hash, attempts"


class SqlLedgerFinding:
    """The finding part of DeliveryLedger."""

    def held(self, connection: Connection, tenant: str, delivery_ids: Collection[str]) -> dict[str, Held]:
        ids = sorted(delivery_ids)
        if not ids:
            return {}
        listed, values = among(connection, ids)
        rows = execute(
            connection,
            f"SELECT {HELD} FROM delivery WHERE tenant = ? AND delivery_id {listed} ORDER BY delivery_id"
            + for_update(connection),
            (tenant, *values),
        ).all()
        return {row[0]: held(tuple(row)) for row in rows}

    def of_batch(self, connection: Connection, batch_id: str) -> dict[str, Held]:
        rows = execute(
            connection,
            f"SELECT {HELD} FROM delivery WHERE batch_id = ? ORDER BY delivery_id" + for_update(connection),
            (batch_id,),
        ).all()
        return {row[0]: held(tuple(row)) for row in rows}

    def owner(self, connection: Connection, account: str, key: str, message_id: str) -> str | None:
        for sql, value in (
            ("SELECT tenant FROM batch WHERE account = ? AND key = ? LIMIT 1", key),
            ("SELECT tenant FROM delivery WHERE account = ? AND message_id = ? LIMIT 1", message_id),
        ):
            found = execute(connection, sql, (account, value)).first() if value else None
            if found is not None:
                return str(found[0])
        return None

    def sent(
        self,
        connection: Connection,
        tenant: str,
        account: str,
        ref: tuple[str, str],
        dest_hashes: Collection[str],
    ) -> dict[str, Held]:
        key, message_id = ref
        found: dict[str, Held] = {}
        for condition, value in (
            ("batch_id IN (SELECT batch_id FROM batch WHERE account = ? AND key = ?)", key),
            ("account = ? AND message_id = ?", message_id),
        ):
            missing = sorted(set(dest_hashes) - found.keys())
            if not value or not missing:
                continue
            listed, values = among(connection, missing)
            rows = execute(
                connection,
                f"SELECT {HELD} FROM delivery WHERE {condition} AND tenant = ? AND dest_hash {listed} "
                "ORDER BY delivery_id" + for_update(connection),
                (account, value, tenant, *values),
            ).all()
            for row in rows:
                each = held(tuple(row))
                found[each.dest_hash or ""] = each
        return found

    def of_message(self, connection: Connection, tenant: str, account: str, message_id: str) -> list[Held]:
        rows = execute(
            connection,
            f"SELECT {HELD} FROM delivery WHERE account = ? AND message_id = ? AND tenant = ? "
            "ORDER BY delivery_id" + for_update(connection),
            (account, message_id, tenant),
        ).all()
        return [held(tuple(row)) for row in rows]

    def latest_to(self, connection: Connection, tenant: str, account: str, dest_hash: str) -> Held | None:
        row = execute(
            connection,
            f"SELECT {HELD} FROM delivery WHERE tenant = ? AND dest_hash = ? AND account = ? AND batch_id IS NOT NULL "
            "ORDER BY update_us DESC LIMIT 1" + for_update(connection),
            (tenant, dest_hash, account),
        ).first()
        return None if row is None else held(tuple(row))


def held(row: tuple[Any, ...]) -> Held:
    """A row in the order of HELD."""
    return Held(
        delivery_id=row[0],
        campaign_id=row[1],
        state=DeliveryState(row[2]),
        fence=row[3],
        batch_id=row[4],
        person_id=row[5],
        birth_key_id=row[6],
        dest_hash=row[7],
        attempts=row[8],
    )
