"""Of whom behaviour contradicts the value of a tag, by the rule that the tag's owner states."""

from collections.abc import Collection, Mapping, Sequence
from threading import Lock
from weakref import ref

import numpy as np
from rules.evaluate.meaning import Value
from servicekit.clock import Clock
from servicekit.database import Database
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.evaluate_everybody import Everybody
from tagging.app.evaluate_persons import Clocks, PersonColumns, PersonsToCompute
from tagging.domain.columns import Ints
from tagging.domain.compilation import RuleInvalid
from tagging.domain.definition import Grade
from tagging.domain.person_events import PersonEvents
from tagging.domain.persons import Person
from tagging.domain.plan import Tag
from tagging.domain.quality.agreement import contradiction
from tagging.domain.recipe import Recipe


class Contradictions:
    """Compiles rules once per plan, of every tenant; what a plan said goes with it. Safe for threads."""

    def __init__(self) -> None:
        self._compiled: dict[int, tuple[ref[ColumnPlan], dict[str, Recipe | RuleInvalid]]] = {}
        self._lock = Lock()

    def recipe(self, plan: ColumnPlan, tag: Tag) -> Recipe:
        """Of a tag that states a rule. Raises RuleInvalid when it does not hold any more."""
        with self._lock:
            compiled = self._of(plan)
            found = compiled.get(tag.tag_id)
        if found is None:
            try:
                found = contradiction(tag.definition, plan.schema)
            except RuleInvalid as error:
                found = error
            with self._lock:
                compiled[tag.tag_id] = found
        if isinstance(found, RuleInvalid):
            raise found
        return found

    def _of(self, plan: ColumnPlan) -> dict[str, Recipe | RuleInvalid]:
        known = self._compiled.get(id(plan))
        if known is None or known[0]() is not plan:
            self._compiled = {key: each for key, each in self._compiled.items() if each[0]() is not None}
            known = self._compiled[id(plan)] = ref(plan), {}
        return known[1]

    def readable(self, plan: ColumnPlan, tags: Sequence[Tag], grades: Collection[Grade]) -> dict[str, Recipe]:
        """The rules of those tags that state one which holds and names only tags of these grades."""
        found: dict[str, Recipe] = {}
        for tag in tags:
            if not tag.definition.quality.contradicted_when:
                continue
            try:
                recipe = self.recipe(plan, tag)
            except RuleInvalid:
                continue
            if all(plan.tags[each].definition.grade in grades for each in recipe.tags):
                found[tag.tag_id] = recipe
        return found

    def named(self, plan: ColumnPlan) -> dict[str, frozenset[str]]:
        """Tag -> the tags that its rule names, of those tags that state one which holds."""
        found: dict[str, frozenset[str]] = {}
        for tag in plan.tags.values():
            if tag.definition.quality.contradicted_when:
                try:
                    found[tag.tag_id] = self.recipe(plan, tag).tags
                except RuleInvalid:
                    continue
        return found

    @staticmethod
    def of_persons(
        plan: ColumnPlan,
        recipes: Mapping[str, Recipe],
        persons: Sequence[Person],
        values: Mapping[int, Mapping[str, Value]],
        clocks: Clocks,
    ) -> dict[str, set[int]]:
        """tag -> of whom its rule holds, by their known values."""
        computing = PersonColumns(
            plan, PersonsToCompute(persons, PersonEvents(len(persons)), values, {}), clocks, {}
        )
        return {
            tag_id: {
                person.person_id
                for person, found in zip(persons, computing.compute(recipe), strict=True)
                if found is True
            }
            for tag_id, recipe in recipes.items()
        }


class FindContradicted:
    """Of everybody. Blocks while it computes: call it in a thread."""

    def __init__(
        self, database: Database, everybody: Everybody, contradictions: Contradictions, clock: Clock
    ) -> None:
        self._database = database
        self._everybody = everybody
        self._contradictions = contradictions
        self._clock = clock

    def __call__(
        self, tenant: str, plan: ColumnPlan, tags: Sequence[Tag]
    ) -> tuple[dict[str, Ints], dict[str, str]]:
        """tag -> of whom its rule holds, ascending; and tag -> why its rule cannot be computed. One snapshot for all of
        them; none when no tag states a rule."""
        recipes: dict[str, Recipe] = {}
        broken: dict[str, str] = {}
        for tag in tags:
            if tag.definition.quality.contradicted_when:
                try:
                    recipes[tag.tag_id] = self._contradictions.recipe(plan, tag)
                except RuleInvalid as error:
                    broken[tag.tag_id] = str(error)
        if not recipes:
            return {}, broken
        found: dict[str, Ints] = {}
        with self._everybody.snapshot(tenant, (), list(recipes.values())) as snapshot:
            clocks = Clocks.of(snapshot.tenant, self._clock.now())
            for tag_id, recipe in recipes.items():
                computed, failures = snapshot.compute([recipe], clocks.moment(recipe), {}, freeze=False)
                if failures:
                    broken[tag_id] = "the rule of contradiction could not be computed: see the service's log"
                    continue
                values = computed[0].values
                found[tag_id] = snapshot.persons[values.known & values.data.astype(np.bool_)]
        return found, broken
