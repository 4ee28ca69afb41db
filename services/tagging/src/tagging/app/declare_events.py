"""What a tenant declares of events: checked against the rules in force, stored, and followed by values."""

from collections.abc import Sequence
from dataclasses import dataclass

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce, tag_schema
from tagging.domain.columns import microseconds
from tagging.domain.compilation import FEATURE_PREFIX, RuleInvalid, feature_recipe, tag_recipe
from tagging.domain.declared_events import MAX_TYPES, DeclarationInvalid, DeclaredEventType, check, extended
from tagging.domain.definition import DefinitionInvalid
from tagging.domain.dictionary import Dictionary
from tagging.domain.kinds.sql import SqlKind
from tagging.errors import EventTypeInUse, EventTypeInvalid, EventTypeQuota, nearest
from tagging.store.mapping_ports import EventDictionaries, Mapped, MappingChanges, SeenEvents
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


@dataclass(frozen=True, slots=True)
class Declared:
    """`dictionary` with what was declared, whether it was stored or only checked."""

    dictionary: Dictionary
    changed: bool
    revision: Revision


class DeclareEvents:
    """Each method is one transaction, the caller's."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        dictionaries: EventDictionaries,
        changes: MappingChanges,
        seen: SeenEvents,
        standard: Dictionary,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._dictionaries = dictionaries
        self._changes = changes
        self._seen = seen
        self._standard = standard
        self._changelog = changelog
        self._clock = clock

    def put(
        self, connection: Connection, tenant: str, new: DeclaredEventType, *, validate_only: bool = False
    ) -> Declared:
        """Raises EventTypeInvalid, EventTypeInUse, EventTypeQuota."""
        self._facts.tenants.ensure(connection, tenant, self._clock.now())
        self._facts.tenants.lock(connection, tenant)
        known = self._dictionaries.declared(connection, tenant)
        others = [each for name, each in known.items() if name != new.name]
        try:
            check(self._standard, others, new)
        except DeclarationInvalid as error:
            raise EventTypeInvalid(error.event_type, error.field, error.problem) from error
        if len(others) >= MAX_TYPES:
            raise EventTypeQuota(MAX_TYPES)
        changed = known.get(new.name) != new
        if changed:
            self._require_unused(connection, tenant, new.name, [*others, new])
        if changed and not validate_only:
            self._dictionaries.put(connection, tenant, new)
        return Declared(
            extended(self._standard, [*others, new]),
            changed,
            self._followed(connection, tenant, new.name, changed=changed and not validate_only),
        )

    def delete(self, connection: Connection, tenant: str, name: str) -> Revision:
        """Raises ResourceNotFound, EventTypeInUse."""
        self._facts.tenants.ensure(connection, tenant, self._clock.now())
        self._facts.tenants.lock(connection, tenant)
        known = self._dictionaries.declared(connection, tenant)
        if name not in known:
            raise ResourceNotFound(f"declared event type {name}", nearest(name, known))
        self._require_unused(connection, tenant, name, [each for each in known.values() if each.name != name])
        self._dictionaries.delete(connection, tenant, name)
        return self._followed(connection, tenant, name, changed=True)

    def _followed(self, connection: Connection, tenant: str, name: str, *, changed: bool) -> Revision:
        """Values and portraits follow; examples are of the grades before."""
        if not changed:
            return self._changelog.append(connection, Lane.LIVE, [])
        now_ms = microseconds(self._clock.machine_now()) // 1_000
        self._changes.add(connection, tenant, Mapped("event", name), now_ms)
        self._seen.forget_examples(connection, tenant, name)
        touched = self._facts.entries.touched(tenant, everybody=True)
        return self._changelog.append(connection, Lane.LIVE, [touched])

    def _require_unused(
        self, connection: Connection, tenant: str, name: str, declared: Sequence[DeclaredEventType]
    ) -> None:
        """What holds now has to hold with the other declarations, and to mean the same types."""
        plan = self._columns.of(connection, tenant)
        dictionary = extended(self._standard, declared)
        schema = tag_schema(dictionary, [each.definition for each in plan.tags.values()])
        before, after = plan.dictionary.events.get(name), dictionary.events.get(name)
        lost = [
            each.name
            for each in (before.properties if before else ())
            if after is None or (kept := after.property(each.name)) is None or kept.type != each.type
        ]
        features = {each.column: each.form for each in self._tags.features.all(connection, tenant).values()}
        broken = []
        for column, recipe in plan.recipes.items():
            if name not in recipe.events:
                continue
            try:
                if column in plan.tags:
                    again = tag_recipe(plan.tags[column].definition, schema)
                else:
                    again = feature_recipe(features[column], schema)
            except (RuleInvalid, DefinitionInvalid):
                broken.append(_named(column))
                continue
            loses = isinstance(recipe.kind, SqlKind) and any(map(recipe.kind.mentions, lost))
            if loses or again.shape != recipe.shape or again.shapes != recipe.shapes:
                broken.append(_named(column))
        if broken:
            raise EventTypeInUse(name, broken)


def _named(column: str) -> str:
    return column if not column.startswith(FEATURE_PREFIX) else f"a segment's feature {column}"
