"""Whole populations: rules to persons, expressions to values, many of them over one scan per event type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast, get_args

from rules import tree
from rules.check import Population
from rules.errors import UnsupportedNode
from rules.evaluate.refusal import refuse
from rules.evaluate.selection import condition_within
from rules.evaluate.setting import Setting
from rules.schema import ValueList
from rules.tree import (
    Aggregate,
    AnyLine,
    Condition,
    Expression,
    Feature,
    Grouped,
    InSegment,
    Limit,
    Property,
    Rule,
    Sequence,
    TagRef,
)
from rules.walk import walk

from .compiler import EVALUATOR, truth, value
from .grouped import groups
from .scans import MAX_TERMS, Pass, Recipe, Term, recipe, scan
from .sequences import matching
from .source import TableSource
from .steps import narrowed, ordered_by

if TYPE_CHECKING:
    import ibis.expr.types as ir

Question: TypeAlias = Rule | Condition | Expression
_EXPRESSIONS = get_args(Expression)


class Tables:
    """Builds relations and runs none; `DuckDb.collect` does.

    A relation refuses to run (NumberOverflow) when any person's number does not fit in int64, those outside
    the population included. Methods raise UnsupportedNode for nodes that are not evaluated.
    """

    def __init__(self, source: TableSource, setting: Setting) -> None:
        self._source = source
        self._setting = setting

    def members(self, rule: Rule | Condition, population: Population = Population.KNOWN) -> "ir.Table":
        """(person_id): those of whom the rule is true, and whom its steps leave, in no order."""
        answers = self.columns({"member": rule}, population)
        return answers.filter(answers.member).select("person_id")

    def values(self, expression: Expression, population: Population = Population.KNOWN) -> "ir.Table":
        """(person_id, value): a row per person of the population; null is unknown; numbers scaled."""
        return self.columns({"value": expression}, population)

    def columns(
        self, questions: Mapping[str, Question], population: Population = Population.KNOWN
    ) -> "ir.Table":
        """(person_id, a column per question by its name): a row per person of the population.

        A rule's column is boolean and never null, an expression's is null where unknown. Questions share
        the scan of each event type, and whatever filters, windows and aggregates they have in common.
        """
        asked = {name: _body(question, self._setting) for name, question in questions.items()}
        steps = {
            name: each.steps for name, each in questions.items() if isinstance(each, Rule) and each.steps
        }
        by = [step.by for each in steps.values() for step in each if isinstance(step, Limit)]
        columns = self._person_columns([*asked.values(), *by], population)
        answers = columns.rows.select(
            "person_id",
            **{name: _answer(body, columns) for name, body in asked.items()},
            **{ordered_by(each): columns.read(each) for each in dict.fromkeys(by)},
        )
        if steps:
            answers = narrowed(answers, steps, self._source)
        return answers.select("person_id", *asked)

    def groups(self, grouped: Grouped, population: Population = Population.KNOWN) -> "ir.Table":
        """(person_id, key, number, events): a row per person of the population and group, in no order.

        number: scaled; events: how many distinct events made it."""
        refuse(grouped, EVALUATOR, self._setting)
        found = groups(self._source, self._setting, grouped)
        persons = self._source.persons(population).select("person_id")
        return found.semi_join(persons, "person_id")

    def _person_columns(
        self, asked: "Iterable[Condition | Expression]", population: Population
    ) -> "_Columns":
        """The persons with a column for each tag, segment and aggregate term that is asked for."""
        leaves = dict.fromkeys(leaf for body in asked for leaf in _leaves(body))
        columns = [self._tag(each) for each in leaves if isinstance(each, TagRef)]
        columns += [self._segment(each) for each in leaves if isinstance(each, InSegment)]
        sequences = {leaf: f"$sequence.{n}" for n, leaf in enumerate(leaves) if isinstance(leaf, Sequence)}
        columns += [self._sequence(each, name) for each, name in sequences.items()]
        recipes = {leaf: recipe(leaf, self._setting) for leaf in leaves if isinstance(leaf, Aggregate)}
        names: dict[Term, str] = {}
        for each in recipes.values():
            for term in each.terms:
                names.setdefault(term, f"$term.{len(names)}")
        for terms in _passes(names):
            columns.append(scan(self._source, self._setting, terms, [names[term] for term in terms]))
        rows = _joined(self._source.persons(population).select("person_id"), columns)
        return _Columns(self._setting, rows, recipes, names, sequences)

    def _tag(self, leaf: TagRef) -> "ir.Table":
        tag = self._setting.schema.tag(leaf.name)
        if tag is None:
            raise LookupError(f"no tag '{leaf.name}'; evaluate a rule checked against this schema")
        found = self._source.tag(tag)
        return found.select("person_id", **{_tag_column(leaf.name): found.value})

    def _segment(self, leaf: InSegment) -> "ir.Table":
        import ibis

        found = self._source.segment(leaf.name).select("person_id").distinct()
        return found.mutate(**{_segment_column(leaf.name): ibis.literal(True)})

    def _sequence(self, leaf: Sequence, name: str) -> "ir.Table":
        import ibis

        return matching(self._source, self._setting, leaf).mutate(**{name: ibis.literal(True)})


@dataclass(frozen=True, slots=True)
class _Columns:
    """Names read from rows of persons."""

    setting: Setting
    rows: "ir.Table"
    recipes: Mapping[Aggregate, Recipe]
    names: Mapping[Term, str]
    sequences: Mapping[Sequence, str]

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Any:
        match leaf:
            case TagRef():
                return self.rows[_tag_column(leaf.name)]
            case Aggregate():
                found = self.recipes[leaf]
                return found.combine(*(self.rows[self.names[term]] for term in found.terms))
            case Feature():
                raise UnsupportedNode("a feature's column", EVALUATOR)
            case Property():
                raise TypeError(f"{'.'.join(leaf.path)} is a property outside WHERE; evaluate a checked rule")

    def list_of(self, operand: Expression) -> ValueList | None:
        tag = self.setting.schema.tag(operand.name) if isinstance(operand, TagRef) else None
        return tag.values if tag else None

    def holds(self, condition: AnyLine | InSegment | Sequence) -> Any:
        match condition:
            case InSegment():
                return self.rows[_segment_column(condition.name)].fill_null(False)
            case Sequence():
                return self.rows[self.sequences[condition]].fill_null(False)
            case AnyLine():
                raise TypeError("ANY(...) has no meaning outside WHERE; evaluate a checked rule")


def _body(question: Question, setting: Setting) -> Condition | Expression:
    if is_expression(question):
        refuse(question, EVALUATOR, setting)
        return question
    rule = cast(Rule | Condition, question)
    refuse(rule, EVALUATOR, setting)
    return condition_within(rule)


def _answer(body: Condition | Expression, columns: _Columns) -> Any:
    return value(body, columns) if is_expression(body) else truth(cast(Condition, body), columns)


def is_expression(question: Question) -> TypeGuard[Expression]:
    return isinstance(question, _EXPRESSIONS)


def _leaves(body: tree.Node) -> "Iterable[TagRef | InSegment | Aggregate | Sequence]":
    return (each for each in walk(body) if isinstance(each, TagRef | InSegment | Aggregate | Sequence))


def _passes(terms: Iterable[Term]) -> Iterable[list[Term]]:
    """Terms of one pass together, in groups that one query plans well."""
    by_pass: dict[Pass, list[Term]] = {}
    for term in terms:
        by_pass.setdefault(term.scan, []).append(term)
    for each in by_pass.values():
        yield from (each[start : start + MAX_TERMS] for start in range(0, len(each), MAX_TERMS))


def _joined(rows: "ir.Table", more: "Iterable[ir.Table]") -> "ir.Table":
    """All persons of `rows`, with nulls where one of `more` has no row for them; one chain of joins."""
    for number, each in enumerate(more):
        rows = rows.left_join(each, "person_id", rname=f"$person.{number}")
    return rows


def _tag_column(name: str) -> str:
    return f"$tag.{name}"


def _segment_column(name: str) -> str:
    return f"$segment.{name}"
