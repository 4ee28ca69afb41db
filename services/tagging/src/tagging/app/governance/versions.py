"""The versions of a tag, and what differs between two."""

from servicekit.errors import ResourceNotFound
from sqlalchemy import Connection
from tagging.app.governance.lives import Lives
from tagging.domain.definition import TagDefinition
from tagging.domain.governance.life import TagLife
from tagging.domain.plan import FieldDifference, differing_fields
from tagging.store.governance_ports import GovernanceStores, TagVersion

DRAFT = 0
"""As the new side of a comparison; as the old side 0 is the latest version."""


class Versions:
    """Reads in the caller's snapshot."""

    def __init__(self, governance: GovernanceStores, lives: Lives) -> None:
        self._governance = governance
        self._lives = lives

    def page(
        self, connection: Connection, tenant: str, tag_id: str, below: int | None, limit: int
    ) -> list[TagVersion]:
        """Newest first. Raises ResourceNotFound."""
        self._lives.read(connection, tenant, tag_id)
        return self._governance.versions.page(connection, tenant, tag_id, below, limit)

    def diff(
        self, connection: Connection, tenant: str, tag_id: str, old: int, new: int
    ) -> tuple[FieldDifference, ...]:
        """Raises ResourceNotFound."""
        life = self._lives.read(connection, tenant, tag_id)
        before = self._definition(connection, tenant, life, old or life.version)
        if new == DRAFT:
            if life.draft is None:
                raise ResourceNotFound(f"draft of tag {tag_id}")
            after = life.draft.definition
        else:
            after = self._definition(connection, tenant, life, new)
        return differing_fields(before, after)

    def _definition(self, connection: Connection, tenant: str, life: TagLife, version: int) -> TagDefinition:
        found = self._governance.versions.get(connection, tenant, life.tag_id, version)
        if found is None:
            raise ResourceNotFound(f"version {version} of tag {life.tag_id}")
        return found.definition
