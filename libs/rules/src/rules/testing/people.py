"""Random people over a catalogue, with the moments and zones at which calendars go wrong."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, cast

from hypothesis import strategies as st

from rules.calendars import mainland_china
from rules.check import Population
from rules.evaluate.meaning import Scalar, Value
from rules.evaluate.person import Event, Person, ReferenceRows, is_true
from rules.evaluate.row_history import ALWAYS, RowHistory
from rules.evaluate.selection import condition_within, is_sampled, kept
from rules.evaluate.setting import Setting
from rules.schema import Catalogue, EventType, PropertyType, ReferenceTable, ValueList
from rules.testing import words
from rules.testing.choosing import Chooser, Drawn, Seeded
from rules.tree import Rule, Sample
from rules.values import SCALE, Kind, ValueType
from rules.windows import CalendarSettings

MAX_PERSONS = 8
MAX_EVENTS = 16  # of a person
MAX_LINES = 3
TICK = dt.timedelta(microseconds=1)
ZONES = (
    "Asia/Shanghai",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # moves its clock by half an hour
    "America/Havana",  # moves it at midnight
    "Asia/Kolkata",
    "UTC",
)
MOMENTS_OF_EVALUATION = (
    words.AS_OF,
    dt.datetime(2026, 3, 30, 16, tzinfo=dt.UTC),  # midnight in Shanghai
    dt.datetime(2026, 3, 8, 7, 30, tzinfo=dt.UTC),  # half an hour after New York's clock went forward
    dt.datetime(2026, 11, 1, 5, 30, tzinfo=dt.UTC),  # within the hour that New York has twice
    dt.datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=dt.UTC),
)
_STEPS_BACK = (
    dt.timedelta(0),
    TICK,
    dt.timedelta(minutes=1),
    dt.timedelta(hours=1),
    dt.timedelta(hours=24),
    dt.timedelta(days=7),
    dt.timedelta(days=30),
    dt.timedelta(days=100, minutes=7),
    dt.timedelta(days=400),
)
_TEXTS = (*words.TEXTS, "", "é", "😀", "x%y_\\", "\uffee")
_SMALLEST = (1, 2, 3, -1)  # ten-thousandths: their averages and halves are ties
_PRESENT_PERCENT = 75
_HASHES = (0, 1, 2**63 - 1, 2**63, 2**64 - 1)


@dataclass(frozen=True, repr=False)
class World:
    """People with what surrounds them. Persons outside `known` are in the population of all only."""

    setting: Setting
    persons: Mapping[int, Person]
    known: frozenset[int]
    members: frozenset[int]
    tables: ReferenceRows

    def __repr__(self) -> str:
        """Short: a test that fails says which persons matter."""
        return f"World(as of {self.setting.as_of} in {self.setting.calendar}, {len(self.persons)} persons)"

    def population(self, population: Population) -> frozenset[int]:
        match population:
            case Population.ALL:
                return frozenset(self.persons)
            case Population.KNOWN:
                return self.known
            case Population.MEMBER:
                return self.members

    def selected(self, rule: Rule, population: Population) -> frozenset[int]:
        """Who a checked rule is about, by asking one person after the other. Raises NumberOverflow when anybody's
        numbers overflow, whatever the population."""
        condition = condition_within(rule)
        holds = {
            each
            for each, person in self.persons.items()
            if is_true(condition, person, self.setting, self.tables)
        }
        left = sorted(holds & self.population(population), key=lambda each: (self._birth_hash(each), each))
        for step in rule.steps:
            if isinstance(step, Sample):
                left = [each for each in left if is_sampled(self._birth_hash(each), step)]
                continue
            known = [each for each in left if step.by.name in self.persons[each].tags]
            known.sort(
                key=lambda each: cast(Any, self.persons[each].tags[step.by.name]), reverse=step.descending
            )
            unknown = [each for each in left if each not in known]
            left = sorted((known + unknown)[: kept(step, len(left))], key=left.index)
        return frozenset(left)

    def _birth_hash(self, person: int) -> int:
        return self.persons[person].birth_hash or 0


@st.composite
def worlds(draw: Any, catalogue: Catalogue) -> World:
    """A few people, their tags and events; moments meet as_of, midnights and changes of the clock."""
    chooser = Drawn(draw)
    return _world(chooser, _setting(chooser, catalogue), catalogue)


def seeded_worlds(seed: Random, catalogue: Catalogue, count: int, *, ties: bool = True) -> list[World]:
    """`worlds` without hypothesis, all of one setting; without `ties` no two events of a person have one moment."""
    chooser = Seeded(seed)
    setting = _setting(chooser, catalogue)
    return [_world(chooser, setting, catalogue, ties=ties) for _ in range(count)]


def _setting(chooser: Chooser, catalogue: Catalogue) -> Setting:
    zone, week_start = chooser.pick(ZONES), chooser.pick([1, 1, 7])
    calendar = CalendarSettings(zone, week_start, words.periods(), mainland_china().workdays)
    return Setting(catalogue, chooser.pick(MOMENTS_OF_EVALUATION), calendar)


def _world(chooser: Chooser, setting: Setting, catalogue: Catalogue, *, ties: bool = True) -> World:
    maker = _Maker(chooser, setting)
    everyone = range(1, chooser.count(1, MAX_PERSONS) + 1)
    events = maker.events(list(everyone), list(catalogue.events.values()))
    if not ties:
        events = {each: _apart(of_person) for each, of_person in events.items()}
    persons = {each: maker.person(catalogue, events.get(each, [])) for each in everyone}
    known = frozenset(each for each in everyone if not maker.chance(15))
    members = frozenset(each for each in known if not maker.chance(30))
    tables = {each.name: maker.rows(each) for each in catalogue.tables.values()}
    return World(setting, persons, known, members, tables)


def _apart(events: list[Event]) -> list[Event]:
    """A person's events, those of a moment told apart by less than any other difference but one."""
    return [replace(each, time=each.time + each.ingest_seq * 3 * TICK) for each in events]


@dataclass(frozen=True)
class _Maker:
    chooser: Chooser
    setting: Setting

    def pick(self, options: Any) -> Any:
        return self.chooser.pick(options)

    def chance(self, percent: int) -> bool:
        return self.chooser.count(0, 99) >= 100 - percent

    def person(self, catalogue: Catalogue, events: list[Event]) -> Person:
        tags = {
            tag.name: self.value(tag.type, tag.values)
            for tag in catalogue.tags.values()
            if self.chance(_PRESENT_PERCENT)
        }
        segments = frozenset(each for each in sorted(catalogue.segments) if self.chance(50))
        ordered = tuple(sorted(events, key=lambda event: (event.time, event.ingest_seq)))
        return Person(tags, ordered, segments, birth_hash=self.birth_hash())

    def birth_hash(self) -> int:
        """Now and then one that others have too, or at an end."""
        return cast(int, self.pick(_HASHES)) if self.chance(30) else self.chooser.count(0, 2**64 - 1)

    def events(self, everyone: list[int], types: list[EventType]) -> dict[int, list[Event]]:
        """In the order of their arrival, which is not that of their times; ties in time are common."""
        found: dict[int, list[Event]] = {}
        person, type_, time = everyone[0], types[0], self.setting.as_of
        for ingest_seq in range(self.chooser.count(0, MAX_EVENTS * len(everyone))):
            if not self.chance(25):
                person, type_, time = self.pick(everyone), self.pick([types[0], *types]), self.moment()
            event = Event(type_.name, time, ingest_seq, self.properties(type_))
            found.setdefault(person, []).append(event)
        return found

    def properties(self, type_: EventType) -> dict[str, Any]:
        stored = [type_.property(name) for name in type_.property_names()]
        found = {}
        for each in stored:
            if each is None or each.name in {"time", "hour", "weekday", "is_workday"}:
                continue
            if self.chance(_PRESENT_PERCENT):
                found[each.name] = self.lines(each) if each.fields else self.value(each.type, each.values)
        return found

    def lines(self, list_: PropertyType) -> tuple[dict[str, Value], ...]:
        return tuple(
            {
                each.name: self.value(each.type, each.values)
                for each in list_.fields
                if self.chance(_PRESENT_PERCENT)
            }
            for _ in range(self.chooser.count(0, MAX_LINES))
        )

    def rows(self, table: ReferenceTable) -> dict[str, RowHistory]:
        return {key: self.history(table) for key in words.TEXTS if self.chance(_PRESENT_PERCENT)}

    def history(self, table: ReferenceTable) -> RowHistory:
        """Mostly one version for ever; else some that begin when events happen, and perhaps an end."""
        if self.chance(60):
            return RowHistory.always(self.row(table))
        starts = [
            ALWAYS if self.chance(30) else self.moment(),
            *(self.moment() for _ in range(self.pick((0, 1, 1, 2)))),
        ]
        return RowHistory.of((start, {} if self.chance(15) else self.row(table)) for start in starts)

    def row(self, table: ReferenceTable) -> dict[str, Value]:
        return {
            each.name: self.value(each.type, each.values)
            for each in table.columns
            if self.chance(_PRESENT_PERCENT)
        }

    def value(self, type_: ValueType, values: ValueList | None) -> Value:
        if type_.kind is Kind.LIST:
            assert type_.element is not None
            count = self.chooser.count(0, 3)
            elements = [self.scalar(type_.element, values) for _ in range(count)]
            return tuple(dict.fromkeys(elements))
        return self.scalar(type_.kind, values)

    def scalar(self, kind: Kind, values: ValueList | None) -> Scalar:
        match kind:
            case Kind.BOOL:
                return self.chooser.count(0, 1) == 1
            case Kind.NUMBER:
                return cast(int, self.pick((*words.NUMBERS, *_SMALLEST, 33_333, 1_000_000 * SCALE)))
            case Kind.TEXT:
                return cast(str, self.pick(sorted(values.values) if values else _TEXTS))
            case Kind.DATE:
                return cast(dt.date, self.pick((*words.DAYS, self.setting.today)))
            case _:
                return self.moment()

    def moment(self) -> dt.datetime:
        """Near as_of, a step before it, or a tenant's midnight; sometimes after as_of."""
        kind = self.chooser.count(0, 5)
        if kind == 0:
            base = self.setting.calendar.midnight(self.setting.today - self.pick(_STEPS_BACK))
        elif kind == 1:
            base = self.pick(words.MOMENTS)
        else:
            base = self.setting.as_of - self.pick(_STEPS_BACK)
        return cast(dt.datetime, base + self.pick((dt.timedelta(0), TICK, -TICK)))
