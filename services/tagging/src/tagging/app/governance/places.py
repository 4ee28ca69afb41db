"""Where tags stand in the tree of categories, and how they are named."""

from collections.abc import Iterable

from sqlalchemy import Connection
from tagging.domain.definition import TAG_ID, TagDefinition, Wording
from tagging.domain.governance.categories import MAX_CATEGORIES, Category, PathInvalid, check_path, missing
from tagging.domain.governance.naming import Breach, breach
from tagging.errors import CategoryQuota, CategoryUnknown, DefinitionRefused, NamingRefused, nearest
from tagging.store.governance_ports import GovernanceStores


class Places:
    """Reads and makes categories; reads naming rules."""

    def __init__(self, governance: GovernanceStores) -> None:
        self._governance = governance

    def require_names(
        self, connection: Connection, tenant: str, definitions: Iterable[TagDefinition]
    ) -> None:
        """Of new tags. Raises NamingRefused."""
        rules = self._governance.naming.get(connection, tenant)
        for each in definitions:
            _raise(each.tag_id, breach(rules, each.tag_id, each))

    def require_name(self, connection: Connection, tenant: str, tag_id: str) -> None:
        """Of a tag that nobody defined yet. Raises NamingRefused."""
        _raise(tag_id, breach(self._governance.naming.get(connection, tenant), tag_id, None))

    def require_category(self, connection: Connection, tenant: str, definition: TagDefinition) -> None:
        """Raises CategoryUnknown; no category is fine."""
        if definition.category:
            stored = self._governance.categories.all(connection, tenant)
            if definition.category not in stored:
                raise CategoryUnknown(definition.category, nearest(definition.category, stored))

    def make(self, connection: Connection, tenant: str, definitions: Iterable[TagDefinition]) -> None:
        """The categories that definitions stand in, and those above. Raises DefinitionRefused, CategoryQuota."""
        stored = self._governance.categories.all(connection, tenant)
        wanted = [each for each in definitions if each.category and each.category not in stored]
        for each in wanted:
            try:
                check_path(each.category)
            except PathInvalid as error:
                raise DefinitionRefused(each.tag_id, "category", str(error)) from error
        made = missing((each.category for each in wanted), stored)
        if len(stored) + len(made) > MAX_CATEGORIES:
            raise CategoryQuota(len(stored) + len(made), MAX_CATEGORIES)
        new = [Category(path, Wording(zh=path.rpartition("/")[2])) for path in made]
        self._governance.categories.put(connection, tenant, new)


def _raise(tag_id: str, found: Breach | None) -> None:
    if found and TAG_ID.fullmatch(tag_id):  # else its limits say more
        raise NamingRefused(tag_id, found.problem, found.pattern, found.word, found.example)
