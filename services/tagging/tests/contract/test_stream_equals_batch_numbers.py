"""Whatever happens in whatever order, runs give what the stream gave: bands, arithmetic, scores, and values that stand
for unknown ones."""

import pytest
from histories import busy_steps, check_stream_is_batch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tagging.catalogue.files import parse_definitions

DEFINITIONS = parse_definitions(
    """
- {tag_id: t_spent, name: x, type: number, statistic: SUM(order_paid.amount)}
- {tag_id: t_orders, name: x, type: number, statistic: COUNT(order_paid) IN LAST 30 DAYS}
- {tag_id: t_average, name: x, type: number, arithmetic: t_spent / t_orders}
- {tag_id: t_lifted, name: x, type: number, arithmetic: t_average * 2 - 1, unknown: {default: -1}}
- {tag_id: t_fixed, name: x, type: text, bands: {expression: t_average, values: [a, b, c], bounds: [1000, 2500]}}
- tag_id: t_ranked
  name: x
  layer: derived
  type: text
  bands: {expression: t_spent, values: [a, b, c], percentiles: [50, 75], population: t_orders > 0}
- tag_id: t_score
  name: x
  type: number
  score:
    parts:
      - {weight: 0.25, when: t_ranked = 'c' OR gender = 'male'}
      - {weight: 0.5, expression: t_spent, zero_at: 100, full_at: 7000}
      - {weight: 0.25, expression: DAYS SINCE(LAST(view_item)), zero_at: 30, full_at: 0}
- {tag_id: gender, name: x, type: text, attribute: gender}
- tag_id: t_gender
  name: x
  type: {base: text, closed: true, options: [male, female]}
  attribute: gender
  unknown: keeps
""",
    "here",
)


@pytest.mark.usefixtures("kept_queries")
@given(before=st.lists(busy_steps, min_size=1, max_size=4), after=st.lists(busy_steps, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_stream_values_are_run_values(small_world, before, after):
    check_stream_is_batch(small_world(), DEFINITIONS, before, after)


def test_what_is_derived_reaches_no_tag_that_rests_on_it(small_world):
    """Of a person who objects to profiling: a basic tag sees the derived one as unknown, at once and in runs."""
    world = small_world()
    world.apply(DEFINITIONS)
    world.store(world.person(1, 1), world.person(2, 2))
    world.store(
        *(world.event(key, "order_paid", world.ago(days=1), amount=key * 10_000_000) for key in (1, 2))
    )
    world.run()
    world.store(world.event(2, "order_paid", world.ago(days=1), amount=90_000_000))
    assert world.values("t_ranked", "t_score") == {
        "t_ranked": {1: "a", 2: "c"},
        "t_score": {1: 65_200, 2: 750_000},
    }
    world.store(world.person(2, 2, attributes={"no_profiling": True}))
    assert world.values("t_ranked", "t_score") == {"t_ranked": {1: "a"}, "t_score": {1: 65_200, 2: 500_000}}
    world.run("t_score")
    assert world.values("t_score")["t_score"][2] == 500_000
