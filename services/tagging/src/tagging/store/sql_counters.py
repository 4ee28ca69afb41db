"""The counters of a tenant's facts: one row that the adapters of events, keys and the lake share."""

from servicekit.driver_sql import execute
from sqlalchemy import Connection

_ENSURE = (
    "INSERT INTO fact_counter (tenant, arrival, flushed_arrival, recent_bytes, recent_since_ms, key_change, "
    "highest_person_id, highest_key_id, highest_ingest_sequence) VALUES (?, 0, 0, 0, 0, 0, 0, 0, 0) "
    "ON CONFLICT (tenant) DO NOTHING"
)


def ensure_counters(connection: Connection, tenant: str) -> None:
    """Makes the tenant's row when there is none."""
    execute(connection, _ENSURE, (tenant,))
