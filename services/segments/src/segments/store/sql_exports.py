"""Exports on SQLite and PostgreSQL."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from pyroaring import BitMap
from segments.domain.exports import Export, ExportAction, ExportState, ExportStep
from segments.domain.packing import microseconds, moment_of
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = (
    "export_id, request_id, request, segment_id, count, tag_ids, reason, recipient, subject, create_time_us, "
    "due_time_us, seed, purposes, state, sequence, namespaces, purpose, brand"
)
_OPEN = (int(ExportState.REQUESTED), int(ExportState.APPROVED))


class SqlExports:
    """Implements Exports."""

    def take_turns(self, connection: Connection, tenant: str) -> None:
        if connection.dialect.name != "sqlite":  # which has one writer at a time
            said = (f"segments exports {tenant}",)
            execute(connection, "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", said)

    def add(self, connection: Connection, tenant: str, export: Export, members: BitMap) -> Export:
        last = execute(
            connection, "SELECT max(sequence) FROM export WHERE tenant = ?", (tenant,)
        ).scalar_one()
        sequence = (last or 0) + 1
        execute(
            connection,
            f"INSERT INTO export (tenant, members, {_COLUMNS}) VALUES ({', '.join('?' * 20)})",
            (
                tenant,
                members.serialize(),
                export.export_id,
                export.request_id,
                export.request,
                export.segment_id,
                export.count,
                json.dumps(export.tag_ids),
                export.reason,
                export.recipient,
                export.subject,
                microseconds(export.create_time),
                microseconds(export.due_time),
                export.seed,
                json.dumps(export.purposes, ensure_ascii=False),
                int(export.state),
                sequence,
                json.dumps(export.namespaces),
                export.purpose,
                export.brand,
            ),
        )
        found = self.get(connection, tenant, export.export_id)
        assert found is not None
        return found

    def get(self, connection: Connection, tenant: str, export_id: str) -> Export | None:
        return self._one(connection, tenant, "export_id", export_id)

    def of_request(self, connection: Connection, tenant: str, request_id: str) -> Export | None:
        return self._one(connection, tenant, "request_id", request_id)

    def page(self, connection: Connection, tenant: str, before: int | None, limit: int) -> list[Export]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM export WHERE tenant = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
            (tenant, 2**62 if before is None else before, limit),
        )
        return [_export(row) for row in rows]

    def lock(self, connection: Connection, tenant: str, export_id: str) -> None:
        execute(
            connection,
            "UPDATE export SET state = state WHERE tenant = ? AND export_id = ?",
            (tenant, export_id),
        )

    def open(self, connection: Connection, tenant: str, now: dt.datetime) -> int:
        sql = "SELECT count(*) FROM export WHERE tenant = ? AND state IN (?, ?) AND due_time_us > ?"
        return int(execute(connection, sql, (tenant, *_OPEN, microseconds(now))).scalar_one())

    def passed(self, connection: Connection, tenant: str, subject: str, since: dt.datetime) -> int:
        sql = (
            "SELECT sum(count) FROM export JOIN export_step ON export_step.tenant = export.tenant AND "
            "export_step.export_id = export.export_id WHERE export.tenant = ? AND export.subject = ? AND "
            "create_time_us > ? AND action = ?"
        )
        said = (tenant, subject, microseconds(since), int(ExportAction.PASS))
        return int(execute(connection, sql, said).scalar_one() or 0)

    def members(self, connection: Connection, tenant: str, export_id: str) -> BitMap | None:
        row = execute(
            connection,
            "SELECT members FROM export WHERE tenant = ? AND export_id = ?",
            (tenant, export_id),
        ).one_or_none()
        return None if row is None or row[0] is None else BitMap.deserialize(bytes(row[0]))

    def put_state(self, connection: Connection, tenant: str, export_id: str, state: ExportState) -> None:
        execute(
            connection,
            "UPDATE export SET state = ? WHERE tenant = ? AND export_id = ?",
            (int(state), tenant, export_id),
        )

    def add_step(self, connection: Connection, tenant: str, export_id: str, step: ExportStep) -> None:
        last = execute(
            connection,
            "SELECT max(number) FROM export_step WHERE tenant = ? AND export_id = ?",
            (tenant, export_id),
        ).scalar_one()
        execute(
            connection,
            "INSERT INTO export_step (tenant, export_id, number, action, subject, time_us, reason, rows, "
            "request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                tenant,
                export_id,
                (last or 0) + 1,
                int(step.action),
                step.subject,
                microseconds(step.time),
                step.reason,
                step.rows,
                step.request_id,
            ),
        )

    def steps(self, connection: Connection, tenant: str, export_id: str) -> list[ExportStep]:
        rows = execute(
            connection,
            "SELECT action, subject, time_us, reason, rows, request_id FROM export_step WHERE tenant = ? "
            "AND export_id = ? ORDER BY number",
            (tenant, export_id),
        )
        return [ExportStep(ExportAction(row[0]), row[1], moment_of(row[2]), *row[3:]) for row in rows]

    def forget_members(self, connection: Connection, due_before: dt.datetime) -> int:
        return int(
            execute(
                connection,
                "UPDATE export SET members = NULL WHERE members IS NOT NULL AND (due_time_us < ? OR state = ?)",
                (microseconds(due_before), int(ExportState.REJECTED)),
            ).rowcount
        )

    def _one(self, connection: Connection, tenant: str, column: str, value: str) -> Export | None:
        row = execute(
            connection, f"SELECT {_COLUMNS} FROM export WHERE tenant = ? AND {column} = ?", (tenant, value)
        ).one_or_none()
        return None if row is None else _export(row)


def _export(row: Sequence[Any]) -> Export:
    return Export(
        export_id=row[0],
        request_id=row[1],
        request=row[2],
        segment_id=row[3],
        count=row[4],
        tag_ids=tuple(json.loads(row[5])),
        reason=row[6],
        recipient=row[7],
        subject=row[8],
        create_time=moment_of(row[9]),
        due_time=moment_of(row[10]),
        seed=row[11],
        purposes=tuple(json.loads(row[12])),
        state=ExportState(row[13]),
        sequence=row[14],
        namespaces=tuple(json.loads(row[15])),
        purpose=row[16],
        brand=row[17],
    )
