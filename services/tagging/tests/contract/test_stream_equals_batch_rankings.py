"""Whatever happens in whatever order, runs give what the stream gave: top values, preferences, scenes, and what rests
on them."""

import pytest
from histories import busy_steps, check_stream_is_batch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tagging.catalogue.files import parse_definitions

DEFINITIONS = parse_definitions(
    """
- tag_id: t_top
  name: x
  type: {base: text, multi_valued: true, weighted: true}
  top_n: {measure: COUNT(view_item BY category), count: 2}
- tag_id: t_bought
  name: x
  type: {base: text, multi_valued: true, weighted: true}
  top_n:
    measure: SUM(order_paid.items.amount BY category DECAY 7 DAYS) IN LAST 30 DAYS
    least_share: 0.1
    sure_events: 3
- {tag_id: t_channel, name: x, type: text, top_n: {measure: DAYS(order_paid WHERE amount > 100 BY channel), count: 1}}
- tag_id: t_hours
  name: x
  layer: derived
  type: {base: text, multi_valued: true, weighted: true}
  preference:
    measure: COUNT(view_item BY hour DECAY 3 DAYS)
    least_share: 0.3
    names: [{value: night, from_number: 22, to_number: 6}, {value: morning, from_number: 6, to_number: 12}]
- tag_id: t_likes
  name: x
  type: {base: text, multi_valued: true}
  preference: {measure: COUNT(view_item BY category) IN LAST 36 HOURS, least_tgi: 90}
- {tag_id: t_most, name: x, type: text, preference: {measure: COUNT(view_item BY category), order: tgi, count: 1}}
- tag_id: t_scenes
  name: x
  type: {base: text, multi_valued: true, weighted: true, closed: true, options: [drinks, fresh]}
  scene_group: {scenes: [{value: drinks, keys: [茶, 酒]}, {value: fresh, keys: [水果]}]}
- {tag_id: t_drinks, name: x, type: bool, statistic: "t_scenes HAS ANY ('drinks') AND NOT t_top HAS ANY ('水果')"}
""",
    "here",
)


@pytest.mark.usefixtures("kept_queries")
@given(before=st.lists(busy_steps, min_size=1, max_size=4), after=st.lists(busy_steps, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_stream_values_are_run_values(small_world, before, after):
    check_stream_is_batch(small_world(), DEFINITIONS, before, after)
