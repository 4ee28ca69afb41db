"""A tenant's naming rules: read, replaced."""

from servicekit.changelog import Changelog
from servicekit.errors import EtagStale, InvalidField
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.domain.governance.naming import NamingInvalid, NamingRules, breach, check
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


class Naming:
    """Rules hold for new tags only."""

    def __init__(
        self, facts: FactStores, tags: TagStores, governance: GovernanceStores, changelog: Changelog
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._governance = governance
        self._changelog = changelog

    def read(self, connection: Connection, tenant: str) -> NamingRules:
        return self._governance.naming.get(connection, tenant)

    def replace(
        self, connection: Connection, tenant: str, rules: NamingRules, etag: str
    ) -> tuple[list[str], Revision]:
        """The tags in force that break the rules. Raises InvalidField, EtagStale."""
        try:
            check(rules)
        except NamingInvalid as error:
            raise InvalidField(error.field, error.problem) from error
        self._facts.tenants.lock(connection, tenant)
        stored = self._governance.naming.get(connection, tenant)
        if etag and etag != stored.etag:
            raise EtagStale("the naming rules", stored.etag)
        self._governance.naming.put(connection, tenant, rules)
        breaking = [
            each.tag_id
            for each in self._tags.catalogue.all(connection, tenant).values()
            if breach(rules, each.tag_id, each.definition)
        ]
        return breaking, self._changelog.append(connection, Lane.LIVE, [])
