"""How far the facts are stored, and how far their consequences reach.

The consumer's rows in the kit's table `upstream` are the cursor. What may be promised to the right stands
there too, under a name of its own: the same positions, but before the oldest stale person.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
from servicekit import upstream
from servicekit.changelog import Changelog
from servicekit.driver_sql import execute, execute_many
from servicekit.progress import Progress as UpstreamProgress
from servicekit.revision import LANES, Lane, Revision
from servicekit.upstream import Sources
from sqlalchemy import Connection
from tagging.store.ports import PersonIds
from tagging.store.sql_lists import pieces

UPSTREAM_SERVICE = "identity"
FACTS = "identity"
"""The consumer whose cursor says which facts are stored."""
VALUES = "identity values"
"""The name under which the consequences' reach is stored."""
FACT_SOURCES: Sources = {FACTS: (UPSTREAM_SERVICE,)}
"""For those who wait for facts: runs and lake flushes."""
VALUE_SOURCES: Sources = {VALUES: (UPSTREAM_SERVICE,)}
"""For those who wait for values, and for what Watch promises."""
ANYTHING = "*"
"""Instead of the types of events that somebody is stale of."""
TOLD_TYPES = 200
"""Characters, after which it may be anything."""
EVERYTHING_NEW: Mapping[int, Collection[str]] = MappingProxyType({})
_ADD_STALE = (
    "INSERT INTO stale_person (tenant, person_id, position, overtaken, types) VALUES (?, ?, ?, 0, ?) "
    "ON CONFLICT (tenant, person_id) DO UPDATE SET types = CASE "
    "WHEN stale_person.types = excluded.types THEN stale_person.types "
    f"WHEN '{ANYTHING}' IN (stale_person.types, excluded.types) OR length(stale_person.types) > {TOLD_TYPES} "
    f"THEN '{ANYTHING}' ELSE stale_person.types || ' ' || excluded.types END"
)


class SqlProgress:
    """Progress over the tables `stale_person`, `identity_epoch` and the kit's `upstream`."""

    def __init__(self, changelog: Changelog) -> None:
        self._changelog = changelog

    def cursor(self, connection: Connection) -> Revision | None:
        return upstream.cursor(connection, FACTS, UPSTREAM_SERVICE)

    def promised(self, connection: Connection) -> Revision | None:
        return upstream.cursor(connection, VALUES, UPSTREAM_SERVICE)

    def begin(self, connection: Connection) -> None:
        upstream.forget(connection, FACTS)

    def finish(self, connection: Connection, end: UpstreamProgress) -> None:
        self._changelog.finish_bootstrap(connection, FACTS, end)
        upstream.reset(connection, VALUES, end.through, ())

    def advance(self, connection: Connection, lane: Lane, through: Revision) -> None:
        upstream.advance(connection, FACTS, lane, through, ())
        self._settle(connection)

    def epoch_number(self, connection: Connection, epoch: str) -> int:
        known = execute(
            connection, "SELECT number FROM identity_epoch WHERE epoch = ?", (epoch,)
        ).scalar_one_or_none()
        if known is not None:
            return int(known)
        execute(
            connection,
            "INSERT INTO identity_epoch (epoch, number) SELECT ?, count(*) FROM identity_epoch",
            (epoch,),
        )
        return self.epoch_number(connection, epoch)

    def add_stale(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int],
        position: int,
        overtaken: Collection[int] = (),
        types: Mapping[int, Collection[str]] = EVERYTHING_NEW,
    ) -> None:
        told = {person_id: " ".join(sorted(names)) for person_id, names in types.items()}
        execute_many(
            connection,
            _ADD_STALE,
            [
                (tenant, person_id, position, told.get(person_id) or ANYTHING)
                for person_id in sorted(person_ids)
            ],
        )
        self.overtake(connection, tenant, overtaken)

    def overtake(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> None:
        for piece, marks in pieces(person_ids):
            execute(
                connection,
                "UPDATE stale_person SET overtaken = 1 "
                f"WHERE tenant = ? AND person_id IN ({marks}) AND overtaken = 0",
                [tenant, *piece],
            )

    def stale_persons(self, connection: Connection, tenant: str, limit: int) -> dict[int, bool]:
        rows = execute(
            connection,
            "SELECT person_id, overtaken FROM stale_person WHERE tenant = ? "
            "ORDER BY position, person_id LIMIT ?",
            (tenant, limit),
        )
        return {row[0]: bool(row[1]) for row in rows}

    def stale_ids(self, connection: Connection, tenant: str) -> dict[frozenset[str] | None, PersonIds]:
        rows = execute(
            connection,
            "SELECT person_id, types FROM stale_person WHERE tenant = ? ORDER BY person_id",
            (tenant,),
        )
        by_text: dict[str, list[int]] = {}
        for person_id, text in rows:
            by_text.setdefault(text, []).append(person_id)
        found: dict[frozenset[str] | None, PersonIds] = {}
        for text, person_ids in by_text.items():
            types = None if text == ANYTHING else frozenset(text.split())
            ids = np.array(person_ids, np.int64)
            found[types] = np.union1d(found[types], ids) if types in found else ids
        return found

    def stale_counts(self, connection: Connection) -> dict[str, int]:
        rows = execute(connection, "SELECT tenant, count(*) FROM stale_person GROUP BY tenant")
        return {row[0]: row[1] for row in rows}

    def remove_stale(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int] | None,
        up_to_position: int | None = None,
    ) -> None:
        bound = "" if up_to_position is None else " AND position <= ?"
        limit = [] if up_to_position is None else [up_to_position]
        if person_ids is None:
            execute(
                connection,
                f"DELETE FROM stale_person WHERE tenant = ? AND overtaken = 0{bound}",
                [tenant, *limit],
            )
        else:
            for piece, marks in pieces(person_ids):
                execute(
                    connection,
                    f"DELETE FROM stale_person WHERE tenant = ? AND person_id IN ({marks}){bound}",
                    [tenant, *piece, *limit],
                )
        self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        """Brings the promise up to date; during a bootstrap it stays."""
        cursor = self.cursor(connection)
        if cursor is None:
            return
        oldest = execute(connection, "SELECT min(position) FROM stale_person").scalar_one()
        reached = cursor if oldest is None else cursor.at(Lane.BULK, min(cursor.bulk, oldest - 1))
        for lane in LANES:
            upstream.advance(connection, VALUES, lane, reached, ())
