"""Whatever rows of reference tables change, and when, runs give what the stream gives once it has followed."""

import datetime as dt

import pytest
from histories import History, by_tables, owners
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.evaluate.row_history import ALWAYS
from rules.values import SCALE
from tagging.app.follow_mapping import FAILURE_PAUSE_MS, PATIENCE_MS, QUIET_MS
from tagging.app.publish import Outcome
from tagging.catalogue.files import parse_definitions
from tagging.domain.reference_rows import RowVersion

DEFINITIONS = parse_definitions(
    """
- tag_id: t_views
  name: x
  type: number
  statistic: COUNT(view_item WHERE item_id.brand = 'tea') + 100 * DISTINCT(view_item.item_id.brand) IN LAST 20 DAYS
- tag_id: t_lines
  name: x
  type: number
  statistic: >-
    SUM(order_paid.items.amount WHERE item_id.price > 10) +
    1000 * COUNT(order_paid WHERE ANY(items, item_id.brand = 'tea'))
- {tag_id: t_city, name: x, type: text, statistic: LAST(view_item.store_id.city)}
- tag_id: t_favourite
  name: x
  type: {base: text, multi_valued: true, weighted: true}
  preference: {measure: COUNT(view_item BY item_id.brand), count: 2, least_events: 1}
- tag_id: t_kind
  name: x
  type: text
  layered_rule: {layers: [{when: t_views > 101, then: tea}, {when: t_city = 'x', then: near}]}
""",
    "here",
)
ITEMS, BRANDS, CITIES = ("i1", "i2"), ("tea", "wine"), ("x", "y")
DAYS_AGO = (0, 3, 3, 10, 30)
items = st.sampled_from(ITEMS)
amounts = st.integers(0, 100).map(lambda each: each * SCALE)
viewed = st.tuples(
    st.just("view_item"),
    st.fixed_dictionaries({}, optional={"item_id": items, "store_id": st.sampled_from(["s1", "s2"])}),
)
bought = st.tuples(
    st.just("order_paid"),
    st.fixed_dictionaries(
        {
            "items": st.lists(st.fixed_dictionaries({"item_id": items, "amount": amounts}), max_size=2).map(
                tuple
            )
        }
    ),
)
backs = st.sampled_from(DAYS_AGO).map(lambda each: dt.timedelta(days=each))
happened = st.tuples(
    st.just("events"), st.integers(1, 4), st.lists(st.tuples(viewed | bought, backs), min_size=1)
)
starts = st.none() | backs
item_rows = st.tuples(
    st.just("items"),
    items,
    st.fixed_dictionaries({}, optional={"brand": st.sampled_from(BRANDS), "price": amounts}),
    starts,
    st.booleans(),
)
store_rows = st.tuples(
    st.just("stores"),
    st.just("s1"),
    st.fixed_dictionaries({"city": st.sampled_from(CITIES)}),
    starts,
    st.just(False),
)
rows = st.tuples(st.just("rows"), item_rows | item_rows | store_rows)
steps = st.one_of(happened, happened, rows, rows, owners)


def play(world, history, step):
    match step:
        case ("rows", (table, key, columns, back, has_ended)):
            start = ALWAYS if back is None else world.clock.now() - back
            world.put_rows(table, RowVersion(key, {} if has_ended else columns, start, has_ended))
        case _:
            history.play(step)


@pytest.mark.usefixtures("kept_queries")
@given(before=st.lists(steps, max_size=6), after=st.lists(steps, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_stream_values_follow_the_rows(small_world, before, after):
    world = small_world()
    world.apply(DEFINITIONS)
    history = History(world)
    world.put_rows("items", RowVersion("i1", {"brand": "wine"}))
    world.put_rows("stores", RowVersion("s2", {"city": "y"}))
    for step in before:
        play(world, history, step)
    while world.follow_mapping.follow(at_once=True):
        pass
    for step in after:
        play(world, history, step)
    while world.follow_mapping.follow(at_once=True):
        pass
    assert by_tables(world) == world.values()


def test_values_stand_until_a_load_rests_or_has_lasted_long(small_world):
    world = small_world()
    world.apply(DEFINITIONS)
    world.store(world.person(1, 1), world.event(1, "view_item", world.ago(days=3), item_id="i1"))
    world.run()
    world.put_rows("items", RowVersion("i1", {"brand": "tea"}))
    assert not world.follow_mapping.follow()
    assert world.values("t_views") == {"t_views": {1: 0}}
    world.clock.advance(dt.timedelta(milliseconds=QUIET_MS))
    assert world.follow_mapping.follow()
    assert world.values("t_views") == {"t_views": {1: 101 * SCALE}}
    assert not world.follow_mapping.follow(at_once=True)
    patience = PATIENCE_MS // (QUIET_MS // 2)
    for price in range(patience):
        world.put_rows("items", RowVersion("i1", {"price": price * SCALE}))
        assert not world.follow_mapping.follow()
        world.clock.advance(dt.timedelta(milliseconds=QUIET_MS // 2))
    world.put_rows("items", RowVersion("i1", {"price": 0}))
    assert world.follow_mapping.follow()


def test_what_fails_for_good_is_tried_ever_more_seldom(small_world, monkeypatch):
    world = small_world()
    world.apply(DEFINITIONS)
    tried = []

    def failing(tenant, *_):
        tried.append(world.clock.now())
        return Outcome(failures={"t_views": "no"})

    monkeypatch.setattr(world.follow_mapping, "_compute", failing)
    world.put_rows("items", RowVersion("i1", {"brand": "tea"}))
    for _ in range(8):
        world.clock.advance(dt.timedelta(milliseconds=FAILURE_PAUSE_MS))
        world.follow_mapping.follow()
    assert [each - tried[0] for each in tried] == [dt.timedelta(minutes=each) for each in (0, 1, 3, 7)]
    world.put_rows("items", RowVersion("i1", {"brand": "wine"}))
    world.clock.advance(dt.timedelta(milliseconds=FAILURE_PAUSE_MS))
    assert world.follow_mapping.follow()
