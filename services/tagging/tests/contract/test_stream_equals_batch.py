"""Whatever happens in whatever order, runs give what the stream gave."""

import datetime as dt
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.evaluate.tables import exact
from servicekit.revision import Lane
from tagging.app.evaluate_persons import plain
from tagging.catalogue.files import parse_definitions, retail_definitions
from tagging.domain.definition import Layer
from tagging.domain.persons import Person, PersonState
from tagging.domain.recipe import Moment
from tagging.store.tag_ports import RunState

KEYS, PERSONS = range(1, 7), range(1, 5)
OTHERS = parse_definitions(
    """
- {tag_id: t_channels, name: x, type: number, statistic: DISTINCT(order_paid.channel)}
- {tag_id: t_hours, name: x, type: number, statistic: COUNT(view_item) IN LAST 36 HOURS}
- {tag_id: t_before, name: x, type: number, statistic: SUM(order_paid.amount) IN PREVIOUS 7 DAYS BEFORE PAST}
- {tag_id: t_month, name: x, type: number, statistic: COUNT(order_paid WHERE hour >= 12) IN THIS MONTH}
- {tag_id: t_less, name: x, type: bool, statistic: COUNT(view_item) IN PAST 7 DAYS < COUNT(view_item) IN PAST 30 DAYS}
- {tag_id: t_lines, name: x, type: number, statistic: SUM(order_paid.items.amount WHERE category = '茶')}
- tag_id: t_tea
  name: x
  type: number
  statistic: COUNT(order_paid WHERE ANY(items, category = '茶' AND quantity >= 2))
- {tag_id: t_first, name: x, type: datetime, statistic: FIRST(view_item) IN LAST 20 DAYS}
- tag_id: t_kind
  name: x
  type: {base: text, multi_valued: true}
  layered_rule:
    layers:
      - {when: t_channels > 1 AND NOT gender = 'male', then: [many, not_male]}
      - {when: DAYS SINCE(LAST(order_paid)) > 3, then: [few]}
""",
    "here",
)
RETAIL = {
    "rfm_class",
    "rfm_recency_days",
    "lifecycle_stage",
    "net_amount_365d",
    "gender",
}
DEFINITIONS = [*(each for each in retail_definitions() if each.tag_id in RETAIL), *OTHERS]
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
        {"category": st.sampled_from(["茶", "酒"]), "quantity": st.sampled_from([10_000, 20_000])},
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
    st.tuples(st.sampled_from(["view_item", "add_to_cart", "search", "message_clicked"]), st.just({})),
)
steps = st.one_of(
    st.tuples(st.just("event"), st.sampled_from(KEYS), events, times),
    st.tuples(st.just("again"), st.integers(0, 30)),
    st.tuples(st.just("persons"), st.lists(st.sampled_from(PERSONS), min_size=len(KEYS), max_size=len(KEYS))),
    st.tuples(
        st.just("attributes"),
        st.sampled_from(PERSONS),
        st.sampled_from(["male", "female", "unsaid"]),
        st.booleans(),
    ),
)


class History:
    """Plays steps into a world: who owns which key, and what happened."""

    def __init__(self, world):
        self.world = world
        self.said = {}
        self.events = []
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
        self.world.store(*stated)

    def play(self, step):
        match step:
            case ("event", key, (kind, properties), back):
                time = self.world.clock.now() - back
                self.events.append(self.world.event(key, kind, time, **properties))
                self.world.store(self.events[-1])
            case ("again", index) if self.events:
                self.world.store(self.events[index % len(self.events)])
            case ("persons", owners):
                self.assign(owners)
            case ("attributes", person, gender, objects):
                self.said[person] = {"gender": gender, "no_profiling": objects}
                self.assign(self.owners)


@pytest.fixture
def kept_statements(monkeypatch):
    """Every example asks the same of other people: the SQL of equal relations is put together once."""
    written = exact.sql
    compiled = cache(lambda relation, pretty: written(relation.to_expr(), pretty=pretty))
    monkeypatch.setattr(exact, "sql", lambda relation, *, pretty=True: compiled(relation.op(), pretty))


@given(before=st.lists(steps, max_size=8), after=st.lists(steps, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_stream_values_are_run_values(small_world, kept_statements, before, after):
    world = small_world()
    world.apply(DEFINITIONS)
    history = History(world)
    for step in before:
        history.play(step)
    assert world.run().state is RunState.SUCCEEDED  # freezes the means that the stream uses from here on
    for step in after:
        history.play(step)
    streamed = world.values()
    cuts = world.database.read_now(world.tags.cuts.latest, "t1", "rfm_class", 1)
    assert by_tables(world, cuts) == streamed
    objecting = set(world.database.read_now(world.facts.key_map.objecting, "t1").tolist())
    basic = {each.tag_id for each in DEFINITIONS if each.layer is Layer.BASIC}
    for column, values in streamed.items():
        assert column in basic or not objecting & values.keys(), column


def by_tables(world, cuts):
    """Everybody's values by the tables, with the cuts that stand, beside what is stored."""
    plan = world.database.read_now(world.columns.of, "t1")
    found = {}
    with world.everybody.snapshot("t1") as snapshot:
        moment = Moment(world.clock.now(), snapshot.tenant.settings.calendar)
        frozen = {"rfm_class": cuts.cuts if cuts else None}
        for step in plan.in_order(plan.recipes):
            computed, failures = snapshot.compute(step, moment, frozen, freeze=False)
            assert failures == {}
            for each in computed:
                values = plain(each.values, each.recipe.shape)
                found[each.recipe.column] = {
                    person: value
                    for person, value in zip(snapshot.persons.tolist(), values, strict=True)
                    if value is not None
                }
    return found


def test_the_lane_changes_no_value(small_world):
    one, other = small_world(), small_world()
    for world, lane in ((one, Lane.LIVE), (other, Lane.BULK)):
        world.apply(DEFINITIONS)
        world.store(world.person(1, 1), lane=lane)
        world.store(world.event(1, "order_paid", world.ago(days=3), amount=5), lane=lane)
    assert one.values() == other.values()


def test_nothing_is_derived_of_a_person_who_objects(small_world):
    """Basic tags stay; derived values go when the person objects and come back when the objection is taken back."""
    world = small_world()
    world.apply(DEFINITIONS)
    world.store(world.person(1, 1, attributes={"gender": "female"}))
    world.store(world.event(1, "order_paid", world.ago(days=3), amount=50_000))
    before = world.values()
    assert {column for column, values in before.items() if 1 in values} > {"gender"}
    world.store(world.person(1, 1, attributes={"gender": "female", "no_profiling": True}))
    basic = {each.tag_id for each in DEFINITIONS if each.layer is Layer.BASIC}
    left = {column for column, values in world.values().items() if 1 in values}
    assert "gender" in left
    assert left <= basic
    assert left < {column for column, values in before.items() if 1 in values}
    world.store(world.person(1, 1, attributes={"gender": "female", "no_profiling": False}))
    assert world.values() == before
