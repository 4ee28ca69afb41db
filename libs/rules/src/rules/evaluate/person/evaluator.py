"""The referee: one person, plain and obviously right. The other evaluators must give what this one gives."""

import datetime as dt
from dataclasses import replace

from rules.errors import UnsupportedNode
from rules.evaluate.meaning import Value
from rules.evaluate.refusal import refuse
from rules.evaluate.selection import condition_within, is_sampled
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
    Sample,
    Sequence,
    TagRef,
)

from .aggregates import Outcome, aggregate
from .facts import Person, ReferenceRows
from .grouped import Group, groups
from .interpreter import truth, value
from .sequences import SequenceOutcome, sequence

EVALUATOR = "one person"
_NO_TABLES: ReferenceRows = {}


def is_true(
    rule: Rule | Condition, person: Person, setting: Setting, tables: ReferenceRows = _NO_TABLES
) -> bool:
    """Is the checked rule true of this person of its population?

    Raises UnsupportedNode (for LIMIT always: it asks who else there is), NumberOverflow.
    """
    refuse(rule, EVALUATOR, setting, {Limit})
    found = truth(condition_within(rule), PersonScope(person, setting, tables))
    for step in rule.steps if isinstance(rule, Rule) else ():
        if person.birth_hash is None:
            raise UnsupportedNode("SAMPLE of a person without a birth hash", EVALUATOR)
        found = found and isinstance(step, Sample) and is_sampled(person.birth_hash, step)
    return found


def value_of(
    form: Expression | Condition, person: Person, setting: Setting, tables: ReferenceRows = _NO_TABLES
) -> Value | None:
    """A checked form's typed value, numbers scaled, a condition's its truth; None = unknown.

    Raises UnsupportedNode, NumberOverflow.
    """
    refuse(form, EVALUATOR, setting)
    scope = PersonScope(person, setting, tables)
    return value(form, scope) if isinstance(form, Expression) else truth(form, scope)


def groups_of(
    grouped: Grouped, person: Person, setting: Setting, tables: ReferenceRows = _NO_TABLES
) -> tuple[Group, ...]:
    """The groups of a checked grouped aggregate, in order of the key. Raises UnsupportedNode, NumberOverflow."""
    refuse(grouped, EVALUATOR, setting)
    return PersonScope(person, setting, tables).groups(grouped)


class PersonScope:
    """Names read from one person. An aggregate that stands in a rule several times is computed once."""

    def __init__(self, person: Person, setting: Setting, tables: ReferenceRows):
        self.setting = setting
        self._person = person
        self._tables = tables
        self._outcomes: dict[Aggregate, Outcome] = {}
        self._sequences: dict[Sequence, SequenceOutcome] = {}
        self._groups: dict[Grouped, tuple[Group, ...]] = {}

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Value | None:
        match leaf:
            case TagRef():
                return self._person.tags.get(leaf.name)
            case Feature():
                return self._person.features.get(leaf.form)
            case Aggregate():
                return self.outcome(leaf).value
            case Property():
                raise TypeError(f"{'.'.join(leaf.path)} is a property outside WHERE; evaluate a checked rule")

    def outcome(self, node: Aggregate) -> Outcome:
        if node not in self._outcomes:
            self._outcomes[node] = aggregate(node, self._person.events, self._tables, self.setting)
        return self._outcomes[node]

    def sequence(self, node: Sequence) -> SequenceOutcome:
        if node not in self._sequences:
            self._sequences[node] = sequence(node, self._person.events, self._tables, self.setting)
        return self._sequences[node]

    def groups(self, node: Grouped) -> tuple[Group, ...]:
        if node not in self._groups:
            self._groups[node] = groups(node, self._person.events, self._tables, self.setting)
        return self._groups[node]

    def at(self, as_of: dt.datetime) -> "PersonScope":
        """The same person at another moment."""
        return PersonScope(self._person, replace(self.setting, as_of=as_of), self._tables)

    def list_of(self, operand: Expression) -> ValueList | None:
        tag = self.setting.schema.tag(operand.name) if isinstance(operand, TagRef) else None
        return tag.values if tag else None

    def holds(self, condition: AnyLine | InSegment | Sequence) -> bool:
        match condition:
            case InSegment():
                return condition.name in self._person.segments
            case Sequence():
                return self.sequence(condition).whole is not None
            case AnyLine():
                raise TypeError("ANY(...) has no meaning outside WHERE; evaluate a checked rule")
