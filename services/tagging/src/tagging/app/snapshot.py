"""A snapshot of facts, over which columns are computed step by step, those of a step with one scan per event type.

Only DuckDB, Ibis and Arrow know how, and they are imported when first needed.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from rules.check import Population
from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.setting import Setting
from rules.tree import Aggregate, Condition, EventFilter, Expression, Grouped, Node, TagRef
from rules.walk import walk
from servicekit.logging import logger
from tagging.app.arrow_answers import arrow_array, arrow_groups, arrow_vector
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.evaluate_persons import told_value
from tagging.app.event_answers import column_of, groups_of, truth_vector, vector_of
from tagging.app.named_relations import name_persons, name_relations
from tagging.app.snapshot_inputs import SnapshotInputs
from tagging.domain.ageing import NEVER, due_times
from tagging.domain.columns import Bools, Ints, Shape, Vector, within
from tagging.domain.cuts import Cuts
from tagging.domain.definition import AttributeKind
from tagging.domain.kinds.families import TOLD
from tagging.domain.kinds.kind import Answer, Question, vector
from tagging.domain.kinds.sql import FOUND as SQL_ANSWER
from tagging.domain.kinds.sql import SqlKind
from tagging.domain.kinds.told import TOLD as TOLD_ANSWER
from tagging.domain.moment import Moment
from tagging.domain.recipe import SEEN, Recipe
from tagging.domain.run_failures import OVERFLOW, UNEXPECTED, ColumnFailed, Failure
from tagging.domain.stated import Statement
from tagging.domain.tenants import Tenant
from tagging.store.ports import HeldEvents
from tagging.store.query_ports import LakeQueries, LakeQuery

if TYPE_CHECKING:
    from rules.evaluate.events import Events
    from rules.evaluate.tables import DuckDb

GROUP = 40
"""Questions of one query, at most."""


def open_duck(beside: Any = None) -> Any:
    """An empty DuckDB in memory. `beside` one that stays open: of the same engine, with relations of its own, which
    takes no time to open."""
    import duckdb

    duck = duckdb.connect(":memory:") if beside is None else beside.cursor()
    duck.execute("SET TimeZone = 'UTC'")
    return duck


@dataclass(frozen=True)
class Computed:
    """A column at a moment: `values` has a slot for each of the persons, ascending. `cuts`: as decided by."""

    recipe: Recipe
    as_of: dt.datetime
    persons: Ints
    values: Vector
    cuts: Cuts | None


class Snapshot:
    """A tenant's facts at one moment, in DuckDB. Not for concurrent use; closed by `Everybody.snapshot`.

    persons    the living, ascending; `known` says who of them is not anonymous
    rows_read  rows of events and persons that queries went over so far
    stops      whether what computes for long gives up
    """

    def __init__(
        self,
        duck: Any,
        plan: ColumnPlan,
        tenant: Tenant,
        held: HeldEvents,
        inputs: SnapshotInputs,
        objecting: Ints,
        queries: LakeQueries,
        rested_on: Collection[str],
        *,
        ahead: Collection[Recipe] = (),
        everybody: bool = True,
    ) -> None:
        """`rested_on`: tags that columns to compute rest on. `ahead`: columns to compute, whose attributes are read
        together. `everybody`: whether it holds all living persons."""
        self.plan = plan
        self.tenant = tenant
        self._duck = duck
        self._held = held
        self._columns = held.columns()
        self._inputs = inputs
        self._objecting = objecting
        self._queries = queries
        self._rested_on = frozenset(rested_on)
        self._holds_everybody = everybody
        self._at_moments: dict[Moment, Events] = {}
        self._engine: DuckDb | None = None
        self._ahead = ahead
        self._attributes: dict[str, tuple[Ints, Vector]] = {}
        self._stored: dict[str, tuple[Ints, Vector] | None] = {}
        self._stated: dict[str, Mapping[int, Statement]] = {}
        self._tags: dict[str, tuple[Shape, Ints, Vector]] = {}
        self._related_tags: set[str] = set()
        self.stops: Callable[[], bool] = lambda: False
        self._rows: Mapping[str, int] | None = None
        self._is_related = False
        self.rows_read = 0
        self.persons: Ints = held.persons.ids
        self.known: Bools = held.persons.states > 1
        self._profiled: Bools = ~np.isin(self.persons, objecting)

    @contextmanager
    def among(self, person_ids: Ints) -> Iterator["Snapshot"]:
        """The same facts of these persons alone (ascending; those who do not live are left out). What it reads beside
        events it reads anew. What is read is counted here, too."""
        duck = open_duck(beside=self._duck)
        part = Snapshot(
            duck,
            self.plan,
            self.tenant,
            self._held.among(duck, person_ids),
            self._inputs.among(person_ids),
            self._objecting,
            self._queries,
            self._rested_on,
            everybody=False,
        )
        part.stops = self.stops
        try:
            yield part
        finally:
            self.rows_read += part.rows_read
            duck.close()

    def prepare(self, recipes: Iterable[Recipe], inputs: SnapshotInputs | None = None) -> None:
        """Reads what columns rest on beside events, as far as it is not at hand; by `inputs`, or its own."""
        read, listed = inputs or self._inputs, list(recipes)
        if any(_is_copied(each) and each.column not in self._attributes for each in listed):
            said = {each.column: each for each in (*listed, *self._ahead) if _is_copied(each)}
            self._attributes |= read.attributes(
                [each for column, each in said.items() if column not in self._attributes]
            )
            self._ahead = ()
        for each in listed:
            if isinstance(each.kind, TOLD) and each.column not in self._stated:
                self._stated[each.column] = read.stated(each.column)
            if each.keeps and each.column not in self._stored:
                self._stored[each.column] = read.column(each.column)
            for tag in sorted(each.tags & self.plan.tags.keys() - self._tags.keys()):
                self._register(tag, *read.tag(self.plan.tags[tag].definition))

    def compute(
        self, recipes: Sequence[Recipe], moment: Moment, cuts: Mapping[str, Cuts | None], *, freeze: bool
    ) -> tuple[list[Computed], dict[str, Failure]]:
        """The columns of one step, and why columns failed. `freeze`: new cuts of this population, not those given.

        What was computed is what later steps see.
        """
        if not self._holds_everybody and not len(self.persons):
            return [self._nothing(each, moment, cuts) for each in recipes], {}
        self.prepare(recipes)
        answers, failures = self._answers(
            {each.column: each.questions for each in recipes},
            {each.column: each.shapes for each in recipes},
            moment,
        )
        found = []
        for recipe in recipes:
            if recipe.column in failures:
                continue
            try:
                found.append(self._decided(recipe, answers[recipe.column], moment, cuts, freeze=freeze))
            except Exception as error:
                failures[recipe.column] = _failure(recipe.column, error)
        return found, failures

    def lay_over(self, computed: Computed) -> None:
        """Makes a tag's values readable that were computed of some of its persons: those of others are as stored."""
        column = computed.recipe.column
        _, persons, stored = self._inputs.tag(self.plan.tags[column].definition)
        staying = ~within(persons, computed.persons)
        everyone = np.concatenate((persons[staying], computed.persons))
        order = np.argsort(everyone)
        known = np.concatenate((stored.known[staying], computed.values.known))
        data = np.concatenate((stored.data[staying], computed.values.data))
        self._register(column, computed.recipe.shape, everyone[order], Vector(known[order], data[order]))

    def _nothing(self, recipe: Recipe, moment: Moment, cuts: Mapping[str, Cuts | None]) -> Computed:
        """Of nobody."""
        nothing = Vector.unknown(0, recipe.shape)
        return Computed(recipe, moment.as_of, self.persons, nothing, cuts.get(recipe.column))

    def _decided(
        self,
        recipe: Recipe,
        answers: Mapping[str, Answer],
        moment: Moment,
        cuts: Mapping[str, Cuts | None],
        *,
        freeze: bool,
    ) -> Computed:
        """One column from the answers to its questions."""
        own = answers
        if isinstance(recipe.kind, AttributeKind):
            own = {"value": self._placed(*self._attributes.pop(recipe.column)).widened()}
        if isinstance(recipe.kind, TOLD):
            own = {TOLD_ANSWER: self._told(recipe, moment)}
        if isinstance(recipe.kind, SqlKind):
            own = {SQL_ANSWER: self._queried(recipe, recipe.kind, moment)}
        if recipe.asks_for_latest:
            own = {**own, SEEN: self._latest(recipe, moment)}
        frozen = recipe.freeze(own, self.known) if freeze and recipe.has_cuts else cuts.get(recipe.column)
        stored = self._stored.pop(recipe.column, None)
        kept = self._placed(*stored) if stored is not None else None
        values = recipe.decide(own, self.known, moment, frozen, kept)
        if self.plan.profiles(recipe):
            values = Vector(values.known & self._profiled, values.data)
        if recipe.column in self._rested_on:
            self._register(recipe.column, recipe.shape, self.persons, values)
        return Computed(recipe, moment.as_of, self.persons, values, frozen)

    def due(self, recipes: Collection[Recipe], moment: Moment) -> Ints:
        """When each person's columns change next by themselves, in microseconds; NEVER for most."""
        self.prepare(recipes)
        triggers = list(dict.fromkeys(each for recipe in recipes for each in recipe.triggers))
        questions: dict[str, Question] = {str(index): each.question for index, each in enumerate(triggers)}
        shapes = {str(index): Shape(each.kind) for index, each in enumerate(triggers)}
        answers, failures = self._answers({"due": questions}, {"due": shapes}, moment)
        if failures:
            raise ValueError(str(failures["due"]))
        earliest = np.full(len(self.persons), NEVER, np.int64)
        for index, trigger in enumerate(triggers):
            due = due_times(trigger, vector(answers["due"], str(index)), moment.as_of, moment.calendar)
            earliest = np.minimum(earliest, due)
        return earliest

    def persons_within(
        self, event_types: Collection[str], spans: Sequence[Collection[tuple[int, int]]]
    ) -> list[Ints]:
        """As HeldEvents says."""
        return self._held.persons_within(event_types, spans)

    def rows_of(self, recipe: Recipe) -> int:
        """The rows of events and persons that a column rests on."""
        return sum(map(self._event_rows, recipe.events)) + len(self.persons)

    def _placed(self, persons: Ints, values: Vector) -> Vector:
        """Values of some persons, ascending, with a slot for each of the snapshot."""
        if persons is self.persons:
            return values
        places = np.searchsorted(self.persons, persons)
        here = places < len(self.persons)
        here[here] = self.persons[places[here]] == persons[here]
        known = np.zeros(len(self.persons), np.bool_)
        known[places[here]] = values.known[here]
        data = np.zeros(len(self.persons), values.data.dtype)
        data[places[here]] = values.data[here]
        return Vector(known, data)

    def _told(self, recipe: Recipe, moment: Moment) -> Vector:
        stated = self._stated.get(recipe.column, {})
        persons = np.array(sorted(stated), np.int64)
        values = [told_value(stated[each], recipe.shape, moment.as_of) for each in persons.tolist()]
        return self._placed(persons, Vector.of(values, recipe.shape))

    def _queried(self, recipe: Recipe, kind: SqlKind, moment: Moment) -> Vector:
        asked = LakeQuery(
            kind.query, kind.inputs(), kind.timeout_seconds, kind.memory_megabytes, recipe.shape
        )
        schema = self.plan.schema
        self.rows_read += self.rows_of(recipe)
        self._relate()
        self._relate_tags(recipe.tags)
        persons, values = self._queries.run(self._duck, asked, schema, moment, self.persons, self.stops)
        return self._placed(persons, values)

    def _register(self, tag: str, shape: Shape, persons: Ints, values: Vector) -> None:
        """Makes a tag's values readable for rules."""
        self._tags[tag] = shape, persons, values
        self._related_tags.discard(tag)
        column = column_of(self._placed(persons, values), shape)
        if column is not None:
            self._columns.tags[tag] = column
        for events in self._at_moments.values():
            events.forget()

    def _relate_tags(self, tags: Iterable[str]) -> None:
        """Makes the relations of tags that queries read."""
        import pyarrow as pa

        for tag in sorted(self._tags.keys() & set(tags) - self._related_tags):
            shape, persons, values = self._tags[tag]
            known = values.known
            data = arrow_array(Vector(known[known], values.data[known]), shape)
            self._duck.register(f"tag.{tag}", pa.table({"person_id": persons[known], "value": data}))
            self._related_tags.add(tag)

    def _event_rows(self, event_type: str) -> int:
        if self._rows is None or not self._holds_everybody:
            self._rows = self._held.counts()
        return self._rows.get(event_type, 0)

    def _relate(self) -> None:
        """Makes the relations of events and reference tables that queries read."""
        if not self._is_related:
            self._held.relate()
            name_relations(self._duck, self.plan)
            self._is_related = True

    def _collect(self, relation: Any) -> Any:
        """What a query of the tables evaluator finds."""
        if self._engine is None:
            from rules.evaluate.tables import DuckDb

            self._engine = DuckDb(self._duck)
            name_persons(self._duck)
        return self._engine.collect(relation)

    def _count(self, questions: Iterable[Question]) -> None:
        """One query over all of them reads their events once."""
        events = {event for each in questions for event in _events_of(each)}
        self.rows_read += sum(map(self._event_rows, events)) + len(self.persons)

    def _latest(self, recipe: Recipe, moment: Moment) -> Vector:
        """When each person did anything last, up to the moment."""
        return vector_of(self._held.latest(recipe.events, moment.as_of))

    def _answers(
        self,
        asked: Mapping[str, Mapping[str, Question]],
        shapes: Mapping[str, Mapping[str, Shape]],
        moment: Moment,
    ) -> tuple[dict[str, dict[str, Answer]], dict[str, Failure]]:
        """All together; when that fails, column by column, to find who is to blame."""
        try:
            return self._ask(asked, shapes, moment), {}
        except Exception as error:
            logger().warning(
                "columns are computed one by one", cause=type(error).__name__, columns=len(asked)
            )
        found: dict[str, dict[str, Answer]] = {}
        failures: dict[str, Failure] = {}
        for column, questions in asked.items():
            try:
                found |= self._ask({column: questions}, shapes, moment)
            except Exception as error:
                failures[column] = _failure(column, error)
        return found, failures

    def _ask(
        self,
        asked: Mapping[str, Mapping[str, Question]],
        shapes: Mapping[str, Mapping[str, Shape]],
        moment: Moment,
    ) -> dict[str, dict[str, Answer]]:

        distinct = dict.fromkeys(question for questions in asked.values() for question in questions.values())
        kinds = {
            question: shapes[column].get(name)
            for column, questions in asked.items()
            for name, question in questions.items()
        }
        found = self._from_columns(distinct, moment)
        found |= self._from_tables([each for each in distinct if each not in found], kinds, moment)
        return {
            column: {name: found[question] for name, question in questions.items()}
            for column, questions in asked.items()
        }

    def _from_columns(self, questions: Iterable[Question], moment: Moment) -> dict[Question, Answer]:
        """The answers to those that columns of events give, one event type after the other."""
        from rules.evaluate.events import Events

        if moment not in self._at_moments:
            setting = Setting(self.plan.schema, moment.as_of, moment.calendar)
            self._at_moments[moment] = Events(self._columns, setting)
        events = self._at_moments[moment]
        about = {each: tuple(sorted(_events_of(each))) for each in questions}
        answers: dict[Question, Answer] = {}
        for _, alike in groupby(
            sorted((each for each in about if about[each]), key=about.__getitem__), key=about.__getitem__
        ):
            answered = len(answers)
            group = list(alike)
            for question in group:
                with suppress(UnsupportedNode):
                    answers[question] = _answered(events, question)
            if len(answers) > answered:
                self._count(group)
        events.forget()
        return answers

    def _from_tables(
        self, questions: Iterable[Question], shapes: Mapping[Question, Shape | None], moment: Moment
    ) -> dict[Question, Answer]:
        """The answers to any, by queries."""
        asked = list(questions)
        if not asked:
            return {}
        from rules.evaluate.tables import Tables
        from rules.evaluate.tables.source import NamedRelations

        self._relate_tags(
            node.name for question in asked for node in walk(question) if isinstance(node, TagRef)
        )
        tables = Tables(NamedRelations(), Setting(self.plan.schema, moment.as_of, moment.calendar))
        answers: dict[Question, Answer] = {}
        plain: list[Expression | Condition] = []
        for question in asked:
            if isinstance(question, Grouped):
                self._relate()
                self._count([question])
                relation = tables.groups(question, Population.ALL)
                answers[question] = arrow_groups(self._collect(relation), self.persons)
            else:
                plain.append(question)
        for group in _alike(plain):
            if any(map(_events_of, group)):
                self._relate()
            self._count(group)
            names = {f"q{number}": question for number, question in enumerate(group)}
            relation = tables.columns(names, Population.ALL)
            table = self._collect(relation).sort_by("person_id")
            for name, question in names.items():
                shape = shapes[question]
                assert shape is not None
                answers[question] = arrow_vector(table[name], shape)
        return answers


def _is_copied(recipe: Recipe) -> bool:
    return isinstance(recipe.kind, AttributeKind)


def _answered(events: "Events", question: Question) -> Answer:
    if isinstance(question, Grouped):
        return groups_of(events.groups(question), events.size)
    if isinstance(question, Expression):
        return vector_of(events.values(question))
    return truth_vector(events.truths(question))


def _events_of(question: Node) -> frozenset[str]:
    return frozenset(each.event for each in walk(question) if isinstance(each, Aggregate | EventFilter))


def _failure(column: str, error: Exception) -> Failure:
    """What an engine says may name data: it goes nowhere but into its type's name in the log."""
    logger().warning("a column failed", column=column, cause=type(error).__name__)
    match error:
        case ColumnFailed():
            return error.failure
        case NumberOverflow():
            return OVERFLOW
        case _:
            return UNEXPECTED


def _alike(questions: Iterable[Expression | Condition]) -> Iterator[list[Expression | Condition]]:
    """Questions about the same event types and tags together: they share a scan, and no plan grows large."""
    alike: dict[tuple[frozenset[str], frozenset[str]], list[Expression | Condition]] = {}
    for question in questions:
        tags = frozenset(each.name for each in walk(question) if isinstance(each, TagRef))
        alike.setdefault((_events_of(question), tags), []).append(question)
    for group in alike.values():
        yield from (group[start : start + GROUP] for start in range(0, len(group), GROUP))
