"""Lives of tags, their versions and their history."""

import datetime as dt
import json
from collections.abc import Collection, Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.document import from_document, to_document
from tagging.domain.governance.life import Deletion, Draft, HistoryEntry, Step, TagLife, TagState
from tagging.store.governance_ports import TagVersion
from tagging.store.sql_lists import pieces

_LIFE = (
    "tag_id, standing, version, owner, replacement, tag_request_id, number, update_time_us, draft_state, draft, "
    "deleted_us, deleter"
)
_ENTRY = (
    "number, tag_id, tag_request_id, time_us, subject, step, reason, from_state, to_state, version, forced"
)
_VERSION = "tag_id, version, document, start_time_us, subject, reviewer"


class SqlTagLives:
    """TagLives over the table `tag_life`."""

    def get(self, connection: Connection, tenant: str, tag_id: str) -> TagLife | None:
        return self.of(connection, tenant, [tag_id]).get(tag_id)

    def of(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> dict[str, TagLife]:
        found: dict[str, TagLife] = {}
        for piece, marks in pieces(sorted(tag_ids)):
            rows = execute(
                connection,
                f"SELECT {_LIFE} FROM tag_life WHERE tenant = ? AND tag_id IN ({marks})",
                (tenant, *piece),
            )
            found |= {life.tag_id: life for life in map(_life, rows)}
        return found

    def page(
        self, connection: Connection, tenant: str, states: Collection[TagState], after: str, limit: int
    ) -> list[TagLife]:
        chosen = sorted(each.value for each in states)
        if not chosen:
            condition = "deleted_us IS NULL"
        else:
            named = f"IN ({', '.join('?' * len(chosen))})"
            condition = (
                f"(deleted_us IS NULL AND (standing {named} AND standing <> 'draft' OR draft_state {named})"
            )
            condition += " OR deleted_us IS NOT NULL)" if TagState.DELETED in states else ")"
        rows = execute(
            connection,
            f"SELECT {_LIFE} FROM tag_life WHERE tenant = ? AND tag_id > ? AND {condition} "
            "ORDER BY tag_id LIMIT ?",
            (tenant, after, *chosen, *chosen, limit),
        )
        return [_life(row) for row in rows]

    def names(self, connection: Connection, tenant: str) -> list[str]:
        rows = execute(connection, "SELECT tag_id FROM tag_life WHERE tenant = ? ORDER BY tag_id", (tenant,))
        return [row[0] for row in rows]

    def retired(self, connection: Connection, tenant: str) -> dict[str, str]:
        rows = execute(
            connection,
            "SELECT tag_id, replacement FROM tag_life "
            "WHERE tenant = ? AND standing = ? AND deleted_us IS NULL ORDER BY tag_id",
            (tenant, TagState.RETIRED.value),
        )
        return {row[0]: row[1] for row in rows}

    def drafts(self, connection: Connection, tenant: str) -> dict[str, TagLife]:
        rows = execute(
            connection,
            f"SELECT {_LIFE} FROM tag_life "
            "WHERE tenant = ? AND draft_state <> '' AND deleted_us IS NULL ORDER BY tag_id",
            (tenant,),
        )
        return {life.tag_id: life for life in map(_life, rows)}

    def put(self, connection: Connection, tenant: str, lives: Collection[TagLife]) -> None:
        columns = _LIFE.split(", ")
        replaced = ", ".join(f"{each} = excluded.{each}" for each in columns[1:])
        execute_many(
            connection,
            f"INSERT INTO tag_life (tenant, {_LIFE}) VALUES ({', '.join('?' * (len(columns) + 1))}) "
            f"ON CONFLICT (tenant, tag_id) DO UPDATE SET {replaced}",
            [(tenant, *_life_row(each)) for each in lives],
        )

    def expired(self, connection: Connection, before: dt.datetime, limit: int) -> list[tuple[str, TagLife]]:
        rows = execute(
            connection,
            f"SELECT {_LIFE}, tenant FROM tag_life WHERE deleted_us <= ? ORDER BY deleted_us LIMIT ?",
            (microseconds(before), limit),
        )
        return [(row[-1], _life(row)) for row in rows]

    def remove(self, connection: Connection, tenant: str, tag_id: str) -> None:
        execute(connection, "DELETE FROM tag_life WHERE tenant = ? AND tag_id = ?", (tenant, tag_id))


class SqlTagVersions:
    """TagVersions over the table `tag_version`."""

    def get(self, connection: Connection, tenant: str, tag_id: str, version: int) -> TagVersion | None:
        row = execute(
            connection,
            f"SELECT {_VERSION} FROM tag_version WHERE tenant = ? AND tag_id = ? AND version = ?",
            (tenant, tag_id, version),
        ).one_or_none()
        return None if row is None else _version(row)

    def page(
        self, connection: Connection, tenant: str, tag_id: str, below: int | None, limit: int
    ) -> list[TagVersion]:
        rows = execute(
            connection,
            f"SELECT {_VERSION} FROM tag_version WHERE tenant = ? AND tag_id = ? AND version < ? "
            "ORDER BY version DESC LIMIT ?",
            (tenant, tag_id, 2**31 - 1 if below is None else below, limit),
        )
        return [_version(row) for row in rows]

    def put(self, connection: Connection, tenant: str, version: TagVersion) -> None:
        execute(
            connection,
            f"INSERT INTO tag_version (tenant, {_VERSION}) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, tag_id, version) DO UPDATE SET document = excluded.document",
            (
                tenant,
                version.tag_id,
                version.version,
                json.dumps(to_document(version.definition), ensure_ascii=False),
                microseconds(version.start_time),
                version.subject,
                version.reviewer,
            ),
        )

    def remove(self, connection: Connection, tenant: str, tag_id: str) -> None:
        execute(connection, "DELETE FROM tag_version WHERE tenant = ? AND tag_id = ?", (tenant, tag_id))


class SqlGovernanceHistory:
    """GovernanceHistory over the table `governance_history`."""

    def append(self, connection: Connection, tenant: str, entries: Sequence[HistoryEntry]) -> None:
        last: int = execute(
            connection, "SELECT coalesce(max(number), 0) FROM governance_history WHERE tenant = ?", (tenant,)
        ).scalar_one()
        execute_many(
            connection,
            f"INSERT INTO governance_history (tenant, {_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    tenant,
                    number,
                    each.tag_id,
                    each.tag_request_id,
                    microseconds(each.time),
                    each.subject,
                    each.step.value,
                    each.reason,
                    each.from_state,
                    each.to_state,
                    each.version,
                    each.forced,
                )
                for number, each in enumerate(entries, start=last + 1)
            ],
        )

    def page(
        self, connection: Connection, tenant: str, tag_id: str, tag_request_id: str, after: int, limit: int
    ) -> list[HistoryEntry]:
        conditions = ""
        values: tuple[str, ...] = ()
        if tag_id:
            conditions += (
                "AND (tag_id = ? OR tag_request_id IN (SELECT tag_request_id FROM governance_history "
                "WHERE tenant = ? AND tag_id = ? AND tag_request_id <> '')) "
            )
            values = (tag_id, tenant, tag_id)
        if tag_request_id:
            conditions += "AND tag_request_id = ? "
            values = (*values, tag_request_id)
        rows = execute(
            connection,
            f"SELECT {_ENTRY} FROM governance_history WHERE tenant = ? AND number > ? {conditions}"
            "ORDER BY number LIMIT ?",
            (tenant, after, *values, limit),
        )
        return [
            HistoryEntry(
                number=row[0],
                tag_id=row[1],
                tag_request_id=row[2],
                time=moment_of(row[3]),
                subject=row[4],
                step=Step(row[5]),
                reason=row[6],
                from_state=row[7],
                to_state=row[8],
                version=row[9],
                forced=bool(row[10]),
            )
            for row in rows
        ]


def _life_row(life: TagLife) -> tuple[Any, ...]:
    assert life.update_time is not None
    return (
        life.tag_id,
        life.standing.value,
        life.version,
        life.owner,
        life.replacement,
        life.tag_request_id,
        life.number,
        microseconds(life.update_time),
        life.draft.state.value if life.draft else "",
        _draft_text(life.draft) if life.draft else "",
        microseconds(life.deletion.time) if life.deletion else None,
        life.deletion.subject if life.deletion else "",
    )


def _draft_text(draft: Draft) -> str:
    found = {
        "definition": to_document(draft.definition),
        "base": draft.base,
        "base_version": draft.base_version,
        "authors": list(draft.authors),
        "submitter": draft.submitter,
        "reviewer": draft.reviewer,
    }
    return json.dumps(found, ensure_ascii=False)


def _life(row: Any) -> TagLife:
    draft = None
    if row[8]:
        kept = json.loads(row[9])
        draft = Draft(
            from_document(kept["definition"]),
            TagState(row[8]),
            kept["base"],
            kept["base_version"],
            tuple(kept["authors"]),
            kept["submitter"],
            kept["reviewer"],
        )
    return TagLife(
        tag_id=row[0],
        standing=TagState(row[1]),
        draft=draft,
        version=row[2],
        owner=row[3],
        replacement=row[4],
        tag_request_id=row[5],
        deletion=None if row[10] is None else Deletion(moment_of(row[10]), row[11]),
        number=row[6],
        update_time=moment_of(row[7]),
    )


def _version(row: Any) -> TagVersion:
    definition = from_document(json.loads(row[2]))
    return TagVersion(row[0], row[1], definition, moment_of(row[3]), row[4], row[5])
