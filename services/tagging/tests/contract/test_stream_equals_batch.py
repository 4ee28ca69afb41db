"""Whatever happens in whatever order, runs give what the stream gave: attributes, statistics, rules, RFM, lifecycle."""

import pytest
from histories import check_runs_of_some, check_stream_is_batch, steps, steps_with_runs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.revision import Lane
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.packs import pack_definitions
from tagging.domain.definition import Layer

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
- {tag_id: t_gap, name: x, type: number, statistic: GAP(order_paid) IN LAST 30 DAYS + STREAK(view_item BY WEEK)}
- {tag_id: t_second, name: x, type: datetime, statistic: "NTH(2, view_item)"}
- tag_id: t_left
  name: x
  type: bool
  statistic: SEQUENCE(view_item THEN add_to_cart WITHOUT order_paid BY category WITHIN 24 HOURS) IN LAST 30 DAYS
- {tag_id: t_again, name: x, type: bool, statistic: SEQUENCE(view_item THEN view_item WITHOUT page_view)}
- tag_id: t_festival
  name: x
  type: number
  statistic: COUNT(view_item WHERE NOT is_workday) DURING 'spring-festival-2026' + COUNT(order_paid WHERE is_workday)
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
DEFINITIONS = [*(each for each in pack_definitions("retail") if each.tag_id in RETAIL), *OTHERS]


@pytest.mark.usefixtures("kept_queries")
@given(before=st.lists(steps, max_size=8), after=st.lists(steps, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_stream_values_are_run_values(small_world, before, after):
    check_stream_is_batch(small_world(), DEFINITIONS, before, after)


@pytest.fixture
def some_are_computed(monkeypatch):
    """However many they are."""
    for module in ("division", "turned_persons", "roll_day"):
        monkeypatch.setattr(f"tagging.app.{module}.MOST", 1.0)


READ = {
    "rfm_class",
    "lifecycle_stage",
    "gender",
    "t_kind",
    "t_channels",
    "t_lines",
    "t_month",
    "rfm_recency_days",
}
SOME = [each for each in DEFINITIONS if each.tag_id in READ]
AGEING = parse_definitions(
    """
- {tag_id: a_hours, name: x, type: number, statistic: COUNT(view_item) IN LAST 36 HOURS}
- {tag_id: a_elapsed, name: x, type: number, statistic: ELAPSED DAYS(LAST(order_paid))}
- {tag_id: a_lately, name: x, type: datetime, statistic: LAST(order_paid) IN PREVIOUS 3 DAYS BEFORE LAST}
- {tag_id: a_since, name: x, type: number, statistic: ELAPSED DAYS(a_lately)}
- {tag_id: a_quiet, name: x, type: bool, statistic: a_hours = 0 OR a_elapsed > 3}
- {tag_id: a_after, name: x, type: bool, statistic: SEQUENCE(view_item THEN order_paid) IN LAST 36 HOURS}
- tag_id: a_less
  name: x
  type: bool
  statistic: COUNT(view_item) IN LAST 24 HOURS < COUNT(view_item) IN PREVIOUS 24 HOURS
- {tag_id: a_class, name: x, type: text, statistic: rfm_class}
- {tag_id: a_late, name: x, type: number, update: run, statistic: COUNT(order_paid)}
- {tag_id: a_twice, name: x, type: number, statistic: a_late * 2 + a_hours}
""",
    "here",
)


@pytest.mark.usefixtures("kept_queries", "some_are_computed")
@given(before=st.lists(steps, max_size=3), after=st.lists(steps_with_runs, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_runs_of_some_leave_what_runs_of_everybody_give(small_world, before, after):
    check_runs_of_some(small_world(), [*SOME, *AGEING], before, after)


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
