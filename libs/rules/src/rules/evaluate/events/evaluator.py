"""Forms asked of everybody: aggregates over columns of events, and what stands above them."""

from dataclasses import dataclass
from typing import Protocol

from rules.errors import UnsupportedNode
from rules.evaluate.refusal import refuse
from rules.evaluate.setting import Setting
from rules.schema import EventType, ValueList
from rules.tree import (
    Aggregate,
    AnyLine,
    Condition,
    Expression,
    Feature,
    Grouped,
    InSegment,
    Property,
    Sequence,
    TagRef,
)

from .active import Active, types_read
from .aggregates import aggregated
from .columns import Bools, Column, EventTable
from .conditions import EVALUATOR, truth, value
from .grouped import GroupRows, grouped
from .rows import RowReader
from .sequences import Tables, matching


class EventSource(Protocol):
    """Everybody's events, and tags that are at hand. Persons stand in slots from 0."""

    @property
    def persons(self) -> int:
        """How many slots there are."""
        ...

    def events(self, type_: EventType) -> EventTable: ...

    def tag(self, name: str) -> Column:
        """A slot per person. Raises UnsupportedNode when it is not at hand as a column of scalars."""
        ...


class Events:
    """Everybody at one moment. Not for concurrent use.

    Methods raise UnsupportedNode for what is not evaluated here (joins with tables, lists of scalars), and
    NumberOverflow when any person's number does not fit.
    """

    def __init__(self, source: EventSource, setting: Setting) -> None:
        self._source = source
        self.setting = setting
        self._readers: dict[str, RowReader] = {}
        self._aggregates: dict[Aggregate, Column] = {}
        self._sequences: dict[Sequence, Bools] = {}
        self._actives: dict[frozenset[str], _Asked] = {}

    @property
    def size(self) -> int:
        """How many persons."""
        return self._source.persons

    def values(self, expression: Expression) -> Column:
        """Each person's value."""
        refuse(expression, EVALUATOR, self.setting)
        active = self._active(expression)
        if active is None:
            return value(expression, self).stretched(self.size)
        return active.people.spread(value(expression, active.events).stretched(active.events.size))

    def truths(self, condition: Condition) -> Bools:
        """Of whom the condition holds."""
        refuse(condition, EVALUATOR, self.setting)
        active = self._active(condition)
        if active is None:
            return truth(condition, self)
        return active.people.spread_truths(truth(condition, active.events))

    def groups(self, node: Grouped) -> GroupRows:
        """Everybody's groups."""
        refuse(node, EVALUATOR, self.setting)
        type_ = self._type(node.aggregate.event)
        return grouped(node, type_, self._reader(type_), self._source.events(type_), self.setting)

    def forget(self) -> None:
        """Lets go of what was computed for questions so far."""
        self._readers.clear()
        self._aggregates.clear()
        self._sequences.clear()
        self._actives.clear()

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Column:
        """What stands in a form for one person's value, of everybody."""
        match leaf:
            case Aggregate():
                if leaf not in self._aggregates:
                    self._aggregates[leaf] = self._aggregated(leaf)
                return self._aggregates[leaf]
            case TagRef():
                return self._source.tag(leaf.name)
            case Feature():
                raise UnsupportedNode("a feature's column", EVALUATOR)
        raise TypeError(f"{'.'.join(leaf.path)} is a property outside WHERE; evaluate a checked rule")

    def list_of(self, operand: Expression) -> ValueList | None:
        """The list of values that a tag is of."""
        tag = self.setting.schema.tag(operand.name) if isinstance(operand, TagRef) else None
        return tag.values if tag else None

    def holds(self, condition: AnyLine | InSegment | Sequence) -> Bools:
        """Of whom a sequence is true. Never of the others: lines are in WHERE, and segments are sets of their own."""
        if not isinstance(condition, Sequence):
            raise UnsupportedNode(type(condition).__name__, EVALUATOR)
        if condition not in self._sequences:
            tables = Tables(self.setting, self._type, self._reader, self._source.events)
            self._sequences[condition] = matching(condition, tables, self.size)
        return self._sequences[condition]

    def _active(self, form: Expression | Condition) -> "_Asked | None":
        """Those who are asked for a form that nothing but events decides; None for any other."""
        types = types_read(form, self.setting)
        if types is None:
            return None
        if types not in self._actives:
            active = Active(self._source.events, [self._type(each) for each in sorted(types)], self.size)
            self._actives[types] = _Asked(active, Events(active, self.setting))
        return self._actives[types]

    def _aggregated(self, node: Aggregate) -> Column:
        type_ = self._type(node.event)
        return aggregated(node, type_, self._reader, self._source.events, self.setting, self.size)

    def _type(self, name: str) -> EventType:
        found = self.setting.schema.event(name)
        if found is None:
            raise LookupError(f"no event type '{name}'; evaluate a rule checked against this schema")
        return found

    def _reader(self, type_: EventType) -> RowReader:
        if type_.name not in self._readers:
            self._readers[type_.name] = RowReader(self.setting, type_, self._source.events(type_))
        return self._readers[type_.name]


@dataclass(frozen=True)
class _Asked:
    """Those who have events of some types, and what is computed of them."""

    people: Active
    events: Events
