"""Sequences of events that meet often: all evaluators find what trying every combination of events finds."""

import datetime as dt
import random
from itertools import combinations

import duckdb
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rules import tree as t
from rules.check import Population, check_rule
from rules.evaluate.batch import Batch, EventRows
from rules.evaluate.events import Events
from rules.evaluate.person import Event, Person, is_true
from rules.evaluate.setting import Setting
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.printer import print_rule
from rules.schema import Catalogue, EventType, PropertyType
from rules.testing.engines import WorldEvents, register
from rules.testing.people import World
from rules.testing.words import AS_OF
from rules.tree import Rule, Sequence
from rules.values import RECORDS, TEXT
from rules.windows import TICK, length_of

ITEM, SHADE = PropertyType("item_id", TEXT), PropertyType("shade", TEXT)
CATALOGUE = Catalogue.of(
    events=[
        EventType("view", (ITEM, SHADE)),
        EventType("cart", (ITEM, SHADE)),
        EventType("paid", (PropertyType("items", RECORDS, fields=(ITEM, SHADE)),)),
    ],
)
SETTING = Setting(CATALOGUE, AS_OF)
PERSONS, RULES, MAX_EVENTS = 50, 3, 12
TYPES, ITEMS, SHADES = ("view", "cart", "paid"), ("a", "b"), ("red", "rose")
MINUTE = dt.timedelta(minutes=1)


class Maker:
    """Draws persons and sequences; with `ties` most events share their time with another."""

    def __init__(self, seed: int, *, ties: bool) -> None:
        self.random = random.Random(seed)
        self.ties = ties
        self.ingested = 0

    def world(self) -> World:
        persons = {each: Person(events=self.events()) for each in range(1, PERSONS + 1)}
        everybody = frozenset(persons)
        return World(SETTING, persons, everybody, everybody, {})

    def events(self) -> tuple[Event, ...]:
        found = [self.event() for _ in range(self.random.randint(1, MAX_EVENTS))]
        return tuple(sorted(found, key=lambda event: (event.time, event.ingest_seq)))

    def event(self) -> Event:
        pick = self.random.choice
        self.ingested += 1
        ago = self.random.randint(-1, 4) * MINUTE
        time = AS_OF - ago if self.ties else AS_OF - ago - self.ingested * TICK
        type_ = pick(TYPES)
        said = {"channel": pick(("app", "shop"))}
        if type_ == "paid":
            said["items"] = tuple(
                {"item_id": pick(ITEMS), "shade": pick(SHADES)} for _ in range(self.random.randint(0, 2))
            )
        elif self.random.random() < 0.9:
            said |= {"item_id": pick(ITEMS), "shade": pick(SHADES)}
        return Event(type_, time, self.ingested, said)

    def sequence(self) -> Sequence:
        count = self.random.choice((2, 2, 2, 3, 3, 4))
        steps = [t.Step(self.filter())]
        for _ in range(count - 1):
            without = tuple(self.filter() for _ in range(self.random.choice((0, 1, 1, 2))))
            steps.append(t.Step(self.filter(), without))
        item, shade, channel = (t.Property((each,)) for each in ("item_id", "shade", "channel"))
        by = self.random.choice(
            ((), (), (item,), (channel,), (item, channel), (item, shade), (shade, channel, item))
        )
        within = self.random.choice((None, t.Duration(1, t.Unit.MINUTE), t.Duration(2, t.Unit.MINUTE)))
        window = self.random.choice((t.AllTime(), t.AllTime(), t.Last(3, t.Unit.MINUTE)))
        return t.Sequence(tuple(steps), by, within, window)

    def filter(self) -> t.EventFilter:
        channel = t.Compare(t.Comparison.EQ, t.Property(("channel",)), t.Text("app"))
        return t.EventFilter(self.random.choice(TYPES), self.random.choice((None, None, channel)))


def by_trial(node: Sequence, person: Person) -> bool:
    """Whether any combination of events is a match."""
    start = AS_OF - length_of(t.Duration(3, t.Unit.MINUTE)) if node.window != t.AllTime() else None
    events = [each for each in person.events if each.time <= AS_OF and (start is None or each.time > start)]
    places = combinations(range(len(events)), len(node.steps))
    return any(is_match(node, events, each) for each in places)


def is_match(node: Sequence, events: list[Event], places: tuple[int, ...]) -> bool:
    chosen = [events[place] for place in places]
    if not all(passes(step.match, event) for step, event in zip(node.steps, chosen, strict=True)):
        return False
    if node.within and chosen[-1].time - chosen[0].time > length_of(node.within):
        return False
    shared = set.intersection(*(keys(node, each) for each in chosen))
    return any(not _interrupted(node, events, places, key) for key in shared)


def _interrupted(node: Sequence, events: list[Event], places: tuple[int, ...], key: tuple[str, ...]) -> bool:
    between = zip(node.steps[1:], places, places[1:], strict=False)
    return any(
        passes(forbidden, event) and key in keys(node, event)
        for step, before, after in between
        for event in events[before + 1 : after]
        for forbidden in step.without
    )


def passes(each: t.EventFilter, event: Event) -> bool:
    return each.event == event.type and (each.where is None or event.properties["channel"] == "app")


def keys(node: Sequence, event: Event) -> set[tuple[str, ...]]:
    """Of a payment a key per line, when lines are asked for."""
    if all(each.path == ("channel",) for each in node.by):
        return {tuple(event.properties["channel"] for _ in node.by)}
    lines = event.properties["items"] if event.type == "paid" else [event.properties]
    said = ({**line, "channel": event.properties["channel"]} for line in lines)
    names = [each.path[0] for each in node.by]
    return {tuple(each[name] for name in names) for each in said if all(name in each for name in names)}


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.fixture(scope="module")
def engine(connection):
    return DuckDb(connection)


@settings(phases=[Phase.explicit, Phase.generate])  # a smaller seed is no simpler world
@given(seed=st.integers(0, 2**32 - 1), ties=st.booleans())
def test_every_evaluator_finds_the_sequences_that_are_there(connection, engine, seed, ties):
    maker = Maker(seed, ties=ties)
    world = maker.world()
    asked = [check_rule(Rule(maker.sequence()), CATALOGUE).rule for _ in range(RULES)]
    expected = {
        f"rule{number}": {each for each, person in world.persons.items() if by_trial(rule.body, person)}
        for number, rule in enumerate(asked)
    }
    said = {f"rule{number}": rule for number, rule in enumerate(asked)}
    events = Events(WorldEvents(world), SETTING)
    batch = Batch(list(world.persons.values()), EventRows(list(world.persons.values())), SETTING, {})
    for name, rule in said.items():
        referee = {each for each, person in world.persons.items() if is_true(rule, person, SETTING)}
        assert referee == expected[name], print_rule(rule)
        by_columns = {slot + 1 for slot in np.flatnonzero(events.truths(rule.body)).tolist()}
        assert by_columns == expected[name], f"events: {print_rule(rule)}"
        by_batch = {slot + 1 for slot, found in enumerate(batch.answers(rule.body)[0]) if found}
        assert by_batch == expected[name], f"batch: {print_rule(rule)}"
    register(world, connection)
    answers = engine.collect(Tables(NamedRelations(), SETTING).columns(said, Population.ALL)).to_pylist()
    for name, rule in said.items():
        found = {row["person_id"] for row in answers if row[name]}
        assert found == expected[name], f"tables: {print_rule(rule)}"


def test_the_worlds_drawn_hold_both_answers_often():
    maker = Maker(7, ties=True)
    persons = list(maker.world().persons.values())
    answers = [by_trial(maker.sequence(), person) for person in persons for _ in range(10)]
    assert 0.1 < sum(answers) / len(answers) < 0.9
