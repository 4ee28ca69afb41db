"""Where a tag comes from and where it goes."""

from servicekit.errors import ResourceNotFound
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce, tag_schema
from tagging.app.governance.lives import Lives
from tagging.app.put_in_force import compiled
from tagging.domain.compilation import FEATURE_PREFIX
from tagging.domain.governance.lineage import (
    Direction,
    Lineage,
    edges_of_sources,
    edges_of_tags,
    edges_of_uses,
    lineage,
)
from tagging.domain.recipe import Recipe
from tagging.errors import nearest
from tagging.store.governance_ports import GovernanceStores


class TraceLineage:
    """Reads in the caller's snapshot."""

    def __init__(self, governance: GovernanceStores, columns: ColumnsInForce, lives: Lives) -> None:
        self._governance = governance
        self._columns = columns
        self._lives = lives

    def __call__(
        self, connection: Connection, tenant: str, tag_id: str, direction: Direction, depth: int
    ) -> Lineage:
        """Of a tag in force, or as its draft would have it. Raises ResourceNotFound."""
        known = self._columns.of(connection, tenant)
        recipes = {name: each for name, each in known.recipes.items() if not name.startswith(FEATURE_PREFIX)}
        if tag_id not in recipes:
            recipes[tag_id] = self._drafted(connection, tenant, tag_id)
        edges = [
            *edges_of_tags(recipes.values()),
            *edges_of_uses(self._governance.uses.all(connection, tenant)),
        ]
        if direction is not Direction.DOWNSTREAM:
            events = {event for recipe in recipes.values() for event in recipe.events}
            edges += edges_of_sources(self._governance.sources.of(connection, tenant, events))
        return lineage(tag_id, edges, direction, depth)

    def _drafted(self, connection: Connection, tenant: str, tag_id: str) -> Recipe:
        known = self._columns.of(connection, tenant)
        life = self._governance.lives.get(connection, tenant, tag_id)
        if life is None or life.draft is None:
            names = self._governance.lives.names(connection, tenant)
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, names))
        others = [each.definition for each in known.tags.values() if each.tag_id != tag_id]
        schema = tag_schema(known.dictionary, [*others, life.draft.definition])
        return compiled(life.draft.definition, schema, limited=False)
