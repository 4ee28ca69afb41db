"""Why a person has a tag's value, and why a rule holds of a person or not."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rules.check import CheckedRule
from rules.errors import NumberOverflow, Problem
from rules.evaluate.meaning import Value
from rules.evaluate.person import MAX_EVIDENCE, Event, Explanation, ReferenceRows, explain, groups_of
from rules.evaluate.person import Person as PersonFacts
from rules.evaluate.person.evaluator import PersonScope
from rules.evaluate.setting import Setting
from rules.printer import print_form, print_grouped
from rules.tree import NOWHERE, Condition, Expression, Grouped, IsKnown, Node, Rule
from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound, RightMissing
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.evaluate_persons import Clocks, answers_of
from tagging.app.read_values import ReadValue, ReadValues
from tagging.domain.compilation import RuleInvalid, checked_rule
from tagging.domain.definition import AttributeKind, Grade, LayeredRuleKind
from tagging.domain.event_grades import EventRelease
from tagging.domain.groups import text_of
from tagging.domain.kinds.kind import Question
from tagging.domain.looked_back import earliest
from tagging.domain.persons import Person
from tagging.domain.recipe import Recipe
from tagging.errors import PersonUnknown, nearest
from tagging.errors import RuleInvalid as RuleRefused
from tagging.store.event_read_ports import EventReads, HeldPersonEvents
from tagging.store.mapping_ports import ReferenceTables
from tagging.store.ports import FactStores
from tagging.store.tag_ports import FrozenCuts, TagStores

MAX_GROUPS = 100
"""Groups of one explanation, at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a definition: what it is called there, its text, and its explanation (None: an attribute, or groups).

    A grouped aggregate has a part per group, in order of its number, the greatest first: the key, the number, and up to
    10 of the events that made it, the latest first.
    """

    text: str
    value: Value | None
    explanation: Explanation | None = None
    evidence: tuple[Event, ...] = ()
    parts: "tuple[Part, ...]" = ()


@dataclass(frozen=True, slots=True)
class ExplainedTag:
    """`parts` in the definition's order, evaluated now, then remarks on what lies between them and the value; `cuts` of
    a tag that has any; `release`: what the reader may see of evidence."""

    value: ReadValue
    parts: tuple[Part, ...]
    cuts: FrozenCuts | None
    release: EventRelease
    revision: Revision


@dataclass(frozen=True, slots=True)
class ExplainedRule:
    """`release`: what the reader may see of evidence."""

    explanation: Explanation
    release: EventRelease
    revision: Revision


class Explain:
    """Evaluates in the caller's snapshot, by the one-person evaluator."""

    def __init__(
        self,
        facts: FactStores,
        events: EventReads,
        references: ReferenceTables,
        tags: TagStores,
        columns: ColumnsInForce,
        values: ReadValues,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._events = events
        self._references = references
        self._tags = tags
        self._columns = columns
        self._values = values
        self._clock = clock

    def tag(
        self, connection: Connection, tenant: str, person_id: int, tag_id: str, grades: Collection[Grade]
    ) -> ExplainedTag:
        """Raises ResourceNotFound, PersonUnknown, RightMissing (of the tag's grade, of a tag that it rests on, or of
        events that it reads)."""
        plan = self._columns.of(connection, tenant)
        if tag_id not in plan.recipes or tag_id not in plan.tags:
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, plan.tags))
        recipe = plan.recipes[tag_id]
        require_grades(plan, {tag_id, *recipe.tags}, grades)
        release = require_events(plan, recipe.questions.values(), grades)
        answers, revision = self._values.batch(connection, tenant, [person_id], [tag_id], grades)
        person = self._living(connection, tenant, person_id)
        setting = self._setting(connection, tenant, plan, recipe)
        since = {} if recipe.asks_for_latest else earliest(recipe.questions.values(), setting)
        facts, held = self._person_facts(connection, tenant, plan, person, recipe.tags, recipe.events, since)
        tables = self._references.rows(connection, tenant, recipe.tables) if recipe.tables else {}
        parts = (
            _attribute_parts(recipe, person)
            + _told_parts(answers[0][1][0])
            + tuple(
                _part(_told(recipe, name), question, facts, setting, tables)
                for name, question in recipe.questions.items()
            )
        )
        version = plan.tags[tag_id].version
        cuts = self._tags.cuts.latest(connection, tenant, tag_id, version) if recipe.has_cuts else None
        found = answers_of(recipe, [PersonScope(facts, setting, tables)])
        remarks = recipe.remarks(found, cuts.cuts if cuts else None)
        parts += tuple(Part(each, None) for each in remarks)
        held.keep(each for part in parts for each in _shown(part))
        return ExplainedTag(answers[0][1][0], parts, cuts, release, revision)

    def rule(
        self, connection: Connection, tenant: str, person_id: int, text: str, grades: Collection[Grade]
    ) -> ExplainedRule:
        """Raises RuleInvalid, PersonUnknown, RightMissing (of tags or events that the rule names)."""
        plan = self._columns.of(connection, tenant)
        checked = self._checked(connection, tenant, plan, text)
        require_grades(plan, checked.mentions.tags, grades)
        release = require_events(plan, [checked.rule], grades)
        person = self._living(connection, tenant, person_id)
        setting = self._setting(connection, tenant, plan, None)
        mentions, since = checked.mentions, earliest([checked.rule], setting)
        facts, held = self._person_facts(
            connection, tenant, plan, person, mentions.tags, mentions.events, since
        )
        tables = self._references.rows(connection, tenant, mentions.tables) if mentions.tables else {}
        explanation = _explained(checked.rule, facts, setting, tables)
        held.keep(_evidence(explanation))
        return ExplainedRule(explanation, release, self._values.revision(connection))

    def _checked(self, connection: Connection, tenant: str, plan: ColumnPlan, text: str) -> CheckedRule:
        try:
            return checked_rule(text, plan.schema)
        except RuleInvalid:
            try:
                return checked_rule(text, self._columns.schema(connection, tenant))
            except RuleInvalid as error:
                raise RuleRefused(error.problems) from error

    def _living(self, connection: Connection, tenant: str, person_id: int) -> Person:
        person = self._facts.key_map.living(connection, tenant, [person_id]).get(person_id)
        if person is None:
            raise PersonUnknown(person_id)
        return person

    def _person_facts(
        self,
        connection: Connection,
        tenant: str,
        plan: ColumnPlan,
        person: Person,
        tags: Collection[str],
        events: Collection[str],
        since: Mapping[str, dt.datetime],
    ) -> tuple[PersonFacts, HeldPersonEvents]:
        stored = self._tags.values.get(connection, tenant, tags, [person.person_id])
        known = {
            tag: values[person.person_id].value
            for tag, values in stored.items()
            if person.person_id in values
        }
        held = self._events.of_person(connection, tenant, person.person_id, events, plan.dictionary, since)
        tags_known = {tag: value for tag, value in known.items() if value is not None}
        return PersonFacts(tags_known, held.events), held

    def _setting(
        self, connection: Connection, tenant: str, plan: ColumnPlan, recipe: Recipe | None
    ) -> Setting:
        state = self._facts.tenants.get(connection, tenant)
        assert state is not None  # a living person is of a tenant
        clocks = Clocks.of(state, self._clock.now())
        as_of = clocks.moment(recipe).as_of if recipe else clocks.now
        return Setting(plan.schema, as_of, clocks.calendar)


def _part(text: str, question: Question, facts: PersonFacts, setting: Setting, tables: ReferenceRows) -> Part:
    if not isinstance(question, Grouped):
        return Part(text, None, _explained(question, facts, setting, tables))
    try:
        found = groups_of(question, facts, setting, tables)
    except NumberOverflow as error:
        raise RuleRefused((Problem(str(error), 1, 1, NOWHERE),)) from error
    ordered = sorted(found, key=lambda each: (-each.number, text_of(each.key)))
    return Part(
        text,
        None,
        parts=tuple(
            Part(text_of(each.key), each.number, evidence=tuple(reversed(each.evidence[-MAX_EVIDENCE:])))
            for each in ordered[:MAX_GROUPS]
        ),
    )


def _explained(
    question: Expression | Condition | Rule, facts: PersonFacts, setting: Setting, tables: ReferenceRows
) -> Explanation:
    """An expression is explained as what asks whether it is known, and then only its own node."""
    try:
        if isinstance(question, Expression):
            return explain(IsKnown(question), facts, setting, tables).parts[0]
        return explain(question, facts, setting, tables)
    except NumberOverflow as error:
        raise RuleRefused((Problem(str(error), 1, 1, NOWHERE),)) from error


def _shown(part: Part) -> Iterator[Event]:
    """The events that are told of it and of what is below."""
    yield from part.evidence
    if part.explanation is not None:
        yield from _evidence(part.explanation)
    for each in part.parts:
        yield from _shown(each)


def _evidence(explanation: Explanation) -> Iterator[Event]:
    yield from explanation.evidence
    for each in explanation.parts:
        yield from _evidence(each)


def _attribute_parts(recipe: Recipe, person: Person) -> tuple[Part, ...]:
    if not isinstance(recipe.kind, AttributeKind):
        return ()
    name = recipe.kind.attribute
    return (Part(f"attribute {name}", person.attributes.get(name)),)


def _told_parts(read: ReadValue) -> tuple[Part, ...]:
    """Who stated it, when, and until when it stands."""
    statement = read.statement
    if statement is None:
        return ()
    ends = f", stands until {statement.expires_at.isoformat()}" if statement.expires_at else ""
    return (Part(f"stated by {statement.source} at {statement.time.isoformat()}{ends}", statement.value),)


def _told(recipe: Recipe, name: str) -> str:
    """A part by its name in the definition and its text."""
    if isinstance(recipe.kind, LayeredRuleKind):
        layer = recipe.kind.layers[int(name.removeprefix("layer"))]
        return f"{layer.then}: {layer.when}"
    question = recipe.questions[name]
    return f"{name}: {print_grouped(question) if isinstance(question, Grouped) else print_form(question)}"


def require_events(plan: ColumnPlan, questions: Iterable[Node], grades: Collection[Grade]) -> EventRelease:
    """What the reader may see of events. Raises RightMissing when the questions look at what that is not."""
    release = EventRelease(plan.dictionary.grades, grades)
    missing = release.missing(questions)
    if missing is not None:
        raise RightMissing(f"tagging.values.read_{missing.value}")
    return release


def require_grades(plan: ColumnPlan, tag_ids: Collection[str], grades: Collection[Grade]) -> None:
    """Raises RightMissing of the first tag that may not be read."""
    for tag_id in sorted(tag_ids):
        grade = plan.tags[tag_id].definition.grade
        if grade not in grades:
            raise RightMissing(f"tagging.values.read_{grade.value}")
