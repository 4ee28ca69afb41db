"""Everybody, as far as a question about events can tell them apart: those who have such events, and all others as one.

Few of a population have events of a given type. Passes over persons then go over those few, and over one slot more for
whoever has none of them, if there is anybody.
"""

from collections.abc import Callable, Collection
from functools import reduce
from typing import Any

import numpy as np

from rules.errors import UnsupportedNode
from rules.evaluate.reversal import reversals
from rules.evaluate.setting import Setting
from rules.schema import EventType
from rules.tree import Aggregate, Condition, EventFilter, Expression, TagRef
from rules.walk import walk

from .columns import (
    Bools,
    Column,
    EventTable,
    Ints,
    Lines,
    Numbers,
    OrderedEvents,
    RankedEvents,
    Ranks,
    tells_order,
)
from .passes import Passes, passes_of


def types_read(form: Expression | Condition, setting: Setting) -> frozenset[str] | None:
    """The event types that alone decide a form's value; None when tags do, too, or nothing but sequences: nothing is
    calculated with those."""
    found = set()
    is_calculated = False
    for node in walk(form):
        match node:
            case TagRef():
                return None
            case Aggregate():
                is_calculated = True
                found |= {node.event, *(each.name for each, _ in reversed_by(node, setting))}
            case EventFilter():
                found.add(node.event)
    return frozenset(found) if is_calculated else None


def reversed_by(node: Aggregate, setting: Setting) -> list[tuple[EventType, Condition | None]]:
    """What NET subtracts."""
    return reversals(node, setting.schema) if node.net else []


class _ActiveTable:
    """An EventTable whose owners are numbered among the active."""

    def __init__(self, table: EventTable, owners: Numbers) -> None:
        self._table = table
        self.owners = owners
        self.times: Ints = table.times

    @property
    def passes(self) -> Passes | None:
        """As PassedTable says."""
        return passes_of(self._table)

    def column(self, name: str) -> Column:
        """As EventTable says."""
        return self._table.column(name)

    def lines(self, name: str) -> Lines:
        """As EventTable says."""
        return self._table.lines(name)


class _OrderedActiveTable(_ActiveTable):
    def __init__(self, table: OrderedEvents, owners: Numbers) -> None:
        super().__init__(table, owners)
        self._ordered = table

    @property
    def ingest_seqs(self) -> Ints:
        """As OrderedEvents says."""
        return self._ordered.ingest_seqs


class Active:
    """An EventSource of those who have events of some types, in slots of their own; one slot more is all others.

    people  the slots of the active in the source, ascending
    """

    def __init__(
        self, events: Callable[[EventType], EventTable], types: Collection[EventType], persons: int
    ) -> None:
        """`events`: the tables of a source of so many persons."""
        self._everybody = persons
        tables = {each.name: events(each) for each in types}
        ranks = {name: _ranks(each) for name, each in tables.items()}
        self.people: Numbers = reduce(np.union1d, [each.people for each in ranks.values()])
        self._tables = {name: self._numbered(each, ranks[name]) for name, each in tables.items()}

    @property
    def persons(self) -> int:
        """The active, and one for the others."""
        return min(len(self.people) + 1, self._everybody)

    def events(self, type_: EventType) -> EventTable:
        """Of one of the types."""
        return self._tables[type_.name]

    def tag(self, name: str) -> Column:
        """None is at hand: the last slot has no one value of it."""
        raise UnsupportedNode(f"the tag {name}", "events")

    def spread(self, column: Column) -> Column:
        """What was found of the active and the others, of everybody."""
        if self._are_all:
            return column
        known = np.full(self._everybody, column.known[-1])
        if not column.known.all():
            known[self.people] = column.known[:-1]
        data = _filled(self._everybody, column.data[-1], column.data.dtype)
        data[self.people] = column.data[:-1]
        return Column(column.kind, known, data, column.texts)

    def spread_truths(self, truths: Bools) -> Bools:
        """As spread."""
        if self._are_all:
            return truths
        found = _filled(self._everybody, truths[-1], np.bool_)
        found[self.people] = truths[:-1]
        return found

    @property
    def _are_all(self) -> bool:
        return len(self.people) == self._everybody

    def _numbered(self, table: EventTable, ranks: Ranks) -> EventTable:
        owners = ranks.of_rows
        if ranks.people is not self.people:
            owners = np.searchsorted(self.people, ranks.people).astype(np.int32)[owners]
        return _OrderedActiveTable(table, owners) if tells_order(table) else _ActiveTable(table, owners)


def _filled(size: int, value: Any, kind: Any) -> Numbers:
    """Zeros cost nothing until they are looked at."""
    return np.full(size, value, kind) if value else np.zeros(size, kind)


def _ranks(table: EventTable) -> Ranks:
    return table.ranks() if isinstance(table, RankedEvents) else Ranks.of(table.owners)
