"""Where events stand in the order of their arrival."""

from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.store.event_read_ports import NO_MARK, Mark


class SqlEventMarks:
    """EventMarks over the tables `fact_counter` and `event`."""

    def flushed(self, connection: Connection, tenant: str) -> Mark:
        arrival = execute(
            connection, "SELECT flushed_arrival FROM fact_counter WHERE tenant = ?", (tenant,)
        ).scalar_one_or_none()
        return Mark(arrival, sequence_at(connection, tenant, arrival)) if arrival else NO_MARK


def last_arrival(connection: Connection, tenant: str) -> int:
    """The last arrival, in files or not; 0 for none."""
    found = execute(
        connection, "SELECT arrival FROM fact_counter WHERE tenant = ?", (tenant,)
    ).scalar_one_or_none()
    return found or 0


def sequence_at(connection: Connection, tenant: str, arrival: int) -> int:
    """The ingest sequence of the event that arrived then; 0 when it is gone."""
    found = execute(
        connection, "SELECT ingest_sequence FROM event WHERE tenant = ? AND arrival = ?", (tenant, arrival)
    ).scalar_one_or_none()
    return found or 0
