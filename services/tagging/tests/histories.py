"""Random histories: what happens to a few persons, late, twice, merged and split; and what the tables make of it."""

import datetime as dt
import random

from hypothesis import strategies as st
from tagging.app.evaluate_persons import plain
from tagging.app.keep_current import KeepCurrent
from tagging.app.roll_day import RollDay
from tagging.domain.definition import Layer
from tagging.domain.moment import Moment
from tagging.domain.persons import Person, PersonState
from tagging.store.tag_ports import RunState

KEYS, PERSONS = range(1, 7), range(1, 5)
# On the hour and beside it: windows begin and end there.
times = st.builds(
    lambda hours, micro: dt.timedelta(hours=hours, microseconds=micro),
    st.integers(0, 24 * 45) | st.integers(0, 60),
    st.sampled_from([0, 0, 1, 3_599_999_999]),
)
amounts = st.integers(0, 50_000_000)
channels = st.sampled_from(["app", "shop", "茶"])
lines = st.lists(
    st.fixed_dictionaries(
        {"category": st.sampled_from(["茶", "酒", "水果"]), "quantity": st.sampled_from([10_000, 20_000])},
        optional={"amount": amounts},
    ),
    max_size=2,
).map(tuple)
events = st.one_of(
    st.tuples(
        st.just("order_paid"), st.fixed_dictionaries({"amount": amounts, "channel": channels, "items": lines})
    ),
    st.tuples(
        st.sampled_from(["order_refunded", "order_cancelled"]), st.fixed_dictionaries({"amount": amounts})
    ),
    st.tuples(
        st.sampled_from(["view_item", "add_to_cart"]),
        st.fixed_dictionaries({}, optional={"category": st.sampled_from(["茶", "酒", "水果"])}),
    ),
    st.tuples(st.sampled_from(["search", "page_view", "message_clicked"]), st.just({})),
)
keys = st.sampled_from(KEYS)
single = st.tuples(st.just("events"), keys, st.lists(st.tuples(events, times), min_size=1, max_size=1))
again = st.tuples(st.just("again"), st.integers(0, 30))
owners = st.tuples(
    st.just("persons"), st.lists(st.sampled_from(PERSONS), min_size=len(KEYS), max_size=len(KEYS))
)
attributes = st.tuples(
    st.just("attributes"),
    st.sampled_from(PERSONS),
    st.sampled_from(["male", "female", "unsaid"]),
    st.booleans(),
)
steps = st.one_of(single, again, owners, attributes)
bursts = st.tuples(st.just("many"), st.sampled_from(KEYS[:3]), st.integers(0, 2**32))
bulk = st.tuples(st.just("bulk"), steps)
"""Told by the bulk lane: what follows from it waits for a run."""
steps_with_runs = st.one_of(
    single, bulk, bulk, owners, st.just(("run",)), st.tuples(st.just("hours"), st.sampled_from([1, 25]))
)
busy_steps = st.one_of(bursts, bursts, bursts, again, owners, attributes)
"""Many events of few keys: several groups per person, on several days."""
CATEGORIES = ("茶", "酒", "水果")


def many_events(seed):
    """(type, properties), how long ago: ten of them, drawn by the seed alone, with all that rankings look at."""
    drawn = random.Random(seed)
    for _ in range(10):
        kind = drawn.choice(["order_paid", "view_item", "view_item", "page_view", "order_refunded"])
        properties = {}
        if kind == "view_item":
            properties["category"] = drawn.choice(CATEGORIES)
        if kind.startswith("order"):
            properties["amount"] = drawn.randrange(50_000_000)
        if kind == "order_paid":
            properties["channel"] = drawn.choice(["app", "shop", "茶"])
            properties["items"] = tuple(
                {"category": drawn.choice(CATEGORIES), "quantity": 10_000, "amount": drawn.randrange(10**7)}
                for _ in range(drawn.randrange(3))
            )
        hours = drawn.choice([drawn.randrange(12), drawn.randrange(60), drawn.randrange(24 * 45)])
        yield (kind, properties), dt.timedelta(hours=hours, microseconds=drawn.choice([0, 0, 1]))


class History:
    """Plays steps into a world: who owns which key, and what happened."""

    def __init__(self, world):
        self.world = world
        self.said = {}
        self.events = []
        self.tell = world.store
        self.assign([(key - 1) % len(PERSONS) + 1 for key in KEYS])

    def assign(self, owners):
        """Keys move between persons: merges and splits. A person without keys stands for person of key 1."""
        stated = []
        for person in PERSONS:
            keys = tuple(key for key, owner in zip(KEYS, owners, strict=True) if owner == person)
            if keys:
                state = (
                    PersonState.MEMBER
                    if 1 in keys
                    else PersonState.KNOWN
                    if len(keys) > 1
                    else PersonState.ANONYMOUS
                )
                stated.append(
                    self.world.person(person, *keys, state=state, attributes=self.said.get(person, {}))
                )
            else:
                version = next(self.world._versions)
                stated.append(Person(person, version, PersonState.REDIRECTED, owners[0]))
        self.owners = owners
        self.tell(*stated)

    def play(self, step):
        match step:
            case ("many", key, seed):
                self.play(("events", key, tuple(many_events(seed))))
            case ("events", key, said):
                now = self.world.clock.now()
                told = [
                    self.world.event(key, kind, now - back, **properties) for (kind, properties), back in said
                ]
                self.events += told
                self.tell(*told)
            case ("again", index) if self.events:
                self.tell(self.events[index % len(self.events)])
            case ("bulk", told):
                self.tell = self.world.leave_stale
                self.play(told)
                self.tell = self.world.store
            case ("run",):
                run = self.world.run()
                assert (run.state, run.failures) == (RunState.SUCCEEDED, {})
            case ("hours", hours):
                pass_time(self.world, hours)
            case ("persons", owners):
                self.assign(owners)
            case ("attributes", person, gender, objects):
                self.said[person] = {"gender": gender, "no_profiling": objects}
                self.assign(self.owners)


hours_between = st.sampled_from([0, 0, 25])
"""Few different ones: every moment of evaluation has its own SQL."""


def pass_time(world, hours):
    """The clock goes on, and all that is due by it is done."""
    parts = (world.facts, world.tags, world.columns)
    days = RollDay(world.database, world.changelog, world.everybody, *parts, world.compute, world.clock)
    current = KeepCurrent(
        world.database, world.changelog, *parts, world.recompute, world.compute, world.clock
    )
    world.clock.advance(dt.timedelta(hours=hours))
    while days.roll() or current.age():
        pass


def check_stream_is_batch(world, definitions, before, after, hours=0):
    """Plays steps, freezes cuts, lets hours pass, plays on, and compares every value of the stream with that of the
    tables."""
    world.apply(definitions)
    history = History(world)
    for step in before:
        history.play(step)
    run = world.run()  # freezes the means that the stream uses from here on
    assert (run.state, run.failures) == (RunState.SUCCEEDED, {})
    pass_time(world, hours)
    for step in after:
        history.play(step)
    streamed = world.values()
    assert by_tables(world) == streamed
    assert_counted(world, streamed)
    objecting = set(world.database.read_now(world.facts.key_map.objecting, world.tenant).tolist())
    basic = {each.tag_id for each in definitions if each.layer is Layer.BASIC}
    for column, values in streamed.items():
        assert column in basic or not objecting & values.keys(), column


def check_runs_of_some(world, definitions, before, after):
    """Plays steps, computes everybody once, plays on with runs of those alone who may be wrong, and compares every
    value with that of the tables: what the stream keeps as it left it, and all after one more run."""
    world.apply(definitions)
    world.settle_facts()
    history = History(world)
    for step in (*before, ("run",), *after):
        history.play(step)
    if not world.stale():
        plan = world.database.read_now(world.columns.of, world.tenant)
        left = plan.with_what_rests_on_them(plan.recipes.keys() - plan.stream())
        streamed, expected = world.values(), by_tables(world)
        assert {each: streamed[each] for each in streamed.keys() - left} == {
            each: expected[each] for each in expected.keys() - left
        }
    history.play(("run",))
    assert world.stale() == []
    streamed = world.values()
    assert by_tables(world) == streamed
    assert_counted(world, streamed)


def assert_counted(world, values):
    """Every tag tells how many persons have a value of it."""
    tags = world.database.read_now(world.tags.catalogue.all, world.tenant)
    assert {each: tag.coverage for each, tag in tags.items()} == {each: len(values[each]) for each in tags}


def by_tables(world):
    """Everybody's values by the tables, with the cuts that stand, beside what is stored."""
    plan = world.database.read_now(world.columns.of, world.tenant)
    cuts = world.database.read_now(world.recompute.cuts, world.tenant, plan, list(plan.recipes))
    found = {}
    with world.everybody.snapshot(world.tenant) as snapshot:
        moment = Moment(world.clock.now(), snapshot.tenant.settings.calendar)
        for step in plan.in_order(plan.recipes):
            computed, failures = snapshot.compute(step, moment, cuts, freeze=False)
            assert failures == {}
            for each in computed:
                values = plain(each.values, each.recipe.shape)
                found[each.recipe.column] = {
                    person: value
                    for person, value in zip(snapshot.persons.tolist(), values, strict=True)
                    if value is not None
                }
    return found
