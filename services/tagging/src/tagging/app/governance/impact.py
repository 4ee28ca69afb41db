"""What a change of a tag would touch, and who reported to use it."""

from collections.abc import Collection
from dataclasses import dataclass

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceNotFound
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.governance.lives import Lives
from tagging.app.put_in_force import PutInForce
from tagging.domain.definition import TagDefinition
from tagging.domain.governance import uses as domain
from tagging.domain.governance.uses import TagUse, Users, is_breaking, lost_values
from tagging.domain.plan import ChangeOfTag, Difference, FieldDifference, Tag, differing_fields, plan
from tagging.errors import nearest
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


@dataclass(frozen=True, slots=True)
class Impact:
    """`broken`: tags in force that would not hold any more, with the problem. `warnings`: as of applying it."""

    users: Users
    fields: tuple[FieldDifference, ...]
    breaking: bool
    broken: dict[str, str]
    lost_values: tuple[str, ...]
    coverage: int
    revision: Revision
    warnings: tuple[str, ...] = ()


class CheckImpact:
    """Changes nothing; what it tells is as of the caller's snapshot."""

    def __init__(
        self, tags: TagStores, governance: GovernanceStores, put: PutInForce, lives: Lives, clock: Clock
    ) -> None:
        self._tags = tags
        self._governance = governance
        self._put = put
        self._lives = lives
        self._clock = clock

    def of_draft(self, connection: Connection, tenant: str, tag_id: str) -> Impact:
        """Raises ResourceNotFound, and what `of_definition` does."""
        life = self._lives.read(connection, tenant, tag_id)
        if life.draft is None:
            raise ResourceNotFound(f"draft of tag {tag_id}")
        return self.of_definition(connection, tenant, life.draft.definition)

    def of_definition(self, connection: Connection, tenant: str, definition: TagDefinition) -> Impact:
        """Raises DefinitionRefused, RuleInvalid, TagCircle of the definition itself."""
        stored = self._tags.catalogue.all(connection, tenant)
        before = stored.get(definition.tag_id)
        differences = plan(stored, [definition], self._clock.now())
        old = before.definition if before else None
        fields = differing_fields(old, definition)
        breaking = bool(old and is_breaking(old, definition))
        lost = lost_values(old, definition) if old else ()
        return self._told(connection, tenant, stored, differences, fields, breaking, lost)

    def of_removal(self, connection: Connection, tenant: str, tag_id: str) -> Impact:
        """Raises ResourceNotFound of a tag that is not in force."""
        stored = self._tags.catalogue.all(connection, tenant)
        tag = stored.get(tag_id)
        if tag is None:
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, stored))
        differences = (Difference(tag_id, ChangeOfTag.DELETED, tag),)
        lost = tuple(each.value for each in tag.definition.value_type.options)
        return self._told(
            connection, tenant, stored, differences, differing_fields(tag.definition, None), True, lost
        )

    def _told(
        self,
        connection: Connection,
        tenant: str,
        stored: dict[str, Tag],
        differences: tuple[Difference, ...],
        fields: tuple[FieldDifference, ...],
        breaking: bool,
        lost: tuple[str, ...],
    ) -> Impact:
        (difference,) = differences
        given = set() if difference.change is ChangeOfTag.DELETED else {difference.tag_id}
        checked = self._put.check(connection, tenant, stored, differences, given, forced=True)
        present = stored.get(difference.tag_id)
        return Impact(
            self._put.users(connection, tenant, difference.tag_id),
            fields,
            breaking,
            dict(checked.broken),
            lost,
            present.coverage if present else 0,
            self._lives.revision(connection),
            checked.warnings(given),
        )


class ReportTagUse:
    """Replaces all that a consumer reported before."""

    def __init__(self, facts: FactStores, governance: GovernanceStores, changelog: Changelog) -> None:
        self._facts = facts
        self._governance = governance
        self._changelog = changelog

    def __call__(
        self, connection: Connection, tenant: str, consumer: str, uses: Collection[TagUse]
    ) -> Revision:
        """Raises InvalidField."""
        try:
            domain.check(uses)
        except domain.UseInvalid as error:
            raise InvalidField(error.field, error.problem) from error
        self._facts.tenants.lock(connection, tenant)
        self._governance.uses.replace(connection, tenant, consumer, uses)
        return self._changelog.append(connection, Lane.LIVE, [])
