"""Why a person has a value: every kind's questions with their evidence, and what lies between them and the value."""

import pytest
from rules.evaluate.person import Explanation
from tagging.app.explain import Explain
from tagging.app.read_values import ReadValues
from tagging.domain.definition import Grade

pytestmark = pytest.mark.usefixtures("kept_queries")

TAGS = (
    "{tag_id: spent, name: x, type: number, statistic: SUM(order_paid.amount)}",
    """{tag_id: top, name: x, type: {base: text, multi_valued: true, weighted: true},
        top_n: {measure: COUNT(view_item BY category)}}""",
    """{tag_id: likes, name: x, type: {base: text, multi_valued: true},
        preference: {measure: COUNT(view_item BY category), least_tgi: 100}}""",
    """{tag_id: scenes, name: x, type: {base: text, multi_valued: true},
        scene_group: {scenes: [{value: drinks, keys: [茶, 酒]}]}}""",
    "{tag_id: band, name: x, type: text, bands: {expression: spent, values: [low, high], bounds: [10]}}",
    "{tag_id: ranked, name: x, type: text, bands: {expression: spent, values: [low, high], percentiles: [50]}}",
    "{tag_id: double, name: x, type: number, arithmetic: spent * 2}",
    "{tag_id: state, name: x, type: text, user_state: {least_days: 2}}",
    """{tag_id: score, name: x, type: number,
        score: {parts: [{weight: 0.5, when: spent > 5}, {weight: 0.5, expression: spent, full_at: 60}]}}""",
    "{tag_id: aipl, name: x, type: text, aipl: {}}",
    """{tag_id: rfm, name: x, type: text, rfm: {recency: DAYS SINCE(LAST(order_paid)), frequency: COUNT(order_paid),
        monetary: SUM(order_paid.amount), result: scores}}""",
)


@pytest.fixture
def explained(world):
    """A person with two orders and three views, a run, and what is told of a tag: (value, parts)."""
    world.define(*TAGS)
    world.store(world.person(1, 1), world.person(2, 2))
    items = ({"category": "茶", "quantity": 10_000}, {"category": "糖", "quantity": 10_000})
    world.store(
        world.event(1, "order_paid", world.ago(days=30), amount=100_000, items=items),
        world.event(1, "order_paid", world.ago(days=10), amount=200_000),
        *(world.event(1, "view_item", world.ago(hours=each), category="茶") for each in (1, 2)),
        world.event(1, "view_item", world.ago(hours=3), category="酒"),
        world.event(2, "view_item", world.ago(hours=3), category="酒"),
    )
    world.run()
    values = ReadValues(world.facts, world.events, world.tags, world.columns, world.changelog, world.clock)
    explain = Explain(
        world.facts, world.events, world.references, world.tags, world.columns, values, world.clock
    )

    def tell(tag_id):
        found = world.database.read_now(explain.tag, world.tenant, 1, tag_id, frozenset(Grade))
        assert found.value.stored is not None
        return found.value.stored.value, found

    return tell


def texts(found):
    return [each.text for each in found.parts]


def test_a_ranking_tells_each_group_with_its_events_and_its_share(explained):
    value, found = explained("top")
    assert tuple(value) == ("茶", "酒")
    measure, *remarks = found.parts
    assert measure.text == "measure: COUNT(view_item BY category)"
    assert [(each.text, each.value, len(each.evidence)) for each in measure.parts] == [
        ("茶", 20_000, 2),
        ("酒", 10_000, 1),
    ]
    assert [each.text for each in remarks] == ["茶: share 0.6667, events 2", "酒: share 0.3333, events 1"]


def test_a_preference_tells_the_index_and_the_run_that_froze_the_population(explained):
    value, found = explained("likes")
    assert value == ("茶",)
    assert texts(found)[1:] == [
        "茶: share 0.6667, TGI 133.34, events 2",
        "酒: share 0.3333, TGI 66.66, events 1",
    ]
    assert (found.cuts.number, bool(found.cuts.run_id)) == (1, True)


def test_scenes_tell_what_they_add_up(explained):
    value, found = explained("scenes")
    assert value == ("drinks",)
    assert texts(found)[-1] == "drinks: share 0.5, events 1"


def test_bands_tell_where_they_begin(explained):
    assert explained("band")[0] == "high"
    assert texts(explained("band")[1]) == ["expression: spent", "high from 10"]
    value, found = explained("ranked")
    assert value == "high"
    assert texts(found)[-1] == "high above 0, the number of percentile 50"


def test_arithmetic_tells_the_tags_it_calculates_with(explained):
    value, found = explained("double")
    explanation = found.parts[0].explanation
    assert value == 600_000
    assert isinstance(explanation, Explanation)
    assert [each.value for each in explanation.parts] == [300_000, 20_000]


def test_a_user_state_tells_the_own_cycle(explained):
    value, found = explained("state")
    assert value == "close"
    assert texts(found)[-1] == "the own cycle is 20 days, the last purchase was 10 days ago"


def test_a_score_tells_its_parts(explained):
    value, found = explained("score")
    assert value == 750_000
    assert texts(found)[2:] == ["spent > 5: 1 of weight 0.5", "spent: 0.5 of weight 0.5"]


def test_aipl_tells_its_counts_with_evidence_and_since_when(explained, world):
    value, found = explained("aipl")
    assert (value, found.value.entry_time) == ("loyal", world.ago(days=10))  # the second purchase
    assert found.parts[0].text == "purchases: COUNT(order_paid) IN LAST 365 DAYS"
    assert len(found.parts[0].explanation.evidence) == 2


def test_rfm_tells_where_scores_begin(explained):
    value, found = explained("rfm")
    assert value == "111"  # a population of one: nobody is beyond anything
    assert texts(found)[-1] == "monetary scores 1, and one more above each of 30, 30, 30, 30"
