"""Features: behaviour as columns, for those who select by it."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

from rules.canonical import canonical_form_text
from rules.errors import Problem
from rules.schema import Schema
from rules.tree import NOWHERE
from rules.windows import CalendarSettings
from servicekit.changelog import Changelog, Entry
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.logging import logger
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.evaluate_everybody import Everybody
from tagging.app.explain import require_events, require_grades
from tagging.app.publish import ComputeEverybody
from tagging.domain.columns import Coded, encode, microseconds, texts_of
from tagging.domain.compilation import RuleInvalid, checked_form, feature_recipe
from tagging.domain.definition import Grade
from tagging.domain.moment import Moment
from tagging.domain.recipe import Recipe
from tagging.domain.run_failures import Failure
from tagging.errors import FeatureQuota
from tagging.errors import RuleInvalid as RuleRefused
from tagging.store.mapping_ports import ReferenceTables
from tagging.store.ports import FactStores
from tagging.store.tag_ports import Cost, Feature, FeatureState, TagStores

MAX_FEATURES = 2_000
"""Features of a tenant, at most; those that nobody needs any more make room."""
KEEP_UNNEEDED_MS = 24 * 3_600 * 1_000
CACHED_COLUMNS = 32


class SetRequiredFeatures:
    """Replaces what a consumer needs; new forms start backfilling."""

    def __init__(
        self, facts: FactStores, tags: TagStores, columns: ColumnsInForce, changelog: Changelog, clock: Clock
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._changelog = changelog
        self._clock = clock

    def __call__(
        self, connection: Connection, tenant: str, consumer: str, forms: Sequence[str]
    ) -> tuple[list[Feature], Revision]:
        """The feature of each form, in the order given. Where a feature stands is told in the bulk lane, with its
        blocks: a consumer knows the column before they come. Raises RuleInvalid, FeatureQuota."""
        self._facts.tenants.lock(connection, tenant)
        schema = self._columns.of(connection, tenant).schema
        recipes = {}
        canonical = []
        for index, form in enumerate(forms):
            recipe, text = _recipe(form, f"forms[{index}]", schema)
            recipes[text] = recipe
            canonical.append(text)
        needed = self._tags.features.needed(connection, tenant)
        wanted = {form for name, theirs in needed.items() if name != consumer for form in theirs} | {
            *canonical
        }
        if len(wanted) > MAX_FEATURES:
            raise FeatureQuota(len(wanted), MAX_FEATURES)
        self._tags.features.set_needed(connection, tenant, consumer, canonical)
        entries = self._make_room(connection, tenant, wanted)
        entries += self._adjust(connection, tenant, wanted, recipes)
        revision = self._changelog.append(connection, Lane.BULK, entries)
        stored = self._tags.features.all(connection, tenant)
        return [stored[each] for each in canonical], revision

    def _make_room(self, connection: Connection, tenant: str, wanted: set[str]) -> list[Entry]:
        """Drops features before their day is over, the longest unneeded first."""
        stored = self._tags.features.all(connection, tenant)
        unneeded = sorted(
            (each for form, each in stored.items() if form not in wanted),
            key=lambda each: (each.unneeded_ms is None, each.unneeded_ms, each.form),
        )
        excess = len(stored.keys() | wanted) - MAX_FEATURES
        return _dropped(connection, self._tags, tenant, unneeded[: max(0, excess)])

    def _adjust(
        self, connection: Connection, tenant: str, wanted: set[str], recipes: dict[str, Recipe]
    ) -> list[Entry]:
        """Starts what is new or failed before, and notes since when others are not needed."""
        stored = self._tags.features.all(connection, tenant)
        now_ms = microseconds(self._clock.machine_now()) // 1_000
        changed, entries = [], []
        for form, recipe in recipes.items():
            known = stored.get(form)
            if known is None or known.state is FeatureState.FAILED:
                feature = Feature(form, recipe.column, recipe.shape.base)
                self._tags.values.declare(connection, tenant, recipe.column, recipe.shape)
                changed.append(feature)
                entries.append(self._tags.entries.feature(tenant, feature))
        started = {each.form for each in changed}
        for form, feature in stored.items():
            unneeded_ms = None if form in wanted else feature.unneeded_ms or now_ms
            if form not in started and unneeded_ms != feature.unneeded_ms:
                changed.append(replace(feature, unneeded_ms=unneeded_ms))
        self._tags.features.put(connection, tenant, changed)
        return entries


class KeepFeatures:
    """Backfills features, and drops those that nobody needs any more. Each method blocks while it works."""

    def __init__(
        self,
        database: Database,
        changelog: Changelog,
        tags: TagStores,
        columns: ColumnsInForce,
        compute: ComputeEverybody,
        clock: Clock,
    ) -> None:
        self._database = database
        self._changelog = changelog
        self._tags = tags
        self._columns = columns
        self._compute = compute
        self._clock = clock

    def backfill(self) -> bool:
        """All that wait of one tenant, together, after the tags that they read; whether there were any."""
        waiting = self._database.read_now(self._tags.features.backfilling)
        for tenant, features in waiting.items():
            columns = {each.column for each in features}
            watcher = _FeatureWatcher(
                self._database, self._changelog, self._tags, self._columns, tenant, columns
            )
            self._compute(tenant, "feature", watcher.choose, watcher)
            return True
        return False

    def drop_unneeded(self) -> bool:
        """Those that nobody needs for a day."""
        before = microseconds(self._clock.machine_now()) // 1_000 - KEEP_UNNEEDED_MS
        found = bool(self._database.read_now(self._tags.features.unneeded, before))
        if found:
            self._database.write_now(self._drop, before)
        return found

    def _drop(self, connection: Connection, before_ms: int) -> None:
        """Asks once more, for one may have been needed again since."""
        entries: list[Entry] = []
        for tenant, features in self._tags.features.unneeded(connection, before_ms).items():
            entries += _dropped(connection, self._tags, tenant, features)
        self._changelog.append(connection, Lane.BULK, entries)


def _dropped(
    connection: Connection, tags: TagStores, tenant: str, features: Sequence[Feature]
) -> list[Entry]:
    """Drops features with their columns; the entries that say so."""
    for each in features:
        tags.values.drop(connection, tenant, each.column)
    tags.features.delete(connection, tenant, [each.form for each in features])
    return [tags.entries.feature(tenant, replace(each, state=FeatureState.DROPPED)) for each in features]


class _FeatureWatcher:
    """Turns features live, or failed, as their columns are published; the entry follows the values. When the tenant's
    calendar changes meanwhile they wait on: what was computed may be of the one before."""

    def __init__(
        self,
        database: Database,
        changelog: Changelog,
        tags: TagStores,
        columns: ColumnsInForce,
        tenant: str,
        features: Collection[str],
    ) -> None:
        self._database = database
        self._changelog = changelog
        self._tags = tags
        self._columns = columns
        self._tenant = tenant
        self._features = frozenset(features)
        self._calendar: CalendarSettings | None = None

    def choose(self, plan: ColumnPlan) -> set[str]:
        """The features, and the stream's tags that they read: all of one calendar."""
        self._calendar = plan.dictionary.calendar
        return {*self._features, *(plan.with_what_they_rest_on(self._features) & plan.stream())}

    def begun(self, as_of: datetime, columns: Collection[str]) -> None: ...

    def published(self, column: str, known_count: int, person_count: int, cost: Cost) -> None:
        self._turn(
            column,
            lambda each: replace(
                each, state=FeatureState.LIVE, done_count=known_count, total_count=known_count
            ),
        )

    def failed(self, column: str, failure: Failure) -> None:
        logger().warning("a column of a feature failed", column=column)
        self._turn(column, lambda each: replace(each, state=FeatureState.FAILED, failure=failure.detail))

    def stops(self) -> bool:
        return False

    def _turn(self, column: str, change: Callable[[Feature], Feature]) -> None:
        if column not in self._features:
            return

        def store(connection: Connection) -> None:
            if self._columns.of(connection, self._tenant).dictionary.calendar != self._calendar:
                return
            features = self._tags.features.all(connection, self._tenant).values()
            turned = [change(each) for each in features if each.column == column]
            self._tags.features.put(connection, self._tenant, turned)
            entries = [self._tags.entries.feature(self._tenant, each) for each in turned]
            self._changelog.append(connection, Lane.BULK, entries)

        self._database.write_now(store)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Known values of everybody at a moment, the code of each text, and what was read."""

    column: str
    coded: Coded
    texts: dict[str, int]
    as_of: datetime
    revision: Revision


class EvaluateFeature:
    """One column at any moment, registered nowhere; kept in memory by form, moment and what it rests on: facts,
    rows and values. Facts may move without a word in the changelog, when no tag follows from them."""

    def __init__(
        self,
        database: Database,
        everybody: Everybody,
        columns: ColumnsInForce,
        changelog: Changelog,
        facts: FactStores,
        references: ReferenceTables,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._database = database
        self._everybody = everybody
        self._columns = columns
        self._changelog = changelog
        self._facts = facts
        self._references = references
        self._kept: OrderedDict[tuple[str, str, object, object], tuple[Coded, dict[str, int]]] = OrderedDict()
        self._lock = Lock()

    def __call__(
        self, tenant: str, form: str, as_of: datetime | None, grades: Collection[Grade]
    ) -> Evaluated:
        """None is the present, when only forms that age differ from one moment to the next; it is not before the
        facts that are read. `grades`: those that the caller may read. Blocks. Raises RuleInvalid, RightMissing."""
        plan, revision, watermark = self._database.read_now(self._read, tenant)
        recipe, text = _recipe(form, "form", plan.schema)
        require_grades(plan, recipe.tags, grades)
        require_events(plan, recipe.questions.values(), grades)
        moment = self._clock.now() if as_of is None else as_of
        key = (tenant, text, _kept_for(recipe, moment) if as_of is None else as_of, (revision, watermark))
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            kept = self._compute(tenant, recipe, moment)
            if watermark is not None:
                self._keep(key, kept)
        coded, texts = kept
        return Evaluated(recipe.column, coded, texts, moment, revision)

    def _read(self, connection: Connection, tenant: str) -> tuple[ColumnPlan, Revision, Hashable]:
        """How to compute, what an answer was read at, and how far facts and rows have come: None during a
        bootstrap, when facts come without a cursor."""
        head = self._changelog.head(connection)
        revision = Revision(self._changelog.service, head.epoch, head.position, head.position)
        cursor = self._facts.progress.cursor(connection)
        watermark = None if cursor is None else (cursor, self._references.stamp(connection, tenant))
        return self._columns.of(connection, tenant), revision, watermark

    def _keep(self, key: tuple[str, str, object, object], computed: tuple[Coded, dict[str, int]]) -> None:
        with self._lock:
            self._kept[key] = computed
            while len(self._kept) > CACHED_COLUMNS:
                self._kept.popitem(last=False)

    def _compute(self, tenant: str, recipe: Recipe, as_of: datetime) -> tuple[Coded, dict[str, int]]:
        with self._everybody.snapshot(tenant, (), [recipe]) as snapshot:
            moment = Moment(as_of, snapshot.tenant.settings.calendar)
            computed, failures = snapshot.compute([recipe], moment, {}, freeze=False)
            for failure in failures.values():
                raise RuleRefused((Problem(failure.detail, 1, 1, NOWHERE),))
            values = computed[0].values
            texts = {text: code for code, text in enumerate(sorted(texts_of(values, recipe.shape)))}
            return encode(snapshot.persons, values, recipe.shape, texts).known(), texts


def _kept_for(recipe: Recipe, now: datetime) -> object:
    """For how long the present column stays right while no fact comes: a moment, the quarter of an
    hour (midnights of all time zones begin one), or for good."""
    if recipe.triggers:
        return now
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) if recipe.daily else None


def _recipe(form: str, field: str, schema: Schema) -> tuple[Recipe, str]:
    """The recipe of a form and its canonical text."""
    try:
        text = canonical_form_text(checked_form("", field, form, schema).form)
        return feature_recipe(text, schema), text
    except RuleInvalid as error:
        raise RuleRefused(error.problems) from error
