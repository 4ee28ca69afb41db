"""What a snapshot holds of the events, of everybody or of some: as relations of DuckDB or as columns."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rules.evaluate.events.columns import Column, Ints
from rules.schema import CARRIED_PROPERTIES, EventType, PropertyType
from rules.values import Kind
from tagging.domain.columns import microseconds
from tagging.domain.retention import BEGINNING_US, EventHorizon
from tagging.store.event_chunks import FIXED, ArrowChunk, EventChunk
from tagging.store.event_columns import NOBODY, Counting, Slots, SnapshotEvents
from tagging.store.extra_columns import expression
from tagging.store.kernel_ports import EventKernels
from tagging.store.mapped_columns import MappedBuild
from tagging.store.ports import LivingPersons, PersonIds
from tagging.store.recent_events import RecentEvents
from tagging.store.span_rows import SpanRows

LOADED_EVENTS = 2_000_000
"""Up to so many events are read into DuckDB once; beyond, every scan reads the files."""


@dataclass
class Look:
    """What a look into files told, which never change: events by type, None before the look; and which columns those
    have that a build does not cover, by the name of the build."""

    paths: frozenset[str]
    counts: Mapping[str, int] | None = None
    columns: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldFiles:
    """Files that a snapshot's manifest names: where to read each, how many events they hold, columns built of some."""

    paths: Mapping[str, str]
    event_count: int
    build: MappedBuild | None
    look: Look


@dataclass(frozen=True)
class HeldFacts:
    """What of a snapshot is alike for everybody and for some.

    declared    by event type, what the tenant declares beside the suite's dictionary
    recent      what is in no file
    references  by table, a row per version
    replaced    sequences that count no longer
    owners      by key the person, 0 for none
    kernels     what goes over many events
    """

    types: Sequence[EventType]
    declared: Mapping[str, Mapping[str, PropertyType]]
    files: HeldFiles
    recent: RecentEvents
    references: Mapping[str, pa.Table]
    replaced: Ints
    horizon: EventHorizon
    owners: PersonIds
    kernels: EventKernels | None = None


class AttachedLake:
    """The events of persons, as relations or as columns; either is made when first asked for."""

    def __init__(
        self, duck: Any, facts: HeldFacts, persons: LivingPersons, slots: Slots | None = None
    ) -> None:
        """`slots`: of the persons when they are not all there are: rows of others are not looked at."""
        self._duck = duck
        self._facts = facts
        self.persons = persons
        self._types = facts.types
        self._declared = facts.declared
        files = facts.files
        self._look = files.look
        self._recent = facts.recent
        self._replaced = facts.replaced
        self._horizon = facts.horizon
        self._slots = Slots.between(facts.owners, persons.ids) if slots is None else slots
        self._keys = None if slots is None else np.flatnonzero(slots.of_keys != NOBODY)
        self._is_related = False
        self._named = frozenset(files.paths)
        self._build = files.build
        covered = frozenset(files.build.paths) if files.build else frozenset()
        self._files = _relation(list(files.paths.values()))
        self._uncovered = _relation([place for path, place in files.paths.items() if path not in covered])
        self._sizes: dict[str, int] = {}
        columns = {"person_id": persons.ids, "state": persons.states, "birth_hash": persons.birth_hashes}
        duck.register("persons", pa.table(columns))
        for name, rows in facts.references.items():
            duck.register(f"reference_{name}", rows)

    def relate(self) -> None:
        """Makes the relations events_<type>."""
        if not self._is_related and self._types:
            owners = self._facts.owners
            keys = np.flatnonzero(owners) if self._keys is None else self._keys
            table = pa.table({"key_id": keys.astype(np.int64), "person_id": owners[keys]})
            self._duck.register("lake_key_map", table)
            self._duck.register("lake_recent", self._recent.table)
            self._relate()
        self._is_related = True

    def columns(self) -> SnapshotEvents:
        """The events as columns."""
        return SnapshotEvents(
            self._chunks,
            self._slots,
            lambda type_: Counting(self._replaced, self._horizon.of(type_.name)),
            self._sizes,
            self._facts.kernels,
        )

    def among(self, duck: Any, person_ids: PersonIds) -> "AttachedLake":
        """As the port says."""
        places = np.searchsorted(self.persons.ids, person_ids)
        here = places < len(self.persons.ids)
        here[here] = self.persons.ids[places[here]] == person_ids[here]
        chosen = places[here]
        persons = LivingPersons(
            self.persons.ids[chosen], self.persons.states[chosen], self.persons.birth_hashes[chosen]
        )
        return AttachedLake(duck, self._facts, persons, self._slots.among(chosen))

    def latest(self, event_types: Collection[str], as_of: dt.datetime) -> Column:
        """As the port says. Types that expire alike share a scan."""
        by_horizon: dict[int, list[str]] = {}
        for name in sorted(event_types):
            by_horizon.setdefault(self._horizon.of(name), []).append(name)
        latest = np.full(self._slots.persons, BEGINNING_US, np.int64)
        for from_us, names in by_horizon.items():
            for chunk in self._read(names):
                owners = self._slots.of(chunk.keys)
                counts = (owners != NOBODY) & (chunk.times >= from_us) & (chunk.times <= microseconds(as_of))
                if len(self._replaced):
                    counts &= ~np.isin(chunk.sequences, self._replaced)
                np.maximum.at(latest, owners[counts], chunk.times[counts])
        known = latest > BEGINNING_US
        return Column(Kind.DATETIME, known, np.where(known, latest, 0))

    def persons_within(
        self, event_types: Collection[str], spans: Sequence[Collection[tuple[int, int]]]
    ) -> list[PersonIds]:
        """As the port says."""
        found = [np.zeros(self._slots.persons, np.bool_) for _ in spans]
        asked = SpanRows(spans)
        for chunk in self._read(sorted(event_types)) if event_types else ():
            for numbers, rows in asked.of(chunk.times):
                owners = self._slots.of(chunk.keys[rows])
                owners = owners[owners != NOBODY]
                for number in numbers:
                    found[number][owners] = True
            chunk.release()
        return [self.persons.ids[active] for active in found]

    def counts(self) -> dict[str, int]:
        """As the port says."""
        if self._keys is not None and not self._is_related:
            return self._sizes
        found = Counter(self._recent.counts())
        if self._files and self._look.counts is None:
            rows = self._duck.sql(f"SELECT type, count(*) FROM {self._files} GROUP BY type").fetchall()  # noqa: S608  # names of our own
            self._look.counts = dict(rows)
        found.update(self._look.counts or {})
        return found

    def _chunks(self, type_: EventType) -> list[EventChunk]:
        return self._read([type_.name], self._declared.get(type_.name, {}))

    def _read(self, names: Sequence[str], declared: Collection[str] = ()) -> list[EventChunk]:
        """The events of these types: what is mapped, what is in other files, what is in none. `declared` are no columns
        of theirs."""
        names_of_columns = frozenset(self._recent.schema.names).difference(declared)
        chunks: list[EventChunk] = []
        if self._build is not None:
            mapped = [self._build.chunk(each, self._named, self._keys) for each in names]
            chunks += [each for each in mapped if each is not None]
        if self._uncovered:
            chunks.append(ArrowChunk(partial(self._read_files, names), names_of_columns))
        if self._recent.count(names) or not chunks:
            chunks.append(ArrowChunk(partial(self._recent.rows, names), names_of_columns))
        return chunks

    def _read_files(self, types: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """Columns of the events in files that are not mapped."""
        asked = {each.name for each in self._types}
        many = self._facts.files.event_count > LOADED_EVENTS
        if tuple(columns) != FIXED or len(asked) < 2 or many or not asked.issuperset(types):
            return self._scanned(types, columns)
        return self._fixed.filter(pc.is_in(self._fixed["type"], pa.array(types, pa.string()))).select(columns)

    @cached_property
    def _fixed(self) -> pa.Table:
        """What each event has, of all types that were asked for: opening many small files is what a scan costs."""
        return self._scanned([each.name for each in self._types], ("type", *FIXED))

    def _scanned(self, types: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """In one order whatever is asked for: columns of several scans stand beside each other."""
        build = self._build.name if self._build is not None else ""
        if build not in self._look.columns:
            rows = self._duck.sql(f"DESCRIBE SELECT * FROM {self._uncovered}").fetchall()  # noqa: S608  # names of our own
            self._look.columns[build] = frozenset(row[0] for row in rows)
        present = self._look.columns[build]
        listed = ", ".join(
            _quoted(each) if each in present else f"NULL AS {_quoted(each)}" for each in columns
        )
        chosen = ", ".join(map(_text, types))
        found = self._duck.sql(
            f"SELECT {listed} FROM {self._uncovered} WHERE type IN ({chosen}) ORDER BY ingest_sequence"  # noqa: S608  # names of our own
        ).to_arrow_table()
        return found.cast(pa.schema([self._recent.schema.field(each) for each in columns]))

    def _relate(self) -> None:
        duck, types = self._duck, self._types
        loaded = self._facts.files.event_count <= LOADED_EVENTS
        needed = {
            each.name
            for event in types
            for each in (*CARRIED_PROPERTIES, *event.properties)
            if each.name not in self._declared.get(event.name, {})
        }
        if any(event.name in self._declared for event in types):
            needed.add("extra")
        columns = ", ".join(
            ["ingest_sequence", "type", "time", "anchor_key_id", *map(_quoted, sorted(needed))]
        )
        names = ", ".join(_text(event.name) for event in types)
        parts = [f"SELECT {columns} FROM lake_recent WHERE type IN ({names})"]  # noqa: S608  # dictionary names
        if self._files:
            duck.execute(
                "CREATE TEMP VIEW lake_files AS "  # noqa: S608  # paths and names of our own
                f"SELECT * FROM lake_recent WHERE false UNION ALL BY NAME SELECT * FROM {self._files}"
            )
            parts.append(f"SELECT {columns} FROM lake_files WHERE type IN ({names}){self._counted()}")  # noqa: S608  # names of our own
        duck.execute(
            f"CREATE TEMP {'TABLE' if loaded else 'VIEW'} lake_events AS "  # noqa: S608  # names of our own
            f"SELECT k.person_id, e.* FROM ({' UNION ALL '.join(parts)}) e "
            "JOIN lake_key_map k ON k.key_id = e.anchor_key_id"
        )
        for event in types:
            from_us = self._horizon.of(event.name)
            counts = f" AND time >= make_timestamptz({from_us})" if from_us > BEGINNING_US else ""
            own = {each.name: each for each in (*CARRIED_PROPERTIES, *event.properties)}
            in_extra = self._declared.get(event.name, {})
            listed = ", ".join(
                f"{expression(each)} AS {_quoted(name)}" if name in in_extra else _quoted(name)
                for name, each in own.items()
            )
            duck.execute(
                f"CREATE TEMP VIEW {_quoted(f'events_{event.name}')} AS "  # noqa: S608  # names of our own
                f"SELECT person_id, time, ingest_sequence AS ingest_seq, {listed} "
                f"FROM lake_events WHERE type = {_text(event.name)}{counts}"
            )

    def _counted(self) -> str:
        """A condition that leaves out what files hold under a number that counts no longer."""
        if not len(self._replaced):
            return ""
        self._duck.register(
            "lake_replaced", pa.table({"ingest_sequence": pa.array(self._replaced, pa.int64())})
        )
        return " AND ingest_sequence NOT IN (SELECT ingest_sequence FROM lake_replaced)"


def _relation(paths: Sequence[str]) -> str:
    """Files as a relation; "" for none."""
    if not paths:
        return ""
    return f"read_parquet([{', '.join(map(_text, paths))}], union_by_name = true, hive_partitioning = false)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
