"""PolicyStore on SQLite and PostgreSQL."""

import json
from dataclasses import asdict
from typing import Any

from activation.domain.policy import StoredPolicy, dumped, loaded, period_of
from activation.domain.proposal import Proposal, Standing
from activation.store.locking import for_update, hold_rules
from activation.store.times import microseconds, moment
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_VERSION = "policy_version.document, policy_version.version, policy_version.update_us, policy_version.subject"
_PROPOSAL = "document, standing, proposed_by, approved_by"


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
        hold_rules(connection, tenant, shared=False)
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

    def propose(self, connection: Connection, tenant: str, proposal: Proposal) -> bool:
        added = execute(
            connection,
            "INSERT INTO policy_period (tenant, name, document, standing, proposed_by, approved_by) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, name) DO NOTHING",
            (
                tenant,
                proposal.period.name,
                json.dumps(asdict(proposal.period), ensure_ascii=False, default=str),
                proposal.standing.value,
                proposal.proposed_by,
                proposal.approved_by,
            ),
        )
        return added.rowcount == 1

    def proposal(self, connection: Connection, tenant: str, name: str) -> Proposal | None:
        row = execute(
            connection,
            f"SELECT {_PROPOSAL} FROM policy_period WHERE tenant = ? AND name = ?",
            (tenant, name),
        ).one_or_none()
        return None if row is None else _proposal(row)

    def put_proposal(self, connection: Connection, tenant: str, proposal: Proposal) -> None:
        execute(
            connection,
            "UPDATE policy_period SET standing = ?, approved_by = ? WHERE tenant = ? AND name = ?",
            (proposal.standing.value, proposal.approved_by, tenant, proposal.period.name),
        )

    def proposals(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Proposal]:
        rows = execute(
            connection,
            f"SELECT {_PROPOSAL} FROM policy_period WHERE tenant = ? AND name > ? ORDER BY name LIMIT ?",
            (tenant, after, limit),
        )
        return [_proposal(row) for row in rows]

    def gate(self, connection: Connection, tenant: str) -> None:
        lock = "SELECT version FROM policy_head WHERE tenant = ?" + for_update(connection)
        if execute(connection, lock, (tenant,)).first() is None:
            execute(
                connection,
                "INSERT INTO policy_head (tenant, version) VALUES (?, 0) ON CONFLICT (tenant) DO NOTHING",
                (tenant,),
            )
            execute(connection, lock, (tenant,)).one()

    def steady(self, connection: Connection, tenant: str) -> int:
        hold_rules(connection, tenant, shared=True)
        sql = "SELECT version FROM policy_head WHERE tenant = ?"
        return execute(connection, sql, (tenant,)).scalar_one_or_none() or 0


def _stored(row: tuple[Any, ...]) -> StoredPolicy:
    return StoredPolicy(loaded(row[0]), row[1], moment(row[2]), row[3])


def _proposal(row: tuple[Any, ...]) -> Proposal:
    return Proposal(period_of(json.loads(row[0])), Standing(row[1]), row[2], row[3])
