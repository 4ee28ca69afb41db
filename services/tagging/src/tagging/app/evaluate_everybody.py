"""Everybody at once: takes snapshots of a tenant's facts, over which runs compute columns."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from servicekit.database import Database
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.snapshot import Snapshot, open_duck
from tagging.app.snapshot_inputs import SnapshotInputs
from tagging.domain.recipe import Recipe
from tagging.domain.tenants import Tenant
from tagging.store.ports import FactStores, LakeRelations
from tagging.store.query_ports import LakeQueries
from tagging.store.tag_ports import TagStores


class Everybody:
    """Takes snapshots of a tenant's facts."""

    def __init__(
        self,
        database: Database,
        facts: FactStores,
        lake: LakeRelations,
        tags: TagStores,
        columns: ColumnsInForce,
        queries: LakeQueries,
    ) -> None:
        self._queries = queries
        self._database = database
        self._facts = facts
        self._lake = lake
        self._tags = tags
        self._columns = columns

    @contextmanager
    def snapshot(
        self, tenant: str, columns: Collection[str] | None = None, extra: Collection[Recipe] = ()
    ) -> Iterator[Snapshot]:
        """What computing these columns needs (None is all), and recipes beside them, whose tags are read in the
        snapshot's own transaction. Blocks."""
        duck = open_duck()
        try:
            yield self._database.read_now(self._take, duck, tenant, columns, extra)
        finally:
            duck.close()

    def _take(
        self,
        connection: Connection,
        duck: Any,
        tenant: str,
        columns: Collection[str] | None,
        extra: Collection[Recipe],
    ) -> Snapshot:
        state = self._facts.tenants.get(connection, tenant)
        if state is None:
            state = Tenant(tenant, dt.date(1970, 1, 1))
        plan = self._columns.of(connection, tenant)
        chosen = plan.recipes.keys() if columns is None else columns
        recipes = [*(plan.recipes[each] for each in chosen if each in plan.recipes), *extra]
        types = {name for recipe in recipes for name in recipe.events}
        snapshot = Snapshot(
            duck,
            plan,
            state,
            self._lake.attach(connection, duck, tenant, types),
            SnapshotInputs(self._database.read_now, self._facts, self._tags, tenant),
            self._facts.key_map.objecting(connection, tenant),
            self._queries,
            {name for recipe in recipes for name in recipe.tags},
            ahead=recipes,
        )

        def here(read: Callable[..., Any], *args: Any) -> Any:
            return read(connection, *args)

        snapshot.prepare(extra, SnapshotInputs(here, self._facts, self._tags, tenant))
        return snapshot
