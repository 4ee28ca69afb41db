"""Makes the catalogue hold definitions, or only tells what would change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import EtagStale
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import tag_schema
from tagging.domain.columns import Shape
from tagging.domain.compilation import RuleInvalid, tag_recipe
from tagging.domain.definition import DefinitionInvalid, TagDefinition, check_limits
from tagging.domain.dependencies import TagCycle, levels
from tagging.domain.dictionary import Dictionary
from tagging.domain.plan import ChangeOfTag, Difference, Tag, catalogue_etag, plan
from tagging.domain.recipe import Recipe
from tagging.errors import DefinitionRefused, TagCircle, TagInUse
from tagging.errors import RuleInvalid as RuleRefused
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


@dataclass(frozen=True, slots=True)
class Applied:
    """What changed, or would; `revision` covers the change."""

    differences: tuple[Difference, ...]
    etag: str
    revision: Revision
    warnings: tuple[str, ...]


class ApplyTags:
    """All or nothing. Equal definitions change nothing."""

    def __init__(
        self, facts: FactStores, tags: TagStores, changelog: Changelog, dictionary: Dictionary, clock: Clock
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._changelog = changelog
        self._dictionary = dictionary
        self._clock = clock

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        definitions: Sequence[TagDefinition],
        *,
        delete_missing: bool,
        validate_only: bool,
        etag: str,
    ) -> Applied:
        """Raises RuleInvalid, DefinitionRefused, TagCircle, TagInUse, EtagStale."""
        if not validate_only:
            self._facts.tenants.lock(connection, tenant)
        stored = self._tags.catalogue.all(connection, tenant)
        before = catalogue_etag(stored.values())
        if etag and etag != before:
            raise EtagStale("the tag catalogue", before)
        differences = plan(stored, _once(definitions), self._clock.now(), delete_missing=delete_missing)
        after = _after(stored, differences)
        gone = [each.tag.definition for each in differences if each.change is ChangeOfTag.DELETED]
        recipes = self._compile(after, gone, {each.tag_id for each in definitions})
        _require_unused(differences, recipes)
        warnings = tuple(warning for tag in definitions for warning in recipes[tag.tag_id].warnings)
        if validate_only:
            head = self._changelog.head(connection)
            unchanged = Revision(self._changelog.service, head.epoch).at(Lane.LIVE, head.position)
            return Applied(differences, before, unchanged, warnings)
        revision = self._store(connection, tenant, differences, recipes)
        return Applied(differences, catalogue_etag(after.values()), revision, warnings)

    def _compile(
        self, after: Mapping[str, Tag], gone: Sequence[TagDefinition], given: set[str]
    ) -> dict[str, Recipe]:
        """Every tag, not only those given: another's change may have taken what a stored one rests on. Those
        that go can still be named, so that whoever names them is found."""
        definitions = [tag.definition for tag in after.values()]
        schema = tag_schema(self._dictionary, [*definitions, *gone])
        recipes: dict[str, Recipe] = {}
        for definition in definitions:
            try:
                if definition.tag_id in given:
                    check_limits(definition)
                recipes[definition.tag_id] = tag_recipe(definition, schema)
            except DefinitionInvalid as error:
                raise DefinitionRefused(error.tag_id, error.field, error.problem) from error
            except RuleInvalid as error:
                raise RuleRefused(error.problems, error.tag_id, error.field) from error
        try:
            levels({tag_id: recipe.tags for tag_id, recipe in recipes.items()})
        except TagCycle as error:
            raise TagCircle(error.path) from error
        return recipes

    def _store(
        self,
        connection: Connection,
        tenant: str,
        differences: Sequence[Difference],
        recipes: Mapping[str, Recipe],
    ) -> Revision:
        entries = []
        for each in differences:
            match each.change:
                case ChangeOfTag.UNCHANGED:
                    continue
                case ChangeOfTag.DELETED:
                    self._tags.catalogue.delete(connection, tenant, [each.tag_id])
                    self._tags.values.drop(connection, tenant, each.tag_id)
                    self._tags.cuts.drop(connection, tenant, each.tag_id)
                case _:
                    self._tags.catalogue.put(connection, tenant, [each.tag])
                    shape: Shape = recipes[each.tag_id].shape
                    self._tags.values.declare(connection, tenant, each.tag_id, shape)
            deleted = each.change is ChangeOfTag.DELETED
            entries.append(self._tags.entries.tag(tenant, each.tag, deleted=deleted))
        if entries and self._facts.tenants.get(connection, tenant) is None:
            # Tags may come before facts, and exports go by tenant.
            begun = self._facts.tenants.ensure(connection, tenant, self._clock.now())
            entries.insert(0, self._facts.entries.day(begun))
        return self._changelog.append(connection, Lane.LIVE, entries)


def _once(definitions: Sequence[TagDefinition]) -> Sequence[TagDefinition]:
    seen: set[str] = set()
    for each in definitions:
        if each.tag_id in seen:
            raise DefinitionRefused(each.tag_id, "tag_id", "is given twice")
        seen.add(each.tag_id)
    return definitions


def _after(stored: Mapping[str, Tag], differences: Sequence[Difference]) -> dict[str, Tag]:
    found = dict(stored)
    for each in differences:
        if each.change is ChangeOfTag.DELETED:
            found.pop(each.tag_id)
        else:
            found[each.tag_id] = each.tag
    return found


def _require_unused(differences: Sequence[Difference], recipes: Mapping[str, Recipe]) -> None:
    for each in differences:
        if each.change is ChangeOfTag.DELETED:
            users = sorted(column for column, recipe in recipes.items() if each.tag_id in recipe.tags)
            if users:
                raise TagInUse(each.tag_id, users)
