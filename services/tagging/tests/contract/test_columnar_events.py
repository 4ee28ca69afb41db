"""A person's events over columns are those of the event store, whatever happened before and after the columns."""

import datetime as dt
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.evaluate.person import Explanation, explain
from rules.evaluate.person import Person as Facts
from rules.evaluate.setting import Setting
from rules.parser import parse_form
from rules.schema import Catalogue
from rules.tree import IsKnown
from tagging.domain.columns import microseconds
from tagging.domain.dictionary import Dictionary
from tagging.domain.events import Event
from tagging.domain.looked_back import earliest
from tagging.domain.persons import Person, PersonState
from tagging.domain.retention import EventHorizon
from tagging.domain.tenants import TenantSettings
from tagging.store.column_building import ColumnBuilding
from tagging.store.columnar_events import ColumnarEvents
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.event_read_ports import NO_MARK
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.mapped_columns import MappedColumns
from tagging.store.mapped_person_events import MappedPersonEvents
from tagging.store.ports import Flushed, Place
from tagging.store.sql_event_marks import SqlEventMarks, last_arrival
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_retention import SqlEventRetention

NOON = dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)
TYPES = ("order_paid", "search", "tea_poured")
NAMES = ("source", "amount", "channel", "items", "keyword", "cups", "unheard")
TENANT = "t1"


class Shelf:
    """An event store, a lake, and columns of it, with those who read them."""

    def __init__(self, world: Any) -> None:
        self.database = world.database
        self.dictionary: Dictionary = standard_dictionary()
        self.events, self.manifest, self.keys = SqlEventStore(), SqlManifest(), SqlKeyMap()
        lake = LakeFolder(world.folder / "lake", LakeColumns(self.dictionary))
        names = (f"build{number}" for number in range(10_000))
        self.mapped = MappedColumns(world.folder / "columns", names.__next__)
        self.building = ColumnBuilding(lake, self.mapped, self.dictionary)
        self.lake = lake
        self.reads = ColumnarEvents(self.events, self.mapped, few=1)
        self.versions = iter(range(1, 10_000))
        self.flushes = iter(range(1, 10_000))
        self.sequence = 0

    def assign(self, owners: tuple[int, ...]) -> None:
        """Keys 1, 2, ... to persons; 0: erased with its person."""
        stated = [
            Person(person, next(self.versions), PersonState.KNOWN, key_ids=keys)
            if (keys := tuple(key for key, owner in enumerate(owners, 1) if owner == person))
            else Person(person, next(self.versions), PersonState.ERASED)
            for person in (1, 2)
        ]
        self.database.write_now(self.keys.apply, TENANT, stated)

    def append(self, drawn: random.Random, *, anew: int = 0) -> None:
        """Some events, late ones among them; `anew`: an event told before is told under a new number."""
        told = []
        for _ in range(drawn.randrange(1, 6)):
            self.sequence += 1
            number = anew or self.sequence
            type_ = drawn.choice(TYPES)
            said: dict[str, Any] = {}
            if type_ == "order_paid":
                said = {"amount": drawn.randrange(9) * 10_000, "channel": drawn.choice(["app", "店"])}
                if drawn.random() < 0.5:
                    said["items"] = ({"category": "茶", "quantity": 10_000},)
            if type_ == "search" and drawn.random() < 0.5:
                said = {"keyword": drawn.choice(["茶", "tea"])}
            extra = {"cups": drawn.randrange(5)} if type_ == "tea_poured" else {}
            time = NOON - dt.timedelta(hours=drawn.randrange(60))
            event = Event(
                self.sequence, "shop", f"e{number}", type_, time, drawn.randrange(1, 5), (), "", said, extra
            )
            told.append(event)
            anew = 0
        self.database.write_now(self.events.append, TENANT, told)

    def flush(self) -> None:
        def read(connection: Any) -> Any:
            after = self.manifest.flushed(connection, TENANT)
            events, last = self.manifest.recent(connection, TENANT, after, 1_000)
            return after, events, last

        after, events, last = self.database.read_now(read)
        if last > after:
            pages = [self.lake.collect(events, TenantSettings())]
            files = self.lake.write(TENANT, pages, next(self.flushes))
            assert self.database.write_now(self.manifest.commit, TENANT, files, Flushed(after, last))

    def build(self) -> None:
        files = self.database.read_now(self.manifest.files, TENANT)
        mark = self.database.read_now(SqlEventMarks().flushed, TENANT)
        if files:
            self.building.build(TENANT, files, mark)

    def compare(self) -> None:
        """Whole answers of all three questions."""
        listed = [None, *([each] for each in TYPES), list(TYPES), ["order_created"]]
        for person in (1, 2):
            every = self.database.read_now(self.events.latest, TENANT, person, 1_000)
            places = [None, *(Place(microseconds(each.time), each.ingest_sequence) for each in every[::6])]
            for types in listed:
                for before in places:
                    asked = (TENANT, person, 3)
                    assert self.database.read_now(
                        self.reads.latest, *asked, types=types, before=before
                    ) == self.database.read_now(self.events.latest, *asked, types=types, before=before)
            self._compare_whole(person)
        asked_times = (TENANT, [1, 2])
        assert sorted(self.database.read_now(self.reads.times, *asked_times)) == sorted(
            self.database.read_now(self.events.times, *asked_times)
        )

    def _compare_whole(self, person: int) -> None:
        def read(connection: Any) -> Any:
            rows = self.events.of_persons(connection, TENANT, [person], TYPES)[person]
            expected = [each.for_rules(self.dictionary) for each in rows]
            held = self.reads.of_person(connection, TENANT, person, TYPES, self.dictionary)
            for mine, theirs in zip(held.events, expected, strict=True):
                assert [mine.properties.get(name) for name in NAMES] == [
                    theirs.properties.get(name) for name in NAMES
                ]
            held = self.reads.of_person(connection, TENANT, person, TYPES, self.dictionary)
            held.keep(held.events[-2:])
            return held.events, expected

        found, expected = self.database.read_now(read)
        assert [(each.type, each.time, each.ingest_seq) for each in found] == [
            (each.type, each.time, each.ingest_seq) for each in expected
        ]
        assert [dict(each.properties) for each in found[-2:]] == [
            dict(each.properties) for each in expected[-2:]
        ]


owners = st.tuples(*[st.sampled_from((1, 1, 2))] * 4)
steps = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 2**32)),
    st.tuples(st.just("anew"), st.integers(0, 2**32)),
    st.tuples(st.just("assign"), owners | st.just((0, 2, 2, 0))),
    st.tuples(st.just("expire"), st.integers(20, 60)),
    st.sampled_from([("flush",), ("build",)]),
)


def play(shelf: Shelf, step: Any) -> None:
    match step:
        case ("append", seed):
            shelf.append(random.Random(seed))
        case ("anew", seed):
            drawn = random.Random(seed)
            shelf.append(drawn, anew=drawn.randrange(1, shelf.sequence + 1))
        case ("assign", keys):
            shelf.assign(keys)
        case ("expire", hours):
            before = shelf.database.read_now(SqlEventRetention().horizon, TENANT).from_us
            from_us = max(before, microseconds(NOON - dt.timedelta(hours=hours)))
            horizon = EventHorizon(from_us, {"search": from_us + 3_600_000_000})
            shelf.database.write_now(SqlEventRetention().raise_horizon, TENANT, horizon)
        case ("flush",):
            shelf.flush()
        case ("build",):
            shelf.flush()
            shelf.build()


@given(st.lists(steps, max_size=3), st.lists(steps, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_the_same_events_whatever_happened(small_world: Any, before: Any, after: Any) -> None:
    shelf = Shelf(small_world())
    shelf.assign((1, 1, 2, 2))
    shelf.append(random.Random(len(before)))
    for step in [*before, ("build",)]:
        play(shelf, step)
    for step in after:
        play(shelf, step)
        shelf.database.read_now(shelf.reads.times, TENANT, [1, 2])  # what came is remembered step by step
    shelf.compare()


@pytest.fixture
def shelf(world: Any) -> Shelf:
    """Ten appends, columns of them, two more, on each dialect."""
    shelf = Shelf(world)
    shelf.assign((1, 1, 2, 2))
    for seed in range(10):
        shelf.append(random.Random(seed))
    play(shelf, ("build",))
    for seed in range(2):
        shelf.append(random.Random(seed))
    return shelf


def standing(shelf: Shelf) -> set[int]:
    """Who is read by columns."""
    return set(shelf.database.read_now(shelf.reads._event_places, TENANT, [1, 2]))


def test_columns_are_read_of_who_has_many_events(shelf: Shelf) -> None:
    shelf.compare()
    assert standing(shelf) == {1, 2}
    shelf.reads = ColumnarEvents(shelf.events, shelf.mapped, few=10_000)
    assert standing(shelf) == set()


def test_columns_of_another_past_are_not_read(shelf: Shelf) -> None:
    """The store was put back from a copy: others arrived under the same numbers."""
    files = shelf.database.read_now(shelf.manifest.files, TENANT)
    mark = shelf.database.read_now(SqlEventMarks().flushed, TENANT)
    shelf.building.build(TENANT, files, mark._replace(ingest_sequence=mark.ingest_sequence + 1))
    assert standing(shelf) == set()
    shelf.building.build(TENANT, files, NO_MARK)
    assert standing(shelf) == set()
    shelf.compare()
    shelf.building.build(TENANT, files, mark)
    assert standing(shelf) == {1, 2}


def test_what_came_is_read_page_by_page_and_not_without_end(shelf: Shelf, monkeypatch: Any) -> None:
    shelf.reads = ColumnarEvents(shelf.events, shelf.mapped, few=1)
    monkeypatch.setattr("tagging.store.recent_places.PAGE_EVENTS", 1)
    mark = shelf.database.read_now(SqlEventMarks().flushed, TENANT)
    since = shelf.database.read_now(last_arrival, TENANT) - mark.arrival
    looks = [bool(standing(shelf)) for _ in range(since + 1)]
    assert looks == [False] * (since - 1) + [True, True]
    monkeypatch.setattr("tagging.store.recent_places.TENANT_EVENTS", since - 1)
    assert standing(shelf) == set()
    shelf.compare()


def test_an_event_that_was_not_kept_is_not_read_later(shelf: Shelf) -> None:
    def read(connection: Any) -> Any:
        held = shelf.reads.of_person(connection, TENANT, 1, ["order_paid"], shelf.dictionary)
        held.keep(held.events[:1])
        return held.events

    first, *others = shelf.database.read_now(read)
    assert first.properties["source"] == "shop"
    mapped = next(each for each in others if type(each.properties).__name__ == "_Said")
    with pytest.raises(RuntimeError, match="not kept"):
        dict(mapped.properties)


def test_what_is_no_column_is_read_once_for_all_events(shelf: Shelf, monkeypatch: Any) -> None:
    asked = []
    rows = MappedPersonEvents.rows
    monkeypatch.setattr(
        MappedPersonEvents, "rows", lambda self, sequences: asked.append(1) or rows(self, sequences)
    )

    def read(connection: Any) -> Any:
        held = shelf.reads.of_person(connection, TENANT, 1, ["order_paid"], shelf.dictionary)
        return [each.properties.get("items") for each in held.events]

    said = shelf.database.read_now(read)
    assert any(said)
    assert len(said) > len(asked) == 1


def test_a_page_is_whole_when_the_latest_of_a_type_were_told_anew(shelf: Shelf) -> None:
    for event_type in TYPES:
        asked = (TENANT, 1, 3)
        for event in shelf.database.read_now(shelf.events.latest, *asked, types=[event_type]):
            shelf.append(random.Random(event.ingest_sequence), anew=int(event.event_id[1:]))
        assert shelf.database.read_now(
            shelf.reads.latest, *asked, types=[event_type]
        ) == shelf.database.read_now(shelf.events.latest, *asked, types=[event_type])
    shelf.compare()


FORMS = (
    "COUNT(order_paid) IN LAST 1 DAYS",
    "COUNT(order_paid WHERE channel = 'app') IN LAST 30 HOURS",
    "SUM(order_paid.amount) IN THIS WEEK",
    "COUNT(search WHERE keyword = '茶')",
    "LAST(search.keyword) IN LAST 2 DAYS",
    "COUNT(order_paid WHERE ANY(items, category = '茶')) IN LAST 2 DAYS",
)


def test_explanations_look_no_further_back_than_their_windows(shelf: Shelf) -> None:
    schema = Catalogue.of((), shelf.dictionary.events.values(), shelf.dictionary.tables.values())
    setting = Setting(schema, NOON)

    left_out: list[int] = []

    def told(connection: Any, form: Any) -> list[Explanation]:
        since = earliest([form], setting)
        rows = shelf.events.of_persons(connection, TENANT, [1], TYPES)[1]
        held = shelf.reads.of_person(connection, TENANT, 1, TYPES, shelf.dictionary, since)
        left_out.append(len(rows) - len(held.events))
        found = []
        for events in (tuple(each.for_rules(shelf.dictionary) for each in rows), held.events):
            found.append(explain(IsKnown(form), Facts(events=events), setting))
        held.keep(found[1].parts[0].evidence)
        return found

    evidence = 0
    for form in map(parse_form, FORMS):
        by_rows, by_columns = shelf.database.read_now(told, form)
        assert by_rows == by_columns
        evidence += by_rows.parts[0].evidence_total
    assert evidence > 5
    assert left_out[0] > 0
