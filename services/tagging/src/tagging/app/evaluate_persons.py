"""Some persons: every column of each from its events, as the stream computes it."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rules.errors import NumberOverflow
from rules.evaluate.batch import Batch
from rules.evaluate.meaning import Scalar, Value
from rules.evaluate.person import Person as PersonFacts
from rules.evaluate.person import ReferenceRows
from rules.evaluate.person.evaluator import PersonScope
from rules.evaluate.person.interpreter import truth, value
from rules.evaluate.setting import Setting
from rules.schema import Schema
from rules.tree import Condition, Expression, Grouped
from rules.values import Kind
from rules.windows import TICK, CalendarSettings
from servicekit.logging import logger
from tagging.app.columns_in_force import ColumnPlan
from tagging.domain.ageing import NEVER, due_times
from tagging.domain.columns import Shape, Vector, code_scalar, microseconds, moment_of
from tagging.domain.cuts import Cuts
from tagging.domain.definition import AttributeKind, kind_of
from tagging.domain.groups import Groups
from tagging.domain.kinds.families import TOLD
from tagging.domain.kinds.kind import Answer
from tagging.domain.moment import Moment
from tagging.domain.person_events import EventsForRules, PersonEvents
from tagging.domain.persons import Person, PersonState
from tagging.domain.recipe import SEEN, Recipe
from tagging.domain.stated import Statement
from tagging.domain.tenants import Tenant
from tagging.domain.weighted import WeightedTexts


@dataclass(frozen=True, slots=True)
class Clocks:
    """Now, and the moment that columns which turn at midnight stand at: the tenant's day may not have rolled."""

    now: dt.datetime
    daily: dt.datetime
    calendar: CalendarSettings

    @staticmethod
    def of(tenant: Tenant, now: dt.datetime) -> "Clocks":
        calendar = tenant.settings.calendar
        end_of_day = calendar.midnight(tenant.day + dt.timedelta(days=1)) - TICK
        return Clocks(now, min(now, end_of_day), calendar)

    def moment(self, recipe: Recipe) -> Moment:
        return Moment(self.daily if recipe.daily else self.now, self.calendar)


@dataclass(frozen=True)
class PersonsToCompute:
    """Living persons with their events, slots in the order of the persons; the values of tags that are not computed
    anew here, and what is stated of the persons by tag."""

    persons: Sequence[Person]
    events: PersonEvents
    tags: Mapping[int, Mapping[str, Value]]
    tables: ReferenceRows
    stated: Mapping[str, Mapping[int, Statement]] = field(default_factory=dict)


class PersonColumns:
    """Computes columns of the same persons one after the other; what it computed is what later columns see."""

    def __init__(
        self, plan: ColumnPlan, given: PersonsToCompute, clocks: Clocks, cuts: Mapping[str, Cuts | None]
    ) -> None:
        self._plan = plan
        self._schema: Schema = plan.schema
        self._given = given
        self._clocks = clocks
        self._cuts = cuts
        self._known = np.array([each.state is not PersonState.ANONYMOUS for each in given.persons], np.bool_)
        self._profiled = np.array([not each.objects for each in given.persons], np.bool_)
        self._tags: list[dict[str, Value]] = [
            dict(given.tags.get(each.person_id, {})) for each in given.persons
        ]
        events = EventsForRules(given.events, plan.dictionary)
        self._facts = list(map(PersonFacts, self._tags, events.by_person()))
        self._rows = events.rows
        self._batches: dict[dt.datetime, Batch] = {}

    def compute(self, recipe: Recipe) -> list[Value | None]:
        """The column's value of each person, in their order."""
        if isinstance(recipe.kind, AttributeKind):
            answers: dict[str, Answer] = {"value": self._attribute(recipe.kind.attribute, recipe.shape)}
        elif isinstance(recipe.kind, TOLD):
            answers = {"value": self._told(recipe)}
        else:
            answers = self._answers(recipe)
        if recipe.asks_for_latest:
            answers[SEEN] = self._latest(recipe)
        moment, cuts = self._clocks.moment(recipe), self._cuts.get(recipe.column)
        decided = recipe.decide(answers, self._known, moment, cuts, self._stored(recipe))
        if self._plan.profiles(recipe):  # also for columns that rest on it: nothing is derived of who objects
            decided = Vector(decided.known & self._profiled, decided.data)
        values = plain(decided, recipe.shape)
        for tags, found in zip(self._tags, values, strict=True):
            if found is None:
                tags.pop(recipe.column, None)
            else:
                tags[recipe.column] = found
        return values

    def due(self, recipes: Collection[Recipe]) -> dict[int, int | None]:
        """When each person's columns change next by themselves, in microseconds."""
        earliest = np.full(len(self._given.persons), NEVER, np.int64)
        for recipe in recipes:
            for trigger in recipe.triggers:
                found, failed = self._batch_of(recipe).answers(trigger.question)
                _tell_of(recipe, failed)
                moments = Vector.of(found, Shape(trigger.kind))
                earliest = np.minimum(
                    earliest, due_times(trigger, moments, self._clocks.now, self._clocks.calendar)
                )
        return {
            person.person_id: None if due == NEVER else due
            for person, due in zip(self._given.persons, earliest.tolist(), strict=True)
        }

    def _answers(self, recipe: Recipe) -> dict[str, Answer]:
        """The answers to the questions, a slot per person; a number that does not fit is unknown."""
        batch = self._batch_of(recipe)
        answers: dict[str, Answer] = {}
        for name, question in recipe.questions.items():
            if isinstance(question, Grouped):
                groups, failed = batch.groups(question)
                answers[name] = Groups.of(groups)
            else:
                found, failed = batch.answers(question)
                answers[name] = Vector.of(found, recipe.shapes[name])
            _tell_of(recipe, failed)
        return answers

    def _batch_of(self, recipe: Recipe) -> Batch:
        """One per moment: aggregates that several columns share are computed once."""
        moment = self._clocks.moment(recipe)
        found = self._batches.get(moment.as_of)
        if found is None:
            setting = Setting(self._schema, moment.as_of, moment.calendar)
            found = Batch(self._facts, self._rows, setting, self._given.tables)
            self._batches[moment.as_of] = found
        return found

    def _latest(self, recipe: Recipe) -> Vector:
        """When each person did anything last, up to the column's moment."""
        latest = self._given.events.latest(microseconds(self._clocks.moment(recipe).as_of))
        return Vector.of([None if each is None else moment_of(each) for each in latest], Shape(Kind.DATETIME))

    def _stored(self, recipe: Recipe) -> Vector | None:
        """What is known so far, for a column that keeps it."""
        if not recipe.keeps:
            return None
        return Vector.of([tags.get(recipe.column) for tags in self._tags], recipe.shape)

    def _told(self, recipe: Recipe) -> Vector:
        stated, now = self._given.stated.get(recipe.column, {}), self._clocks.now
        found = (stated.get(each.person_id) for each in self._given.persons)
        return Vector.of([told_value(each, recipe.shape, now) for each in found], recipe.shape)

    def _attribute(self, name: str, shape: Shape) -> Vector:
        return Vector.of([attribute_value(each, name, shape) for each in self._given.persons], shape)


def _tell_of(recipe: Recipe, failed: Collection[int]) -> None:
    if failed:
        logger().warning("numbers do not fit", column=recipe.column, persons=len(failed))


def answers_of(recipe: Recipe, scopes: Sequence[PersonScope]) -> dict[str, Answer]:
    """The answers of the one-person evaluator to the questions, a slot per person; a number that does not fit is
    unknown."""
    return {
        name: Groups.of([_groups(recipe, question, each) for each in scopes])
        if isinstance(question, Grouped)
        else Vector.of([_answer(recipe, question, each) for each in scopes], recipe.shapes[name])
        for name, question in recipe.questions.items()
    }


def _groups(recipe: Recipe, question: Grouped, scope: PersonScope) -> list[tuple[Scalar, int, int]]:
    try:
        return [(each.key, each.number, each.events) for each in scope.groups(question)]
    except NumberOverflow:
        logger().warning("a number does not fit", column=recipe.column)
        return []


def _answer(recipe: Recipe, question: Expression | Condition, scope: PersonScope) -> Value | None:
    try:
        return value(question, scope) if isinstance(question, Expression) else truth(question, scope)
    except NumberOverflow:
        logger().warning("a number does not fit", column=recipe.column)
        return None


def attribute_value(person: Person, name: str, shape: Shape) -> Value | None:
    """The attribute when it is of the tag's type; a single value stands for a list of one."""
    return of_shape(person.attributes.get(name), shape)


def told_value(statement: Statement | None, shape: Shape, now: dt.datetime) -> Value | None:
    """What stands of a statement at a moment, when it is of the tag's type."""
    return None if statement is None else of_shape(statement.standing(now), shape)


def of_shape(found: Value | None, shape: Shape) -> Value | None:
    """The value when it is of the tag's type; a single value stands for a list of one."""
    if found is None:
        return None
    if shape.multi_valued:
        listed = found if isinstance(found, tuple) else (found,)
        return listed if all(kind_of(each) is shape.base for each in listed) else None
    return found if kind_of(found) is shape.base else None


def plain(vector: Vector, shape: Shape) -> list[Value | None]:
    """The values of a vector, None where unknown."""
    data = vector.data.tolist()
    if not shape.multi_valued and shape.base is not Kind.TEXT:
        scalar = code_scalar(shape.base)
        data = [
            scalar(each) if known else None for each, known in zip(data, vector.known.tolist(), strict=True)
        ]
    elif shape.multi_valued:
        data = [each if isinstance(each, WeightedTexts) else tuple(sorted(set(each))) for each in data]
    return [each if known else None for each, known in zip(data, vector.known.tolist(), strict=True)]
