"""What makes definitions hold, whichever way they came: checked against all others, stored, recorded, told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rules.ahead import ahead, fixed_windows, period_starts
from rules.schema import Schema
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce, tag_schema
from tagging.app.keep_events import KeepEvents
from tagging.app.leaving_values import leaving_values
from tagging.app.unseen_queries import Verdicts
from tagging.domain import kept_windows
from tagging.domain.columns import Shape
from tagging.domain.compilation import FEATURE_PREFIX, RuleInvalid, tag_recipe
from tagging.domain.definition import DefinitionInvalid, TagDefinition
from tagging.domain.definition_checks import check_limits
from tagging.domain.dependencies import TagCycle, levels
from tagging.domain.event_grades import EventGrades
from tagging.domain.governance.grades import lowered, lowered_events
from tagging.domain.governance.life import Moved, TagState
from tagging.domain.governance.uses import Users, is_breaking, users
from tagging.domain.kinds.sql import SqlKind
from tagging.domain.plan import ChangeOfTag, Difference, Tag
from tagging.domain.quality.agreement import contradiction, judging
from tagging.domain.recipe import Recipe
from tagging.errors import DefinitionRefused, TagCircle, TagInUse
from tagging.errors import RuleInvalid as RuleRefused
from tagging.store.governance_ports import GovernanceStores, TagVersion
from tagging.store.ports import FactStores
from tagging.store.query_ports import LakeQuery, QueryChecks
from tagging.store.tag_ports import TagStores


@dataclass(frozen=True, slots=True)
class Checked:
    """What would be in force. `broken`: tags that would not hold any more, or do not now, with the problem.
    `leaving`: what values persons have that another type or a shorter list does not hold. `unseen`: where windows have
    not begun, or reach further back than events are kept."""

    after: Mapping[str, Tag]
    recipes: Mapping[str, Recipe]
    grades: EventGrades
    broken: Mapping[str, str] = field(default_factory=dict)
    leaving: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unseen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def warnings(self, tag_ids: Iterable[str]) -> tuple[str, ...]:
        """What the check found dubious, what values go, who is graded lower than what it rests on."""
        definitions = {tag_id: tag.definition for tag_id, tag in self.after.items()}
        return tuple(
            warning
            for tag_id in tag_ids
            for warning in (
                *self.recipes[tag_id].warnings,
                *self.leaving.get(tag_id, ()),
                *self.unseen.get(tag_id, ()),
                *lowered(definitions[tag_id], self.recipes[tag_id].tags, definitions),
                *lowered_events(definitions[tag_id], self.recipes[tag_id].questions.values(), self.grades),
            )
        )


class PutInForce:
    """Callers hold the tenant's lock when they store."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        governance: GovernanceStores,
        columns: ColumnsInForce,
        changelog: Changelog,
        clock: Clock,
        keep_events: KeepEvents,
        queries: QueryChecks,
    ) -> None:
        self._queries = queries
        self._keep_events = keep_events
        self._facts = facts
        self._tags = tags
        self._governance = governance
        self._columns = columns
        self._changelog = changelog
        self._clock = clock

    def check(
        self,
        connection: Connection,
        tenant: str,
        stored: Mapping[str, Tag],
        differences: Sequence[Difference],
        given: Collection[str],
        *,
        forced: bool = False,
    ) -> Checked:
        """Raises RuleInvalid, DefinitionRefused, TagCircle; of tags not in `given` only for what holds now, and not
        when forced. Only those that a change concerns are compiled again. QueriesUnseen names all at once."""
        after = _after(stored, differences)
        changed = {each.tag_id for each in differences if each.change in _CHANGING}
        gone = [each.tag.definition for each in differences if each.change is ChangeOfTag.DELETED]
        leaving = self._governance.lives.retired(connection, tenant)
        leaving |= {
            each.tag_id: each.tag.replacement for each in differences if each.change is ChangeOfTag.DELETED
        }
        deprecated = {each.tag_id: each.replacement for each in after.values() if each.deprecated}
        # Those that go can still be named, so that whoever names them is found by TagInUse.
        named = [each.definition for each in after.values()] + ([] if forced else gone)
        known = self._columns.of(connection, tenant)
        schema = tag_schema(
            known.dictionary,
            named,
            retired=leaving,
            deprecated=deprecated,
            seen=self._columns.undeclared(connection, tenant),
        )
        recipes: dict[str, Recipe] = {}
        broken: dict[str, str] = {}
        with Verdicts(self._queries) as verdicts:
            for tag_id, tag in after.items():
                ready = known.recipes.get(tag_id)
                if (
                    ready is not None
                    and tag_id not in changed
                    and tag_id not in given
                    and not (ready.tags | judging(tag.definition)) & changed
                ):
                    recipes[tag_id] = ready
                    continue
                try:
                    recipe = compiled(tag.definition, schema, limited=tag_id in given)
                    if tag_id in changed or recipe.tags & changed:
                        _require_sound(recipe, schema, verdicts)
                    recipes[tag_id] = recipe
                except (RuleRefused, DefinitionRefused) as error:
                    if tag_id in given or not (forced or _is_broken(known, tag, verdicts)):
                        raise
                    broken[tag_id] = str(error)
        try:
            levels({tag_id: recipe.tags for tag_id, recipe in recipes.items()})
        except TagCycle as error:
            raise TagCircle(error.path) from error
        gone_values = {
            each.tag_id: self.leaving(connection, tenant, stored.get(each.tag_id), each.tag.definition)
            for each in differences
            if each.change is ChangeOfTag.REDEFINED
        }
        unseen = {
            tag_id: self.unseen(connection, tenant, recipes[tag_id]) for tag_id in given if tag_id in recipes
        }
        return Checked(after, recipes, known.dictionary.grades, broken, gone_values, unseen)

    def require_sound(self, recipe: Recipe, schema: Schema) -> None:
        """Of a tag by SQL. Raises DefinitionRefused for a query that no run could answer, QueriesUnseen."""
        with Verdicts(self._queries) as verdicts:
            _require_sound(recipe, schema, verdicts)

    def leaving(
        self, connection: Connection, tenant: str, stored: Tag | None, after: TagDefinition
    ) -> tuple[str, ...]:
        """What values persons have that a tag of another type, or a shorter list, does not hold."""
        if stored is None:
            return ()
        return tuple(leaving_values(self._tags.values, connection, tenant, stored, after))

    def unseen(self, connection: Connection, tenant: str, recipe: Recipe) -> tuple[str, ...]:
        """Where a definition's windows have not begun, or reach further back than the tenant keeps events."""
        known = self._facts.tenants.get(connection, tenant)
        if known is None:
            return ()
        calendar, now, nodes = known.settings.calendar, self._clock.now(), recipe.questions.values()
        coming = ahead(fixed_windows(nodes), now, calendar, period_starts(calendar))
        kept = self._keep_events.get(connection, tenant).retention
        if not (kept.default_days or any(kept.by_type.values())):
            return tuple(coming)
        return (*coming, *kept_windows.beyond(nodes, kept, now, calendar))

    def require_unused(
        self,
        connection: Connection,
        tenant: str,
        stored: Mapping[str, Tag],
        differences: Sequence[Difference],
        checked: Checked,
    ) -> None:
        """Raises TagInUse for the first tag that goes, or changes what rules may say of it, while others use it."""
        used = {tag_id: recipe.tags for tag_id, recipe in checked.recipes.items()}
        rests_on = _with_judging(used, checked.after.values())
        uses = self._governance.uses.all(connection, tenant)
        for each in differences:
            before = stored.get(each.tag_id)
            if each.change is ChangeOfTag.DELETED:
                found = users(each.tag_id, rests_on, uses)
            elif before and is_breaking(before.definition, each.tag.definition):
                # Its dependent tags were checked already.
                found = users(each.tag_id, rests_on, uses)
                found = Users((), found.segments, found.campaigns)
            else:
                continue
            if found:
                raise TagInUse(each.tag_id, found.told())

    def store(
        self,
        connection: Connection,
        tenant: str,
        differences: Sequence[Difference],
        checked: Checked,
        moves: Mapping[str, Moved],
        reviewers: Mapping[str, str] | None = None,
    ) -> Revision:
        """Definitions, versions, lives and history in the caller's transaction, then the changelog. `moves`: the step
        of every tag that changes; `reviewers`: who approved it."""
        entries = []
        for each in differences:
            match each.change:
                case ChangeOfTag.UNCHANGED:
                    continue
                case ChangeOfTag.DELETED:
                    self._tags.catalogue.delete(connection, tenant, [each.tag_id])
                    self._tags.values.drop(connection, tenant, each.tag_id)
                    self._tags.cuts.drop(connection, tenant, each.tag_id)
                    self._tags.schedules.drop(connection, tenant, [each.tag_id])
                case _:
                    self._tags.catalogue.put(connection, tenant, [each.tag])
                    shape: Shape = checked.recipes[each.tag_id].shape
                    self._tags.values.declare(connection, tenant, each.tag_id, shape)
                    if each.tag.definition.schedule is None:
                        self._tags.schedules.drop(connection, tenant, [each.tag_id])
                    self._tags.history.keep(
                        connection, tenant, each.tag_id, each.tag.definition.keep_days, self._clock.now()
                    )
                    subject = moves[each.tag_id].entry.subject
                    reviewer = (reviewers or {}).get(each.tag_id, "")
                    self._governance.versions.put(connection, tenant, _version(each.tag, subject, reviewer))
            deleted = each.change is ChangeOfTag.DELETED
            entries.append(self._tags.entries.tag(tenant, each.tag, deleted=deleted))
        ordered = [moves[tag_id] for tag_id in sorted(moves)]
        self._governance.lives.put(connection, tenant, [each.life for each in ordered])
        self._governance.history.append(connection, tenant, [each.entry for each in ordered])
        if entries and self._facts.tenants.get(connection, tenant) is None:
            # Tags may come before facts, and exports go by tenant.
            begun = self._facts.tenants.ensure(connection, tenant, self._clock.now())
            entries.insert(0, self._facts.entries.day(begun))
        return self._changelog.append(connection, Lane.LIVE, entries)

    def mark(self, connection: Connection, tenant: str, tag: Tag, moved: Moved) -> Revision:
        """The definition stays; whether it is deprecated, and for what, is as in the life."""
        deprecated = moved.life.standing is TagState.DEPRECATED
        tag = replace(tag, deprecated=deprecated, replacement=moved.life.replacement)
        self._tags.catalogue.put(connection, tenant, [tag])
        self._governance.lives.put(connection, tenant, [moved.life])
        self._governance.history.append(connection, tenant, [moved.entry])
        return self._changelog.append(connection, Lane.LIVE, [self._tags.entries.tag(tenant, tag)])

    def users(self, connection: Connection, tenant: str, tag_id: str) -> Users:
        """Who rests on a tag now."""
        plan = self._columns.of(connection, tenant)
        used = {column: tags for column, tags in plan.uses.items() if not column.startswith(FEATURE_PREFIX)}
        rests_on = _with_judging(used, plan.tags.values())
        return users(tag_id, rests_on, self._governance.uses.all(connection, tenant))


_CHANGING = {ChangeOfTag.CREATED, ChangeOfTag.REDEFINED, ChangeOfTag.DESCRIBED, ChangeOfTag.DELETED}


def compiled(definition: TagDefinition, schema: Schema, *, limited: bool) -> Recipe:
    """Raises DefinitionRefused, RuleInvalid; `limited`: within the stated limits, too."""
    try:
        if limited:
            check_limits(definition)
        if definition.quality.contradicted_when:
            contradiction(definition, schema)
        return tag_recipe(definition, schema)
    except DefinitionInvalid as error:
        raise DefinitionRefused(error.tag_id, error.field, error.problem) from error
    except RuleInvalid as error:
        raise RuleRefused(error.problems, error.tag_id, error.field) from error


def _require_sound(recipe: Recipe, schema: Schema, verdicts: Verdicts) -> None:
    """Also while that is not known. Raises DefinitionRefused."""
    kind = recipe.kind
    if not isinstance(kind, SqlKind):
        return
    asked = LakeQuery(kind.query, kind.inputs(), kind.timeout_seconds, kind.memory_megabytes, recipe.shape)
    verdict = verdicts.of(asked, schema)
    if verdict is not None and verdict.failure is not None:
        raise DefinitionRefused(recipe.column, "sql.query", verdict.failure.detail)


def _is_broken(plan: ColumnPlan, tag: Tag, verdicts: Verdicts) -> bool:
    """Whether a definition that is in force does not hold now; also while that is not known."""
    if tag.tag_id in plan.broken:
        return True
    before = len(verdicts.unseen)
    try:
        _require_sound(compiled(tag.definition, plan.schema, limited=False), plan.schema, verdicts)
    except (RuleRefused, DefinitionRefused):
        return True
    return len(verdicts.unseen) > before


def _version(tag: Tag, subject: str, reviewer: str) -> TagVersion:
    return TagVersion(tag.tag_id, tag.version, tag.definition, tag.update_time, subject, reviewer)


def _with_judging(used: Mapping[str, frozenset[str]], tags: Iterable[Tag]) -> dict[str, frozenset[str]]:
    """With the tags that rules of contradiction name."""
    found = dict(used)
    for tag in tags:
        if named := judging(tag.definition):
            found[tag.tag_id] = found.get(tag.tag_id, frozenset()) | named
    return found


def _after(stored: Mapping[str, Tag], differences: Sequence[Difference]) -> dict[str, Tag]:
    found = dict(stored)
    for each in differences:
        if each.change is ChangeOfTag.DELETED:
            found.pop(each.tag_id, None)
        else:
            found[each.tag_id] = each.tag
    return found
