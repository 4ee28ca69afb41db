"""Classes of persons: rules over tags compiled once, asked of one person or of everybody."""

from collections.abc import Mapping
from threading import Lock

import numpy as np
from rules.evaluate.meaning import Value
from rules.values import Kind
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.evaluate_persons import Clocks, PersonColumns, PersonsToCompute
from tagging.app.snapshot import Snapshot
from tagging.domain.columns import Ints
from tagging.domain.compilation import tag_recipe
from tagging.domain.definition import LayeredRuleKind, RuleLayer, TagDefinition, TagValueType, Wording
from tagging.domain.person_events import PersonEvents
from tagging.domain.persons import Person
from tagging.domain.portrait_template import MemberClass, TagCondition, TemplateInvalid
from tagging.domain.recipe import Recipe

COLUMN = "class:members"
"""No tag can be called so."""
KEPT_RULES = 500


class MemberClasses:
    """Compiles against a plan; what one plan said is forgotten with it. Safe for threads."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[int, str], tuple[ColumnPlan, Recipe]] = {}
        self._lock = Lock()

    def tags_of(self, plan: ColumnPlan, member_class: MemberClass) -> frozenset[str]:
        """What decides on members. Raises RuleInvalid."""
        match member_class.condition:
            case TagCondition(tag_id):
                return frozenset({tag_id})
            case str() as rule:
                return self.recipe(plan, rule).tags

    def recipe(self, plan: ColumnPlan, rule: str) -> Recipe:
        """The rule as a bool column of known persons. Raises RuleInvalid."""
        key = (id(plan), rule)
        with self._lock:
            known = self._compiled.get(key)
        if known is not None and known[0] is plan:
            return known[1]
        definition = TagDefinition(
            tag_id=COLUMN,
            name=Wording(),
            value_type=TagValueType(Kind.BOOL),
            kind=LayeredRuleKind((RuleLayer(rule, True),), False),
        )
        recipe = tag_recipe(definition, plan.schema)
        with self._lock:
            if len(self._compiled) >= KEPT_RULES:
                self._compiled.clear()
            self._compiled[key] = (plan, recipe)
        return recipe

    def check(self, plan: ColumnPlan, template_id: str, rule: str) -> Recipe:
        """Raises RuleInvalid, TemplateInvalid for a rule over more than tags and for one that moves within a day."""
        recipe = self.recipe(plan, rule)
        for names, what in ((recipe.events, "events"), (recipe.tables, "reference tables")):
            if names:
                raise TemplateInvalid(
                    template_id,
                    "member_class.rule",
                    f"is over {what}: make a tag of that and ask for its value",
                )
        if recipe.triggers:
            raise TemplateInvalid(
                template_id, "member_class.rule", "moves with hours: make a tag of it and ask for its value"
            )
        return recipe

    def is_member(
        self,
        plan: ColumnPlan,
        member_class: MemberClass,
        person: Person,
        values: Mapping[str, Value],
        clocks: Clocks,
    ) -> bool:
        """Of one person, by its known values."""
        match member_class.condition:
            case TagCondition(tag_id, wanted):
                value = values.get(tag_id)
                return wanted in value if isinstance(value, tuple) else value == wanted
            case str() as rule:
                if person.objects:
                    return False
                given = PersonsToCompute([person], PersonEvents(1), {person.person_id: values}, {})
                (found,) = PersonColumns(plan, given, clocks, {}).compute(self.recipe(plan, rule))
                return found is True

    def members(self, snapshot: Snapshot, rule: str, clocks: Clocks) -> Ints:
        """Of everybody, ascending. Raises RuleInvalid, ValueError when it cannot be computed."""
        recipe = self.recipe(snapshot.plan, rule)
        computed, failures = snapshot.compute([recipe], clocks.moment(recipe), {}, freeze=False)
        if failures:
            raise ValueError(failures[COLUMN])
        values = computed[0].values
        found: Ints = snapshot.persons[values.known & values.data.astype(np.bool_)]
        return found
