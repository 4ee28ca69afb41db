"""What was last seen of schedules, over the table `schedule_seen`."""

from collections.abc import Collection, Mapping

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection


class SqlSeenSchedules:
    """SeenSchedules."""

    def all(self, connection: Connection, tenant: str) -> dict[str, tuple[str, int]]:
        rows = execute(
            connection, "SELECT tag_id, schedule, mark FROM schedule_seen WHERE tenant = ?", (tenant,)
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def put(self, connection: Connection, tenant: str, seen: Mapping[str, tuple[str, int]]) -> None:
        execute_many(
            connection,
            "INSERT INTO schedule_seen (tenant, tag_id, schedule, mark) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tenant, tag_id) DO UPDATE SET schedule = excluded.schedule, mark = excluded.mark",
            [(tenant, tag_id, *seen[tag_id]) for tag_id in sorted(seen)],
        )

    def drop(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None:
        execute_many(
            connection,
            "DELETE FROM schedule_seen WHERE tenant = ? AND tag_id = ?",
            [(tenant, each) for each in sorted(tag_ids)],
        )
