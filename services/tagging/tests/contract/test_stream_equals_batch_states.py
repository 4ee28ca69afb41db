"""Whatever happens in whatever order, runs give what the stream gave: bands, arithmetic, scores, user states, AIPL,
RFM's scores, and values that stand for unknown ones."""

from histories import busy_steps, check_stream_is_batch, kept_statements
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
  type: text
  bands: {expression: t_spent, values: [a, b, c], percentiles: [50, 75], population: t_orders > 0}
- {tag_id: t_close, name: x, layer: derived, type: text, user_state: {least_days: 2, close: 1, cooling: 2, distant: 3}}
- tag_id: t_score
  name: x
  type: number
  score:
    parts:
      - {weight: 0.25, when: t_close = 'close' OR gender = 'male'}
      - {weight: 0.5, expression: t_spent, zero_at: 100, full_at: 7000}
      - {weight: 0.25, expression: DAYS SINCE(LAST(view_item)), zero_at: 30, full_at: 0}
- {tag_id: t_aipl, name: x, type: text, aipl: {purchase_days: 20, interest_days: 10, aware_days: 30}}
- {tag_id: gender, name: x, type: text, attribute: gender}
- tag_id: t_gender
  name: x
  type: {base: text, closed: true, options: [male, female]}
  attribute: gender
  unknown: keeps
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


@given(before=st.lists(busy_steps, max_size=5), after=st.lists(busy_steps, max_size=7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_stream_values_are_run_values(small_world, monkeypatch, before, after):
    kept_statements(monkeypatch)
    check_stream_is_batch(small_world(), DEFINITIONS, before, after)
