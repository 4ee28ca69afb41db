"""Whatever happens in whatever order, runs give what the stream gave: user states, AIPL, RFM by scores."""

import pytest
from histories import busy_steps, check_stream_is_batch, hours_between
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tagging.catalogue.files import parse_definitions

DEFINITIONS = parse_definitions(
    """
- {tag_id: t_close, name: x, layer: derived, type: text, user_state: {least_days: 2, close: 1, cooling: 2, distant: 3}}
- {tag_id: t_lost, name: x, type: bool, statistic: "t_close IN ('distant', 'lost')"}
- {tag_id: t_aipl, name: x, type: text, aipl: {purchase_days: 20, interest_days: 10, aware_days: 30}}
- tag_id: t_rfm
  name: x
  type: text
  rfm:
    recency: DAYS SINCE(LAST(order_paid))
    frequency: {expression: COUNT(order_paid), score_bounds: [1, 2, 3, 4]}
    monetary: SUM(order_paid.amount NET)
    result: scores
- tag_id: t_class
  name: x
  type: text
  rfm:
    recency: {expression: DAYS SINCE(LAST(order_paid)), high_score: 3}
    frequency: COUNT(order_paid)
    monetary: {expression: SUM(order_paid.amount), high_score: 4}
""",
    "here",
)


@pytest.mark.usefixtures("kept_queries")
@given(
    before=st.lists(busy_steps, min_size=1, max_size=4),
    after=st.lists(busy_steps, max_size=5),
    hours=hours_between,
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_stream_values_are_run_values(small_world, before, after, hours):
    check_stream_is_batch(small_world(), DEFINITIONS, before, after, hours)
