"""The events that a question about behaviour goes over, as tracks of the persons asked about."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
from pyroaring import BitMap
from rules.errors import Problem, UnsupportedNode
from rules.evaluate.events import OrderedEvents, tells_order
from rules.evaluate.events.columns import Bools, Ints, Numbers
from rules.evaluate.events.rows import RowReader
from rules.evaluate.setting import Setting
from rules.schema import Schema
from rules.tree import NOWHERE, Aggregate, AllTime, Condition, EventFilter, Function, Or
from rules.windows import CalendarSettings
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.behaviour.joined_filters import JoinedFilters
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.explain import require_events
from tagging.app.snapshot import open_duck
from tagging.domain.behaviour.tracks import Track
from tagging.domain.columns import within
from tagging.domain.compilation import RuleInvalid, checked_form
from tagging.domain.definition import Grade
from tagging.domain.event_grades import EventRelease
from tagging.domain.tenants import Tenant
from tagging.errors import RuleInvalid as RuleRefused
from tagging.store.ports import FactStores, HeldEvents, LakeRelations

FEW = 4
"""Of fewer persons than one in so many, events are looked for person by person instead of all being read."""
_PREFIX = "COUNT("


class GivenUp(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Filter:
    """An event type with its WHERE, as `field` says it; events that pass have the bit `flag`."""

    field: str
    text: str
    flag: int


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asks for what. `persons`: ids, living or not. `whole`: all events of the types are wanted, not only those
    that pass a filter. `stops`: whether to give up."""

    tenant: str
    filters: Sequence[Filter]
    as_of: dt.datetime | None
    grades: Collection[Grade]
    persons: BitMap
    whole: bool
    stops: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Histories:
    """What was read. `persons`: the ids by slot; `asked`: the ids of the living who are asked about; `counted`: which
    of the persons those are, without who objects to profiling; `types`: of the tracks. Events up to `as_of`.
    `purposes`: what sensitive ones are kept for, in order."""

    persons: Ints
    asked: BitMap
    counted: Bools
    types: tuple[str, ...]
    tracks: list[Track]
    as_of: dt.datetime
    calendar: CalendarSettings
    revision: Revision
    warnings: tuple[str, ...]
    purposes: tuple[str, ...]

    @property
    def event_count(self) -> int:
        return sum(len(each.owners) for each in self.tracks)

    def slots_of(self, persons: BitMap) -> Ints:
        """Of those who are counted."""
        return np.flatnonzero(within(self.persons, _ids(persons & self.asked)) & self.counted)


@dataclass(frozen=True)
class _Taken:
    plan: ColumnPlan
    filters: tuple[EventFilter, ...]
    warnings: tuple[str, ...]
    purposes: tuple[str, ...]
    calendar: CalendarSettings
    revision: Revision
    held: HeldEvents
    objecting: Ints


class ReadHistories:
    """Reads events of one snapshot of the facts."""

    def __init__(
        self,
        database: Database,
        facts: FactStores,
        lake: LakeRelations,
        columns: ColumnsInForce,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._facts = facts
        self._lake = lake
        self._columns = columns
        self._changelog = changelog
        self._clock = clock

    def __call__(self, wish: Wish) -> Histories:
        """Blocks. Raises RuleInvalid, RightMissing for a type or property whose grade the caller may not read, and
        GivenUp."""
        duck = open_duck()
        try:
            taken = self._database.read_now(self._take, duck, wish)
            as_of = wish.as_of if wish.as_of is not None else self._clock.now()
            held = taken.held
            # A set of all ids there can be is small: whoever does not live goes before anybody is listed.
            asked = wish.persons & BitMap(held.persons.ids.astype(np.uint32))
            if len(asked) * FEW < len(held.persons.ids):
                part = open_duck()
                try:
                    return _read(taken, held.among(part, _ids(asked)), asked, part, wish, as_of)
                finally:
                    part.close()
            return _read(taken, held, asked, duck, wish, as_of)
        finally:
            duck.close()

    def require(self, tenant: str, filters: Sequence[Filter], grades: Collection[Grade]) -> None:
        """Before it is known of whom: raises RuleInvalid and RightMissing as reading would. Blocks."""
        self._database.read_now(self._named, tenant, filters, grades)

    def _named(
        self, connection: Connection, tenant: str, filters: Sequence[Filter], grades: Collection[Grade]
    ) -> tuple[ColumnPlan, list[EventFilter], list[str], EventRelease]:
        """What the filters say, what is to be said of them, and what may be read."""
        plan = self._columns.of(connection, tenant)
        schema = self._columns.schema(connection, tenant)
        found, warnings = [], []
        for each in filters:
            read, told = read_filter(each.field, each.text, schema)
            found.append(read)
            warnings += told
        return plan, found, warnings, require_events(plan, found, grades)

    def _take(self, connection: Connection, duck: Any, wish: Wish) -> _Taken:
        plan, filters, warnings, release = self._named(connection, wish.tenant, wish.filters, wish.grades)
        state = self._facts.tenants.get(connection, wish.tenant) or Tenant(wish.tenant, dt.date(1970, 1, 1))
        head = self._changelog.head(connection)
        return _Taken(
            plan,
            tuple(filters),
            tuple(dict.fromkeys(warnings)),
            release.purposes(filters),
            state.settings.calendar,
            Revision(self._changelog.service, head.epoch, head.position, head.position),
            self._lake.attach(connection, duck, wish.tenant, {each.event for each in filters}),
            self._facts.key_map.objecting(connection, wish.tenant),
        )


def read_filter(field: str, text: str, schema: Schema) -> tuple[EventFilter, list[str]]:
    """`order_paid WHERE amount >= 100`, and what is to be said of it. Raises RuleInvalid, places being those of the
    text."""
    try:
        checked = checked_form("", field, f"{_PREFIX}{text})", schema)
    except RuleInvalid as error:
        raise RuleRefused(tuple(_placed(field, each) for each in error.problems)) from error
    node = checked.form
    if (
        not isinstance(node, Aggregate)
        or node != Aggregate(Function.COUNT, node.event, where=node.where, window=AllTime())
        or checked.mentions.tags
    ):
        problem = "is no event type with its WHERE"
        hint = "write order_paid, or order_paid WHERE amount >= 100"
        raise RuleRefused((Problem(f"{field} {problem}", 1, 1, NOWHERE, hint),))
    return EventFilter(node.event, node.where), [f"{field}: {each.message}" for each in checked.warnings]


def _placed(field: str, problem: Problem) -> Problem:
    column = problem.column - len(_PREFIX) * (problem.line == 1)
    return Problem(f"{field}: {problem.message}", problem.line, max(column, 1), NOWHERE, problem.hint)


def _ids(persons: BitMap) -> Ints:
    """Ascending."""
    return np.asarray(persons.to_array(), np.uint32).astype(np.int64)


def _read(
    taken: _Taken, held: HeldEvents, asked: BitMap, duck: Any, wish: Wish, as_of: dt.datetime
) -> Histories:
    persons = held.persons.ids
    counted = within(persons, _ids(asked)) & ~within(persons, np.sort(taken.objecting))
    setting = Setting(taken.plan.schema, as_of, taken.calendar)
    source, joins = held.columns(), JoinedFilters(duck, held, taken.plan, setting)
    types = tuple(dict.fromkeys(each.event for each in taken.filters))
    tracks = []
    for name in types:
        if wish.stops():
            raise GivenUp
        type_ = taken.plan.dictionary.events[name]
        table = source.events(type_)
        assert tells_order(table)
        wanted: dict[int, tuple[str, Condition | None]] = {}
        for wish_for, each in zip(wish.filters, taken.filters, strict=True):
            if each.event == name:
                bit = 1 << wish_for.flag
                wanted[bit] = _either(wanted.get(bit), (wish_for.field, each.where))
        reader = RowReader(setting, type_, table)
        joined = partial(joins.sequences, type_)
        tracks.append(track_of(table, reader, wanted, counted, whole=wish.whole, joined=joined))
    return Histories(
        persons,
        asked,
        counted,
        types,
        tracks,
        as_of,
        taken.calendar,
        taken.revision,
        taken.warnings,
        taken.purposes,
    )


def track_of(
    table: OrderedEvents,
    reader: RowReader,
    wanted: Mapping[int, tuple[str, Condition | None]],
    counted: Bools,
    *,
    whole: bool,
    joined: Callable[[Condition], Ints] | None = None,
) -> Track:
    """The events of a type up to the moment, of those who are counted. `wanted`: by bit, which field asks for which of
    them. `whole`: also those that nothing asks for. `joined`: the ingest sequences of what satisfies a condition that
    columns do not answer. Raises RuleInvalid."""
    flags = np.zeros(len(table.owners), np.uint16)
    for bit, (field, where) in wanted.items():
        if where is None:
            flags |= np.uint16(bit)
        else:
            flags[_passing(table, reader, field, where, joined)] |= np.uint16(bit)
    conditions = [] if counted.all() else [counted[table.owners]]
    within = reader.within(AllTime())
    conditions += [] if within is None else [within]
    if not whole and all(where is not None for _, where in wanted.values()):
        conditions.append(flags > 0)
    if not conditions:
        return Track(table.owners, table.times, table.ingest_seqs, flags)
    places = np.flatnonzero(reduce(np.logical_and, conditions))
    return Track(table.owners[places], table.times[places], table.ingest_seqs[places], flags[places])


def _either(
    one: tuple[str, Condition | None] | None, other: tuple[str, Condition | None]
) -> tuple[str, Condition | None]:
    """What satisfies either, for filters that share a bit."""
    if one is None:
        return other
    (field, this), (_, that) = one, other
    return field, None if this is None or that is None else Or((this, that))


def _passing(
    table: OrderedEvents,
    reader: RowReader,
    field: str,
    where: Condition,
    joined: Callable[[Condition], Ints] | None,
) -> Numbers:
    try:
        return reader.rows(AllTime(), where).places
    except UnsupportedNode as error:
        refused = RuleRefused((Problem(f"{field}: {error}", 1, 1, NOWHERE),))
        if joined is None:
            raise refused from error
    try:
        return np.flatnonzero(np.isin(table.ingest_seqs, joined(where)))
    except UnsupportedNode as error:
        raise refused from error
