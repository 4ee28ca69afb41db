"""FrozenMembers on SQLite and PostgreSQL: portable roaring bitmaps."""

from collections.abc import Iterator

from pyroaring import BitMap
from segments.domain.frozen import Frozen
from segments.domain.packing import microseconds, moment_of
from servicekit.driver_sql import execute
from sqlalchemy import Connection


class SqlFrozenMembers:
    """Implements FrozenMembers."""

    def put(self, connection: Connection, tenant: str, segment_id: str, frozen: Frozen | None) -> None:
        key = (tenant, segment_id)
        execute(connection, "DELETE FROM frozen_members WHERE tenant = ? AND segment_id = ?", key)
        if frozen is not None:
            execute(
                connection,
                "INSERT INTO frozen_members (tenant, segment_id, time_us, members, stale) VALUES (?, ?, ?, ?, ?)",
                (*key, microseconds(frozen.time), frozen.members.serialize(), frozen.stale),
            )

    def get(self, connection: Connection, tenant: str, segment_id: str) -> Frozen | None:
        row = execute(
            connection,
            "SELECT time_us, members, stale FROM frozen_members WHERE tenant = ? AND segment_id = ?",
            (tenant, segment_id),
        ).one_or_none()
        return None if row is None else _frozen(*row)

    def all(self, connection: Connection) -> Iterator[tuple[str, str, Frozen]]:
        rows = execute(
            connection, "SELECT tenant, segment_id, time_us, members, stale FROM frozen_members"
        ).all()
        for tenant, segment_id, *row in rows:
            yield tenant, segment_id, _frozen(*row)


def _frozen(time_us: int, members: bytes, stale: int) -> Frozen:
    return Frozen(BitMap.deserialize(bytes(members)), moment_of(time_us), bool(stale))
