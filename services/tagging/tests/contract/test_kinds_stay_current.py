"""What ranks, decays or tells a state moves with the clock although nothing happens: days roll, hours pass."""

import datetime as dt

import pytest
from tagging.app.keep_current import KeepCurrent
from tagging.app.roll_day import RollDay

pytestmark = pytest.mark.usefixtures("kept_queries")

DECAYING = """{tag_id: decaying, name: x, type: {base: text, multi_valued: true, weighted: true},
    top_n: {measure: COUNT(view_item BY category DECAY 1 DAY)}}"""
RECENT = """{tag_id: recent, name: x, type: {base: text, multi_valued: true},
    preference: {measure: COUNT(view_item BY category) IN LAST 6 HOURS}}"""
STATE = "{tag_id: state, name: x, type: text, user_state: {least_days: 2, close: 1, cooling: 2, distant: 3}}"
AIPL = "{tag_id: aipl, name: x, type: text, aipl: {interest_count: 1, interest_days: 2, aware_days: 3}}"
IN_ORDER = """{tag_id: in_order, name: x, type: bool,
    statistic: SEQUENCE(view_item THEN add_to_cart) IN LAST 6 HOURS}"""
BEFORE = """{tag_id: before, name: x, type: bool,
    statistic: SEQUENCE(view_item THEN add_to_cart) IN PREVIOUS 6 HOURS BEFORE LAST}"""
GONE = "{tag_id: gone, name: x, type: bool, statistic: state = 'lost'}"
SCORE = """{tag_id: score, name: x, type: number, score: {parts: [
    {weight: 1, expression: DAYS SINCE(LAST(view_item)), zero_at: 4, full_at: 0}]}}"""


@pytest.fixture
def moved(world):
    """Lets time pass and does all that is due."""
    days = RollDay(
        world.database,
        world.changelog,
        world.everybody,
        world.facts,
        world.tags,
        world.columns,
        world.compute,
        world.clock,
    )
    current = KeepCurrent(
        world.database,
        world.changelog,
        world.facts,
        world.tags,
        world.columns,
        world.recompute,
        world.compute,
        world.clock,
    )

    def move(**by):
        world.clock.advance(dt.timedelta(**by))
        while days.roll() or current.age():
            pass

    return move


def view(world, category, **ago):
    return world.event(1, "view_item", world.ago(**ago), category=category)


def test_weights_decay_when_the_day_rolls(world, moved):
    world.define(DECAYING)
    world.store(world.person(1, 1))
    world.store(view(world, "茶", hours=1), view(world, "酒", days=1))
    value = world.values("decaying")["decaying"][1]
    assert (tuple(value), value.weights) == (("茶", "酒"), (6_667, 3_333))
    moved(days=13)  # 茶 13 days old: 1 of 10,000; 酒 14: 0.61 of it, rounded to 1
    value = world.values("decaying")["decaying"][1]
    assert (tuple(value), value.weights) == (("茶", "酒"), (5_000, 5_000))
    moved(days=2)
    assert world.values("decaying") == {"decaying": {}}


def test_a_ranking_of_hours_lets_events_go_when_their_hours_have_passed(world, moved):
    world.define(RECENT)
    world.store(world.person(1, 1))
    world.store(view(world, "茶", hours=5), view(world, "酒", hours=2))
    assert world.values("recent") == {"recent": {1: ("茶", "酒")}}
    moved(hours=1)
    assert world.values("recent") == {"recent": {1: ("酒",)}}
    moved(hours=3)
    assert world.values("recent") == {"recent": {}}


def test_a_person_cools_day_by_day_and_what_rests_on_the_state_follows(world, moved):
    world.define(STATE, GONE)
    world.store(world.person(1, 1))
    world.store(*(world.event(1, "order_paid", world.ago(days=each), amount=1) for each in (5, 3)))
    states = []
    for _ in range(5):
        states.append(world.values("state")["state"][1])
        moved(days=1)
    assert states == ["cooling", "cooling", "distant", "distant", "lost"]
    assert world.values("gone") == {"gone": {1: True}}


def test_stages_and_scores_fall_back_with_the_days(world, moved):
    world.define(AIPL, SCORE)
    world.store(world.person(1, 1))
    world.store(view(world, "茶", hours=1))
    seen = []
    for _ in range(4):
        values = world.values()
        seen.append((values["aipl"].get(1), values["score"][1] // 10_000))
        moved(days=1)
    assert seen == [("interest", 100), ("interest", 75), ("aware", 50), (None, 25)]


def test_sequences_move_with_the_hours(world, moved):
    world.define(IN_ORDER, BEFORE)
    world.store(world.person(1, 1))
    world.store(view(world, "茶", hours=5), world.event(1, "add_to_cart", world.ago(hours=2)))
    assert world.values("in_order", "before") == {"in_order": {1: True}, "before": {1: False}}
    moved(hours=1)  # the view is 6 hours old, which is no longer in the last 6
    assert world.values("in_order", "before") == {"in_order": {1: False}, "before": {1: False}}
    moved(hours=3)
    assert world.values("in_order", "before") == {"in_order": {1: False}, "before": {1: True}}
    moved(hours=3)
    assert world.values("in_order", "before") == {"in_order": {1: False}, "before": {1: False}}
