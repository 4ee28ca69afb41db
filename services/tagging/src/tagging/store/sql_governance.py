"""Requests, categories, naming rules, reported uses, and which systems send which events."""

import datetime as dt
import json
from collections.abc import Collection, Mapping
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.definition import Wording
from tagging.domain.governance.categories import Category
from tagging.domain.governance.naming import NamingRules, from_document, to_document
from tagging.domain.governance.requests import RequestState, TagRequest
from tagging.domain.governance.uses import TagUse, UserKind
from tagging.store.governance_ports import EVENTS_LOOKED_AT

_REQUEST = (
    "tag_request_id, sequence, requester, name_zh, name_en, why, wanted_use, due, tag_id, state, decider, "
    "decision, owner, create_time_us, update_time_us"
)


class SqlTagRequests:
    """TagRequests over the table `tag_request`."""

    def get(self, connection: Connection, tenant: str, tag_request_id: str) -> TagRequest | None:
        row = execute(
            connection,
            f"SELECT {_REQUEST} FROM tag_request WHERE tenant = ? AND tag_request_id = ?",
            (tenant, tag_request_id),
        ).one_or_none()
        return None if row is None else _request(row)

    def page(
        self,
        connection: Connection,
        tenant: str,
        states: Collection[RequestState],
        requester: str,
        before: int | None,
        limit: int,
    ) -> list[TagRequest]:
        conditions = ""
        values: list[str] = []
        if states:
            conditions += f"AND state IN ({', '.join('?' * len(states))}) "
            values += sorted(each.value for each in states)
        if requester:
            conditions += "AND requester = ? "
            values.append(requester)
        rows = execute(
            connection,
            f"SELECT {_REQUEST} FROM tag_request WHERE tenant = ? AND sequence < ? {conditions}"
            "ORDER BY sequence DESC LIMIT ?",
            (tenant, 2**62 if before is None else before, *values, limit),
        )
        return [_request(row) for row in rows]

    def open_count(self, connection: Connection, tenant: str) -> int:
        found: int = execute(
            connection,
            "SELECT count(*) FROM tag_request WHERE tenant = ? AND state = ?",
            (tenant, RequestState.OPEN.value),
        ).scalar_one()
        return found

    def next_sequence(self, connection: Connection, tenant: str) -> int:
        found: int = execute(
            connection, "SELECT coalesce(max(sequence), 0) + 1 FROM tag_request WHERE tenant = ?", (tenant,)
        ).scalar_one()
        return found

    def put(self, connection: Connection, tenant: str, request: TagRequest) -> None:
        columns = _REQUEST.split(", ")
        replaced = ", ".join(f"{each} = excluded.{each}" for each in columns[1:])
        execute(
            connection,
            f"INSERT INTO tag_request (tenant, {_REQUEST}) VALUES ({', '.join('?' * (len(columns) + 1))}) "
            f"ON CONFLICT (tenant, tag_request_id) DO UPDATE SET {replaced}",
            (
                tenant,
                request.tag_request_id,
                request.sequence,
                request.requester,
                request.name.zh,
                request.name.en,
                request.why,
                request.wanted_use,
                request.due.isoformat() if request.due else "",
                request.tag_id,
                request.state.value,
                request.decider,
                request.decision,
                request.owner,
                microseconds(request.create_time),
                microseconds(request.update_time),
            ),
        )


class SqlCategories:
    """Categories over the table `category`."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Category]:
        rows = execute(connection, "SELECT path, name_zh, name_en FROM category WHERE tenant = ?", (tenant,))
        found = {row[0]: Category(row[0], Wording(row[1], row[2])) for row in rows}
        return {path: found[path] for path in sorted(found)}

    def put(self, connection: Connection, tenant: str, categories: Collection[Category]) -> None:
        execute_many(
            connection,
            "INSERT INTO category (tenant, path, name_zh, name_en) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tenant, path) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en",
            [(tenant, each.path, each.name.zh, each.name.en) for each in categories],
        )

    def remove(self, connection: Connection, tenant: str, paths: Collection[str]) -> None:
        execute_many(
            connection,
            "DELETE FROM category WHERE tenant = ? AND path = ?",
            [(tenant, each) for each in sorted(paths)],
        )


class SqlNamingRules:
    """NamingRuleStore over the table `naming_rules`."""

    def get(self, connection: Connection, tenant: str) -> NamingRules:
        text = execute(
            connection, "SELECT document FROM naming_rules WHERE tenant = ?", (tenant,)
        ).scalar_one_or_none()
        return NamingRules() if text is None else from_document(json.loads(text))

    def put(self, connection: Connection, tenant: str, rules: NamingRules) -> None:
        execute(
            connection,
            "INSERT INTO naming_rules (tenant, document) VALUES (?, ?) "
            "ON CONFLICT (tenant) DO UPDATE SET document = excluded.document",
            (tenant, json.dumps(to_document(rules), ensure_ascii=False)),
        )


class SqlTagUses:
    """TagUses over the table `tag_use`."""

    def all(self, connection: Connection, tenant: str) -> list[TagUse]:
        rows = execute(
            connection,
            "SELECT kind, name, tag_ids, segments, consumer FROM tag_use WHERE tenant = ?",
            (tenant,),
        ).all()
        return [
            TagUse(UserKind(row[0]), row[1], tuple(json.loads(row[2])), tuple(json.loads(row[3])))
            for row in sorted(rows, key=lambda row: (row[4], row[0], row[1]))
        ]

    def replace(self, connection: Connection, tenant: str, consumer: str, uses: Collection[TagUse]) -> None:
        execute(connection, "DELETE FROM tag_use WHERE tenant = ? AND consumer = ?", (tenant, consumer))
        execute_many(
            connection,
            "INSERT INTO tag_use (tenant, consumer, kind, name, tag_ids, segments) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    tenant,
                    consumer,
                    each.kind.value,
                    each.name,
                    json.dumps(list(each.tag_ids), ensure_ascii=False),
                    json.dumps(list(each.segments), ensure_ascii=False),
                )
                for each in uses
            ],
        )


class SqlEventSources:
    """EventSources over the table `event`, by arrival, and the survey of what came in."""

    def of(self, connection: Connection, tenant: str, types: Collection[str]) -> Mapping[str, frozenset[str]]:
        rows = execute(
            connection,
            "SELECT DISTINCT type, source FROM (SELECT type, source FROM event WHERE tenant = ? "
            "ORDER BY arrival DESC LIMIT ?) AS latest "
            "UNION SELECT type, source FROM seen_property WHERE tenant = ?",
            (tenant, EVENTS_LOOKED_AT, tenant),
        )
        found: dict[str, set[str]] = {}
        for type_, source in rows:
            if type_ in types:
                found.setdefault(type_, set()).add(source)
        return {type_: frozenset(names) for type_, names in found.items()}


def _request(row: Any) -> TagRequest:
    return TagRequest(
        tag_request_id=row[0],
        sequence=row[1],
        requester=row[2],
        name=Wording(row[3], row[4]),
        why=row[5],
        wanted_use=row[6],
        due=dt.date.fromisoformat(row[7]) if row[7] else None,
        tag_id=row[8],
        state=RequestState(row[9]),
        decider=row[10],
        decision=row[11],
        owner=row[12],
        create_time=moment_of(row[13]),
        update_time=moment_of(row[14]),
    )
