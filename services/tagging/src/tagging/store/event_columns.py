"""Events as columns in order of person and time: what the evaluator over columns reads.

Columns stand by key, persons are the fold over their keys: rows get the slots of their keys' persons, and only rows of
persons with several keys, or in several chunks, are sorted anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rules.errors import UnsupportedNode
from rules.evaluate.events import Column, EventTable, Lines
from rules.evaluate.events.columns import Bools, Ints, Numbers, Ranks
from rules.schema import EventType
from rules.values import Kind
from tagging.store.event_chunks import EventChunk
from tagging.store.kernel_ports import EventKernels

TABLES_BYTES = 1_536 * 1024**2
"""Columns of events kept in memory for questions to come; those of the table at hand are kept whatever they weigh."""
NOBODY = -1


@dataclass(frozen=True)
class Slots:
    """Where persons stand. `of_keys`: by key, NOBODY for keys without a living person; `persons`: how many."""

    of_keys: Numbers
    persons: int

    @staticmethod
    def between(owners: Ints, persons: Ints) -> "Slots":
        """owners: by key the person, 0 for none; persons: ascending."""
        highest = int(max(persons[-1] if len(persons) else 0, owners.max() if len(owners) else 0))
        of_persons = np.full(highest + 1, NOBODY, np.int32)
        of_persons[persons] = np.arange(len(persons), dtype=np.int32)
        if len(of_persons):
            of_persons[0] = NOBODY
        return Slots(of_persons[owners], len(persons))

    def among(self, chosen: Ints) -> "Slots":
        """Of the persons in these slots alone, ascending, who stand in their order."""
        places = np.full(self.persons + 1, NOBODY, np.int32)
        places[chosen] = np.arange(len(chosen), dtype=np.int32)
        return Slots(places[self.of_keys], len(chosen))  # NOBODY is the last place

    def of(self, keys: Ints) -> Numbers:
        """The slot of each key's person; NOBODY for keys that the map does not know."""
        if not len(keys) or not len(self.of_keys):
            return np.full(len(keys), NOBODY, np.int32)
        if int(keys.max()) < len(self.of_keys):
            found: Numbers = self.of_keys[keys]
            return found
        known = keys < len(self.of_keys)
        return np.where(known, self.of_keys[np.where(known, keys, 0)], NOBODY).astype(np.int32)


@dataclass(frozen=True)
class Counting:
    """Which events count: not the sequences `replaced`, which stand under higher ones, nor any before `from_us`."""

    replaced: Ints
    from_us: int


class ColumnEvents:
    """An EventTable over chunks. Columns are read when asked for and kept."""

    def __init__(
        self,
        type_: EventType,
        chunks: Sequence[EventChunk],
        slots: Slots,
        counting: Counting,
        kernels: EventKernels | None = None,
    ) -> None:
        self._type = type_
        self._chunks = chunks
        owners = joined_arrays([slots.of(each.keys) for each in chunks])
        times = joined_arrays([each.times for each in chunks])
        sequences = [each.sequences for each in chunks]
        counts = owners != NOBODY
        if counting.from_us > int(times.min(initial=0)):
            counts &= times >= counting.from_us
        if len(counting.replaced):
            counts &= ~np.isin(joined_arrays(sequences), counting.replaced)
        over = kernels.over(len(owners)) if kernels is not None else None
        self.passes = over.passes if over is not None else None
        if over is None:
            self._order = _order(owners, times, lambda: joined_arrays(sequences), counts)
        else:
            self._order = over.order(owners, times, lambda: joined_arrays(sequences), counts, slots.persons)
        self.owners: Numbers = owners if self._order is None else owners[self._order]
        self.times: Ints = times if self._order is None else times[self._order]
        self._release_copied()
        self._columns: dict[str, Column] = {}
        self._lines: dict[str, Lines] = {}

    def ranks(self) -> Ranks:
        """As RankedEvents says; kept."""
        return self._ranks

    @cached_property
    def _ranks(self) -> Ranks:
        return Ranks.of(self.owners)

    @cached_property
    def ingest_seqs(self) -> Ints:
        """As OrderedEvents says; put together when asked for, for few questions go over several types, and kept."""
        found = joined_arrays([each.sequences for each in self._chunks])
        return found if self._order is None else found[self._order]

    @property
    def size_bytes(self) -> int:
        """What is kept in memory."""
        kept = [self.owners, self.times, *(each.data for each in self._columns.values())]
        kept += [each.places for each in self._lines.values()]
        kept += [] if self._order is None else [self._order]
        kept += [self.__dict__["ingest_seqs"]] if "ingest_seqs" in self.__dict__ else []
        kept += [self._ranks.people, self._ranks.of_rows] if "_ranks" in self.__dict__ else []
        return sum(each.nbytes for each in kept) + sum(len(each.known) for each in self._columns.values())

    def column(self, name: str) -> Column:
        """As EventTable says."""
        if name not in self._columns:
            property_ = self._type.property(name)
            if property_ is None or property_.type.kind in (Kind.LIST, Kind.RECORDS):
                raise UnsupportedNode(f"the property {name}", "events")
            read = joined([each.column(property_) for each in self._chunks])
            self._columns[name] = read if self._order is None else read.take(self._order)
            self._release_copied()
        return self._columns[name]

    def lines(self, name: str) -> Lines:
        """As EventTable says."""
        if name not in self._lines:
            property_ = self._type.property(name)
            assert property_ is not None
            lists = [each.lines(property_) for each in self._chunks]
            counts = np.concatenate([each.counts for each in lists])
            places, order = lines_in_order(counts, self._order)
            known: dict[str, Column] = {}

            def field(field_name: str) -> Column:
                if field_name not in known:
                    read = joined([each.fields(field_name) for each in lists])
                    known[field_name] = read if order is None else read.take(order)
                    self._release_copied()
                return known[field_name]

            self._lines[name] = Lines(places, field)
        return self._lines[name]

    def release(self) -> None:
        """The table is let go."""
        for each in self._chunks:
            each.release()

    def _release_copied(self) -> None:
        """What stands in order is a copy; without an order it is what was read itself."""
        if self._order is not None:
            self.release()


class SnapshotEvents:
    """Everybody's events of one snapshot, as the evaluator reads them, and tags that were computed or stored."""

    def __init__(
        self,
        chunks: Callable[[EventType], Sequence[EventChunk]],
        slots: Slots,
        counting: Callable[[EventType], Counting],
        sizes: dict[str, int],
        kernels: EventKernels | None = None,
    ) -> None:
        """`sizes`: takes down how many events the tables that are asked for have, by type."""
        self._kernels = kernels
        self._chunks = chunks
        self._slots = slots
        self._counting = counting
        self._tables: OrderedDict[str, ColumnEvents] = OrderedDict()
        self._sizes = sizes
        self.tags: dict[str, Column] = {}

    @property
    def persons(self) -> int:
        """How many slots there are."""
        return self._slots.persons

    def events(self, type_: EventType) -> EventTable:
        """The table of a type; those asked for longest ago are let go first."""
        found = self._tables.pop(type_.name, None)
        if found is None:
            found = ColumnEvents(
                type_, self._chunks(type_), self._slots, self._counting(type_), self._kernels
            )
        self._tables[type_.name] = found
        self._sizes[type_.name] = len(found.owners)
        while len(self._tables) > 1 and sum(each.size_bytes for each in self._tables.values()) > TABLES_BYTES:
            _, gone = self._tables.popitem(last=False)
            gone.release()
        return found

    def tag(self, name: str) -> Column:
        """A scalar tag that is no text."""
        if name not in self.tags:
            raise UnsupportedNode(f"the tag {name}", "events")
        return self.tags[name]


def joined_arrays(arrays: Sequence[Numbers]) -> Numbers:
    """One after the other; a single one as it is."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def joined(columns: Sequence[Column]) -> Column:
    """One after the other; texts under one numbering."""
    if len(columns) == 1:
        return columns[0]
    texts: dict[str, int] = {}
    data = []
    for each in columns:
        if each.kind is Kind.TEXT:
            codes = np.array([texts.setdefault(text, len(texts)) for text in each.texts], np.int32)
            data.append(codes[each.data] if len(codes) else np.zeros(len(each.data), np.int32))
        else:
            data.append(each.data)
    return Column(
        columns[0].kind, np.concatenate([each.known for each in columns]), np.concatenate(data), list(texts)
    )


def _order(owners: Numbers, times: Ints, sequences: Callable[[], Ints], counts: Bools) -> Ints | None:
    """The rows that count by person, time and sequence; None when they stand so already."""
    order: Ints | None = None
    if not counts.all():
        order = np.flatnonzero(counts)
        owners, times = owners[order], times[order]
    if bool(np.any(owners[1:] < owners[:-1])):
        by_owner = np.argsort(owners, kind="stable")
        order = by_owner if order is None else order[by_owner]
        owners, times = owners[by_owner], times[by_owner]
    same = owners[1:] == owners[:-1]
    wrong = same & (times[1:] <= times[:-1])
    if not wrong.any():
        return order
    ranks = sequences()
    ranks = ranks if order is None else ranks[order]
    wrong = same & ((times[1:] < times[:-1]) | ((times[1:] == times[:-1]) & (ranks[1:] < ranks[:-1])))
    if not wrong.any():
        return order
    unordered = np.zeros(int(owners[-1]) + 1, np.bool_)
    unordered[owners[1:][wrong]] = True
    places = np.flatnonzero(unordered[owners])
    sorted_places = places[np.lexsort((ranks[places], times[places], owners[places]))]
    order = np.arange(len(owners)) if order is None else order
    order[places] = order[sorted_places]
    return order


def lines_in_order(counts: Ints, order: Ints | None) -> tuple[Numbers, Ints | None]:
    """Of lines by event: the row of each line's event, and where each line stands, when rows are in order."""
    if order is None:
        return np.repeat(np.arange(len(counts)), counts), None
    starts = np.cumsum(counts) - counts
    lengths = counts[order]
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    offsets = np.arange(total) - np.repeat(ends - lengths, lengths)
    return np.repeat(np.arange(len(order)), lengths), np.repeat(starts[order], lengths) + offsets
