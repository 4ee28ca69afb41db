"""The columns that a tenant's definitions and features ask for, compiled and in the order to compute them."""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from rules.schema import Catalogue, Schema
from sqlalchemy import Connection
from tagging.domain.compilation import RuleInvalid, feature_recipe, tag_recipe
from tagging.domain.definition import DefinitionInvalid, Layer, TagDefinition
from tagging.domain.dependencies import closure, dependents, levels
from tagging.domain.dictionary import Dictionary
from tagging.domain.plan import Tag
from tagging.domain.recipe import Recipe
from tagging.store.mapping_ports import EventDictionaries, Mapped
from tagging.store.tag_ports import FeatureState, TagStores


@dataclass(frozen=True)
class ColumnPlan:
    """`broken` columns cannot be computed, with the reason: the dictionary has changed under them."""

    dictionary: Dictionary
    schema: Schema
    tags: Mapping[str, Tag]
    recipes: Mapping[str, Recipe]
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def uses(self) -> dict[str, frozenset[str]]:
        return {column: recipe.tags for column, recipe in self.recipes.items()}

    def with_what_they_rest_on(
        self, columns: Collection[str], among: Collection[str] | None = None
    ) -> set[str]:
        """`among`: only through these columns, all when None."""
        uses = self.uses
        if among is not None:
            uses = {column: tags & frozenset(among) for column, tags in uses.items()}
        return closure(columns, uses)

    def with_what_rests_on_them(self, columns: Collection[str]) -> set[str]:
        return dependents(columns, self.uses)

    def in_order(self, columns: Collection[str]) -> list[list[Recipe]]:
        """Recipes in steps: each rests only on earlier steps and on columns not asked for."""
        return [
            [self.recipes[each] for each in step]
            for step in levels({each: self.recipes[each].tags for each in columns if each in self.recipes})
        ]

    def profiles(self, recipe: Recipe) -> bool:
        """Whether a column is derived of a person: all but tags of the basic layer, behavioural features included. It
        has no value for persons who object to profiling."""
        tag = self.tags.get(recipe.column)
        return tag is None or tag.definition.layer is not Layer.BASIC

    def concerned_by(self, types: Collection[str]) -> set[str]:
        """The columns that new events of these types may change, by themselves or through others."""
        asking = {
            column
            for column, recipe in self.recipes.items()
            if recipe.asks_for_latest or not recipe.events.isdisjoint(types)
        }
        return asking | self.with_what_rests_on_them(asking)

    def reading(self, parts: Collection[Mapped]) -> set[str]:
        """The columns that read a part of the mapping by themselves. What looks at all events reads those of a type,
        too, that is no longer declared."""
        tables = {each.name for each in parts if each.kind == "table"}
        events = {each.name for each in parts if each.kind == "event"}
        return {
            column
            for column, recipe in self.recipes.items()
            if recipe.tables & tables or recipe.events & events or (events and recipe.asks_for_latest)
        }

    def stream(self) -> set[str]:
        return {column for column, recipe in self.recipes.items() if recipe.stream}


def tag_schema(
    dictionary: Dictionary,
    definitions: Collection[TagDefinition],
    *,
    retired: Mapping[str, str] | None = None,
    deprecated: Mapping[str, str] | None = None,
    seen: Mapping[str, Collection[str]] | None = None,
) -> Schema:
    """What a tag's definition may mention; `retired` and `deprecated`: tag -> what to use instead; `seen`: what nobody
    declared of events."""
    return Catalogue.of(
        [each.in_rules() for each in definitions],
        dictionary.events.values(),
        dictionary.tables.values(),
        periods=dictionary.calendar.periods.names,
        retired=retired,
        deprecated=deprecated,
        seen=seen,
    )


Retired = Callable[[Connection, str], Mapping[str, str]]
"""(connection, tenant) -> the retired tags with what to use instead."""


class ColumnsInForce:
    """Compiles once per change of the catalogue, of the features or of what is declared of events. Safe for threads."""

    def __init__(
        self, dictionaries: EventDictionaries, stores: TagStores, retired: Retired | None = None
    ) -> None:
        """`retired` helps to say why a definition does not hold."""
        self._dictionaries = dictionaries
        self._stores = stores
        self._retired = retired
        self._known: dict[str, tuple[tuple[Hashable, ...], ColumnPlan]] = {}
        self._lock = Lock()

    def of(self, connection: Connection, tenant: str) -> ColumnPlan:
        stamp = (
            self._stores.catalogue.stamp(connection, tenant),
            self._dictionaries.stamp(connection, tenant),
            self._stores.features.stamp(connection, tenant),
        )
        with self._lock:
            known = self._known.get(tenant)
        if known is None or known[0] != stamp:
            before = known[1] if known is not None else None
            same_tags = known is not None and known[0][:2] == stamp[:2]
            known = (stamp, self._compile(connection, tenant, before, same_tags=same_tags))
            with self._lock:
                self._known[tenant] = known
        return known[1]

    def schema(self, connection: Connection, tenant: str) -> Schema:
        """That of the plan, with what helps to say why a rule does not hold."""
        plan = self.of(connection, tenant)
        return tag_schema(
            plan.dictionary,
            [each.definition for each in plan.tags.values()],
            retired=self._retired(connection, tenant) if self._retired else None,
            seen=self.undeclared(connection, tenant),
        )

    def undeclared(self, connection: Connection, tenant: str) -> Mapping[str, Collection[str]]:
        """Event type -> properties that came in and that nobody declared: helps to say why a rule does not hold."""
        return self._dictionaries.undeclared(connection, tenant)

    def _compile(
        self, connection: Connection, tenant: str, before: ColumnPlan | None, *, same_tags: bool
    ) -> ColumnPlan:
        """`before`: the plan so far, whose recipes hold as far as nothing that they rest on has changed."""
        dictionary = self._dictionaries.of(connection, tenant)
        if before is not None and same_tags:
            tags, schema, compiled = before.tags, before.schema, before.recipes
        else:
            tags = self._stores.catalogue.all(connection, tenant)
            schema = tag_schema(
                dictionary,
                [each.definition for each in tags.values()],
                retired=self._retired(connection, tenant) if self._retired else None,
            )
            same_events = before is not None and before.dictionary is dictionary
            compiled = _still_right(before, tags) if before is not None and same_events else {}
        recipes: dict[str, Recipe] = {}
        broken: dict[str, str] = {}
        for tag in tags.values():
            try:
                recipes[tag.tag_id] = compiled.get(tag.tag_id) or tag_recipe(tag.definition, schema)
            except (RuleInvalid, DefinitionInvalid) as error:
                broken[tag.tag_id] = str(error)
        for feature in self._stores.features.all(connection, tenant).values():
            if feature.state is FeatureState.FAILED:
                continue
            try:
                recipes[feature.column] = compiled.get(feature.column) or feature_recipe(feature.form, schema)
            except RuleInvalid as error:
                broken[feature.column] = str(error)
        return ColumnPlan(dictionary, schema, tags, recipes, broken)


def _still_right(before: ColumnPlan, tags: Mapping[str, Tag]) -> dict[str, Recipe]:
    """The recipes of which neither the definition nor any tag that it names has changed, come or gone."""
    changed = before.tags.keys() ^ tags.keys()
    changed |= {
        tag_id
        for tag_id, tag in tags.items()
        if tag_id not in changed and before.tags[tag_id].definition != tag.definition
    }
    return {
        column: recipe
        for column, recipe in before.recipes.items()
        if column not in changed and not recipe.tags & changed
    }
