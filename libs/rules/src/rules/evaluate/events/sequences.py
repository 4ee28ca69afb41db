"""Sequences of everybody over columns of events: the events that any step names, in one order, then passes per step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.chains import ChainRows, ends, key_codes
from rules.evaluate.setting import Setting
from rules.schema import EventType, KeyPart, key_parts
from rules.tree import EventFilter, Property
from rules.tree import Sequence as EventSequence
from rules.values import Kind
from rules.windows import TICK, length_of

from .columns import Bools, Column, EventTable, Ints, Numbers, tells_order
from .conditions import EVALUATOR
from .exact import run_flags
from .passes import MAX_FILTERS, Flagged, passes_of
from .rows import RowReader, RowScope


@dataclass(frozen=True)
class Tables:
    """How the events of a type are read."""

    setting: Setting
    type_: Callable[[str], EventType]
    reader: Callable[[EventType], RowReader]
    table: Callable[[EventType], EventTable]


@dataclass(frozen=True)
class _Part:
    """Rows of one type: an event, once for each of its keys.

    owners, times, seqs  of the event
    keys                 a column of known values per property of BY
    flags                by filter, which rows pass it
    """

    owners: Numbers
    times: Ints
    seqs: Ints
    keys: tuple[Column, ...]
    flags: dict[EventFilter, Bools]

    def of(self, persons: Bools) -> "_Part":
        """The rows of these persons."""
        kept = np.flatnonzero(persons[self.owners])
        if len(kept) == len(self.owners):
            return self
        keys = tuple(each.take(kept) for each in self.keys)
        flags = {each: passed[kept] for each, passed in self.flags.items()}
        return _Part(self.owners[kept], self.times[kept], self.seqs[kept], keys, flags)


def matching(node: EventSequence, tables: Tables, count: int) -> Bools:
    """Of whom of `count` persons the sequence is true. Raises NumberOverflow, UnsupportedNode."""
    filters = dict.fromkeys(each for step in node.steps for each in (step.match, *step.without))
    names = list(dict.fromkeys(each.event for each in filters))
    passed = _passed_over(node, list(filters), names, tables, count)
    if passed is not None:
        return passed
    parts = [
        _part(node, name, [each for each in filters if each.event == name], names, tables) for name in names
    ]
    may_match = np.logical_and.reduce([_having(step.match, parts, count) for step in node.steps])
    parts = [each.of(may_match) for each in parts]
    owners = np.concatenate([each.owners for each in parts])
    found = np.zeros(count, np.bool_)
    if not len(owners):
        return found
    times = np.concatenate([each.times for each in parts])
    codes = _codes(node, parts)
    order = None
    if len(parts) > 1 or node.by:
        order = np.lexsort((np.concatenate([each.seqs for each in parts]), times, codes, owners))
        owners, times, codes = owners[order], times[order], codes[order]

    def flags(each: EventFilter) -> Bools:
        said = [part.flags.get(each, np.zeros(len(part.owners), np.bool_)) for part in parts]
        joined = np.concatenate(said)
        return joined if order is None else joined[order]

    rows = ChainRows(
        run_flags(owners) | run_flags(codes),
        times,
        [flags(step.match) for step in node.steps],
        [
            np.logical_or.reduce([flags(each) for each in step.without]) if step.without else None
            for step in node.steps
        ],
    )
    found[owners[ends(rows, None if node.within is None else length_of(node.within) // TICK)]] = True
    return found


def _passed_over(
    node: EventSequence, filters: Sequence[EventFilter], names: Sequence[str], tables: Tables, count: int
) -> Bools | None:
    """Of whom the sequence is true; None when nobody passes over the tables, or it is not for those who do."""
    types = [tables.type_(name) for name in names]
    passes = passes_of(tables.table(types[0]))
    if passes is None or node.by or len(filters) > MAX_FILTERS:
        return None
    bits = {each: 1 << place for place, each in enumerate(filters)}
    try:
        parts = [_flagged(node, type_, bits, tables, len(names) == 1) for type_ in types]
    except NumberOverflow:  # of an event outside the window, perhaps
        return None
    within = None if node.within is None else length_of(node.within) // TICK
    matches = [bits[step.match] for step in node.steps]
    forbidden = [sum(bits[each] for each in set(step.without)) for step in node.steps]
    return passes.chained(parts, matches, forbidden, within, count)


def _flagged(
    node: EventSequence, type_: EventType, bits: Mapping[EventFilter, int], tables: Tables, alone: bool
) -> Flagged:
    table, reader = tables.table(type_), tables.reader(type_)
    flags = np.zeros(len(table.owners), np.uint16)
    for each, bit in bits.items():
        if each.event == type_.name:
            passing = reader.passing(each.where)
            flags |= np.uint16(bit) if passing is None else passing * np.uint16(bit)
    within = reader.within(node.window)
    if within is not None:
        flags *= within
    return Flagged(table.owners, table.times, table.times if alone else _ingest_seqs(table), flags)


def _having(each: EventFilter, parts: Sequence[_Part], count: int) -> Bools:
    """Who has an event that passes: others need not be looked at."""
    found = np.zeros(count, np.bool_)
    for part in parts:
        if each in part.flags:
            found[part.owners[part.flags[each]]] = True
    return found


def _part(
    node: EventSequence, name: str, filters: Sequence[EventFilter], names: Sequence[str], tables: Tables
) -> _Part:
    type_ = tables.type_(name)
    table, reader = tables.table(type_), tables.reader(type_)
    passing = {each: reader.rows(node.window, each.where).places for each in filters}
    taken = np.zeros(len(table.owners), np.bool_)
    for places in passing.values():
        taken[places] = True
    events = np.flatnonzero(taken)
    keys: dict[int, Column] = {}
    rows = np.arange(len(events))
    for part in key_parts(tables.setting.schema, type_, [each.path for each in node.by]):
        said, columns = _values(RowScope(tables.setting, type_, table), part, events)
        # A row for each row so far and each value that its event has; `said` is ascending.
        first = np.searchsorted(said, rows, side="left")
        many = np.searchsorted(said, rows, side="right") - first
        again = np.repeat(np.arange(len(rows)), many)
        which = np.arange(len(again)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
        rows = rows[again]
        keys = {place: each.take(again) for place, each in keys.items()}
        keys |= {place: each.take(which) for place, each in zip(part.places, columns, strict=True)}
    places = events[rows]
    flags = {}
    for each, passed in passing.items():
        flagged = np.zeros(len(table.owners), np.bool_)
        flagged[passed] = True
        flags[each] = flagged[places]
    seqs = _ingest_seqs(table)[places] if len(names) > 1 else places
    ordered = tuple(keys[place] for place in range(len(node.by)))
    return _Part(table.owners[places], table.times[places], seqs, ordered, flags)


def _ingest_seqs(table: EventTable) -> Ints:
    if not tells_order(table):
        raise UnsupportedNode("SEQUENCE over several types of events that do not tell their order", EVALUATOR)
    return table.ingest_seqs


def _values(scope: RowScope, part: KeyPart, events: Ints) -> tuple[Ints, list[Column]]:
    """Of chosen events, known values that are read together, each once per event: the places among those chosen,
    ascending, and the values."""
    if not part.walked:
        column = scope.read(Property(part.paths[0])).stretched(scope.size).take(events)
        known = np.flatnonzero(column.known)
        return known, [column.take(known)]
    lines = scope.of_lines(part.walked)
    assert lines.places is not None
    columns = [lines.read(Property(path)).stretched(lines.size) for path in part.paths]
    places = np.searchsorted(events, lines.places)
    chosen = np.logical_and.reduce([each.known for each in columns])
    if len(events):
        chosen &= events[np.minimum(places, len(events) - 1)] == lines.places
    kept = np.flatnonzero(chosen) if len(events) else np.zeros(0, np.int64)
    said = np.stack([places[kept], *(each.data[kept].astype(np.int64) for each in columns)], axis=1)
    _, first = np.unique(said, axis=0, return_index=True)
    return places[kept][first], [each.take(kept[first]) for each in columns]


def _codes(node: EventSequence, parts: Sequence[_Part]) -> Ints:
    """A number per row, equal where the keys are."""
    if not node.by:
        return np.zeros(sum(len(each.owners) for each in parts), np.int64)
    return key_codes([_joined([part.keys[place] for part in parts]) for place in range(len(node.by))])


def _joined(columns: Sequence[Column]) -> Numbers:
    """Values of one kind as numbers, equal where they are."""
    if columns[0].kind is not Kind.TEXT:
        return np.concatenate([each.data for each in columns])
    codes: dict[str, int] = {}
    said = []
    for column in columns:
        of_texts = np.array([codes.setdefault(text, len(codes)) for text in column.texts], np.int64)
        said.append(of_texts[column.data] if len(column.data) else np.zeros(0, np.int64))
    return np.concatenate(said)
