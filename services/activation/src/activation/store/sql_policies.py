"""PolicyStore on SQLite and PostgreSQL."""

from typing import Any

from activation.domain.policy import StoredPolicy, dumped, loaded
from activation.store.locking import for_update
from activation.store.times import microseconds, moment
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_VERSION = "policy_version.document, policy_version.version, policy_version.update_us, policy_version.subject"


class SqlPolicyStore:
    """Implements PolicyStore. `policy_head` has a row per tenant, which is locked for the gate."""

    def current(self, connection: Connection, tenant: str) -> StoredPolicy:
        row = execute(
            connection,
            f"SELECT {_VERSION} FROM policy_head JOIN policy_version ON policy_version.tenant = policy_head.tenant "
            "AND policy_version.version = policy_head.version WHERE policy_head.tenant = ?",
            (tenant,),
        ).one_or_none()
        return StoredPolicy() if row is None else _stored(row)

    def version(self, connection: Connection, tenant: str, version: int) -> StoredPolicy | None:
        if version == 0:
            return StoredPolicy()
        row = execute(
            connection,
            f"SELECT {_VERSION} FROM policy_version WHERE tenant = ? AND version = ?",
            (tenant, version),
        ).one_or_none()
        return None if row is None else _stored(row)

    def add(self, connection: Connection, tenant: str, stored: StoredPolicy) -> None:
        assert stored.update_time is not None, "a stored version has a time"
        execute(
            connection,
            "INSERT INTO policy_version (tenant, version, document, update_us, subject) VALUES (?, ?, ?, ?, ?)",
            (
                tenant,
                stored.version,
                dumped(stored.policy),
                microseconds(stored.update_time),
                stored.subject,
            ),
        )
        execute(
            connection,
            "UPDATE policy_head SET version = ? WHERE tenant = ?",
            (stored.version, tenant),
        )

    def gate(self, connection: Connection, tenant: str) -> None:
        lock = "SELECT version FROM policy_head WHERE tenant = ?" + for_update(connection)
        if execute(connection, lock, (tenant,)).first() is None:
            execute(
                connection,
                "INSERT INTO policy_head (tenant, version) VALUES (?, 0) ON CONFLICT (tenant) DO NOTHING",
                (tenant,),
            )
            execute(connection, lock, (tenant,)).one()


def _stored(row: tuple[Any, ...]) -> StoredPolicy:
    return StoredPolicy(loaded(row[0]), row[1], moment(row[2]), row[3])
