"""Definitions in force, and the cuts that runs froze."""

import datetime as dt
import json
from collections.abc import Collection, Hashable, Mapping

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain import cuts as frozen
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.cuts import Cuts
from tagging.domain.document import from_document, to_document
from tagging.domain.plan import Tag
from tagging.store.tag_ports import FrozenCuts


class SqlTagCatalogue:
    """TagCatalogue over the table `tag`; a definition is kept as its document."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Tag]:
        rows = execute(
            connection,
            "SELECT tag_id, version, document, update_time_us, coverage, deprecated, replacement "
            "FROM tag WHERE tenant = ?",
            (tenant,),
        ).all()
        found = {
            row[0]: Tag(
                from_document(json.loads(row[2])), row[1], moment_of(row[3]), row[4], bool(row[5]), row[6]
            )
            for row in rows
        }
        return {tag_id: found[tag_id] for tag_id in sorted(found)}

    def stamp(self, connection: Connection, tenant: str) -> Hashable:
        rows = execute(
            connection,
            "SELECT tag_id, version, update_time_us, deprecated, replacement FROM tag "
            "WHERE tenant = ? ORDER BY tag_id",
            (tenant,),
        )
        return tuple(tuple(row) for row in rows)

    def put(self, connection: Connection, tenant: str, tags: Collection[Tag]) -> None:
        execute_many(
            connection,
            "INSERT INTO tag (tenant, tag_id, version, document, update_time_us, coverage, deprecated, "
            "replacement) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, tag_id) DO UPDATE SET "
            "version = excluded.version, document = excluded.document, "
            "update_time_us = excluded.update_time_us, coverage = excluded.coverage, "
            "deprecated = excluded.deprecated, replacement = excluded.replacement",
            [
                (
                    tenant,
                    each.tag_id,
                    each.version,
                    json.dumps(to_document(each.definition), ensure_ascii=False),
                    microseconds(each.update_time),
                    each.coverage,
                    each.deprecated,
                    each.replacement,
                )
                for each in tags
            ],
        )

    def delete(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None:
        execute_many(
            connection,
            "DELETE FROM tag WHERE tenant = ? AND tag_id = ?",
            [(tenant, each) for each in sorted(tag_ids)],
        )

    def set_coverage(self, connection: Connection, tenant: str, tag_id: str, coverage: int) -> None:
        execute(
            connection,
            "UPDATE tag SET coverage = ? WHERE tenant = ? AND tag_id = ?",
            (coverage, tenant, tag_id),
        )

    def add_coverage(self, connection: Connection, tenant: str, gained: Mapping[str, int]) -> None:
        execute_many(
            connection,
            "UPDATE tag SET coverage = coverage + ? WHERE tenant = ? AND tag_id = ?",
            [(count, tenant, tag_id) for tag_id, count in sorted(gained.items())],
        )


class SqlCutStore:
    """CutStore over the table `cut`."""

    def latest(self, connection: Connection, tenant: str, tag_id: str, version: int) -> FrozenCuts | None:
        row = execute(
            connection,
            "SELECT number, version, run_id, as_of_us, thresholds FROM cut "
            "WHERE tenant = ? AND tag_id = ? AND version = ? ORDER BY number DESC LIMIT 1",
            (tenant, tag_id, version),
        ).one_or_none()
        if row is None:
            return None
        return FrozenCuts(row[0], row[1], row[2], moment_of(row[3]), frozen.from_document(json.loads(row[4])))

    def add(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        version: int,
        run_id: str,
        as_of: dt.datetime,
        cuts: Cuts,
    ) -> FrozenCuts:
        number = execute(
            connection,
            "SELECT coalesce(max(number), 0) + 1 FROM cut WHERE tenant = ? AND tag_id = ?",
            (tenant, tag_id),
        ).scalar_one()
        document = json.dumps(frozen.to_document(cuts), ensure_ascii=False)
        execute(
            connection,
            "INSERT INTO cut (tenant, tag_id, number, version, run_id, as_of_us, thresholds) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (tenant, tag_id, number, version, run_id, microseconds(as_of), document),
        )
        return FrozenCuts(number, version, run_id, as_of, cuts)

    def drop(self, connection: Connection, tenant: str, tag_id: str) -> None:
        execute(connection, "DELETE FROM cut WHERE tenant = ? AND tag_id = ?", (tenant, tag_id))
