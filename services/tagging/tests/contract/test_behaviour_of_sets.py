"""Funnels, retention and paths of sets of persons, from facts to counts."""

import datetime as dt
from dataclasses import replace

import pytest
from pyroaring import BitMap
from rules.tree import Unit
from servicekit.errors import RightMissing
from tagging.app.behaviour.analyze import (
    AnalyzeFunnel,
    AnalyzePaths,
    AnalyzeRetention,
    Asking,
    CohortPart,
    FunnelQuestion,
    LastStep,
    PathPart,
    PathQuestion,
    RetentionQuestion,
    Stretch,
)
from tagging.app.behaviour.histories import GivenUp, ReadHistories
from tagging.app.flush_lake import FlushLake
from tagging.domain.behaviour.engine import ArrayBehaviour
from tagging.domain.behaviour.paths import Turn
from tagging.domain.definition import Grade
from tagging.domain.reference_rows import RowVersion
from tagging.errors import RuleInvalid
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.sql_manifest import SqlManifest

EVER = Stretch(None, None)
DAY = dt.timedelta(days=1)


@pytest.fixture
def shop(small_world):
    """Four shoppers; the fifth objects to profiling."""
    world = small_world()
    view, cart, paid = "view_item", "add_to_cart", "order_paid"
    world.store(
        *(world.person(each, each) for each in range(1, 5)),
        world.person(5, 5, attributes={"no_profiling": True}),
    )
    did = [
        (1, view, 72), (1, cart, 71), (1, paid, 70), (1, paid, 10),
        (2, view, 60), (2, view, 59), (2, cart, 50),
        (3, cart, 40), (3, view, 30),
        (5, view, 20), (5, cart, 19), (5, paid, 18),
    ]  # fmt: skip
    amounts = {paid: {"amount": 1_000_000}}
    world.store(
        *(
            world.event(key, type_, world.ago(hours=hours), **amounts.get(type_, {}))
            for key, type_, hours in did
        )
    )
    return world


@pytest.fixture
def read(shop):
    return ReadHistories(shop.database, shop.facts, shop.lake, shop.columns, shop.changelog, shop.clock)


def asking(*sets, as_of=None, grades=Grade, stops=lambda: False):
    return Asking("t1", as_of, grades, [BitMap(each) for each in sets], stops)


def funnel(*steps, within=DAY, strict=False, first=EVER):
    return FunnelQuestion(steps or ("view_item", "add_to_cart", "order_paid"), within, strict, first)


EVERYBODY = [1, 2, 3, 4, 5]


def test_a_funnel_counts_the_sets_and_names_its_members(read):
    analyze = AnalyzeFunnel(read, ArrayBehaviour())
    found = analyze(asking(EVERYBODY, [2, 3], [4, 5, 999]), funnel(), LastStep(2, 3))
    assert found.reached == [[3, 2, 1], [2, 1, 0], [0, 0, 0]]
    assert found.members.tolist() == [1, 2]
    assert found.basis.persons == [4, 2, 1], "who objects, or is not there, is not counted"
    (of_few,) = analyze(asking([2]), funnel(), None).reached
    assert of_few == [1, 1, 0]
    strictly = analyze(asking(EVERYBODY), funnel("view_item", "order_paid", strict=True), None)
    loosely = analyze(asking(EVERYBODY), funnel("view_item", "order_paid"), None)
    assert (strictly.reached, loosely.reached) == ([[3, 1]], [[3, 1]])
    between = funnel("view_item", "order_paid", "add_to_cart WHERE quantity > 100", strict=True)
    assert analyze(asking(EVERYBODY), between, None).reached == [[3, 0, 0]]


def test_where_and_moments_decide(shop, read):
    analyze = AnalyzeFunnel(read, ArrayBehaviour())

    def counted(*steps, as_of=None, **said):
        return analyze(asking(EVERYBODY, as_of=as_of), funnel(*steps, **said), None).reached[0]

    assert counted("order_paid WHERE amount >= 100") == [1]
    assert counted("order_paid WHERE amount > 100") == [0]
    assert counted("view_item", "add_to_cart", within=dt.timedelta(hours=2)) == [3, 1]
    assert counted("view_item", as_of=shop.ago(hours=60)) == [2]
    assert counted("view_item", first=Stretch(shop.ago(hours=59), shop.ago(hours=30))) == [1]
    assert counted("view_item WHERE item_id = 'x'") == [0]
    coming = analyze(asking(EVERYBODY), funnel(first=Stretch(shop.ago(hours=-1), None)), None)
    (told,) = coming.basis.warnings
    assert (coming.reached, "lies ahead" in told) == ([[0, 0, 0]], True)
    assert (
        analyze(asking(EVERYBODY), funnel(first=Stretch(shop.ago(hours=0), None)), None).basis.warnings == ()
    )


def test_what_cannot_be_read_is_told_with_its_place(shop, read):
    analyze = AnalyzeFunnel(read, ArrayBehaviour())
    for step, place, said in (
        ("vew_item", 1, "did you mean 'view_item'?"),
        ("order_paid WHERE amont > 1", 18, "did you mean 'amount'?"),
        ("order_paid) + COUNT(view_item", 1, "write order_paid"),
        ("order_paid) IN LAST 3 DAYS", 1, ""),
        ("order_paid.amount", 1, ""),
    ):
        with pytest.raises(RuleInvalid) as refused:
            analyze(asking(EVERYBODY), funnel("view_item", step), None)
        assert "steps[1]" in str(refused.value)
        assert said in str(refused.value)
        assert int(refused.value.metadata["column"]) >= place
    with pytest.raises(RightMissing):
        analyze(asking(EVERYBODY, grades=[Grade.PUBLIC]), funnel("survey_answered"), None)
    with pytest.raises(GivenUp):
        analyze(asking(EVERYBODY, stops=lambda: True), funnel(), None)


def test_retention_follows_cohorts_through_the_tenants_days(shop, read):
    """Noon in Shanghai; 72 hours ago is three days ago."""
    question = RetentionQuestion("view_item", "order_paid", Unit.DAY, dt.date(2026, 3, 7), 4, 4)
    analyze = AnalyzeRetention(read, ArrayBehaviour())
    found = analyze(asking(EVERYBODY, [1]), question, CohortPart(0, 2, away=True))
    assert [each.isoformat() for each in found.starts[:2]] == ["2026-03-07", "2026-03-08"]
    everybody, one = found.matrices
    assert everybody.sizes == [1, 1, 1, 0]
    assert one.sizes == [1, 0, 0, 0]
    assert everybody.returned[0] == [1, 0, 0, 1]
    assert (found.begun, found.over) == ([4, 3, 2, 1], [3, 2, 1, 0])
    assert found.members.tolist() == [1]
    back = analyze(asking(EVERYBODY), question, CohortPart(0, 3, away=False))
    assert back.members.tolist() == [1]
    assert found.basis.warnings == ()
    tomorrow = analyze(asking(EVERYBODY), replace(question, start=dt.date(2026, 3, 11)), None)
    assert "2026-03-11T00:00+08:00" in tomorrow.basis.warnings[0]


def test_paths_are_told_as_a_tree(read):
    question = PathQuestion(
        "view_item", ("add_to_cart", "order_paid", "view_item"), False, 2, 1, 30 * DAY, True, EVER
    )
    found = AnalyzePaths(read, ArrayBehaviour())(
        asking(EVERYBODY), question, PathPart(("add_to_cart",), ended=True)
    )
    assert found.started == 3
    said = [(each.turn, [found.types[place] for place in each.path], each.persons) for each in found.nodes]
    assert said == [
        (Turn.STEP, ["add_to_cart"], 2),
        (Turn.STEP, ["add_to_cart", "order_paid"], 1),
        (Turn.ENDED, ["add_to_cart"], 1),
        (Turn.ENDED, [], 1),
    ]
    assert found.members.tolist() == [2]


def test_events_of_one_type_may_be_steps_by_several_conditions(read):
    question = PathQuestion(
        "add_to_cart",
        ("order_paid WHERE amount >= 100", "order_paid WHERE amount > 1000"),
        backwards=False,
        depth=1,
        top=1,
        within=30 * DAY,
        collapse=False,
        starts=EVER,
    )
    found = AnalyzePaths(read, ArrayBehaviour())(asking(EVERYBODY), question, None)
    assert [(each.turn, each.persons) for each in found.nodes] == [(Turn.STEP, 1), (Turn.ENDED, 2)]


@pytest.mark.parametrize("few", [False, True])
def test_where_looks_into_reference_tables(shop, read, few):
    """As the row was when the event happened; of everybody, and of few who are looked up one by one."""
    old, new = shop.ago(hours=90), shop.ago(hours=65)
    shop.put_rows("items", RowVersion("i1", {"brand": "tea"}, old), RowVersion("i1", {"brand": "cha"}, new))
    shop.store(
        shop.event(1, "search", shop.ago(hours=74), keyword="x"),
        shop.event(1, "view_item", shop.ago(hours=73), item_id="i1"),
        shop.event(2, "view_item", shop.ago(hours=62), item_id="i1"),
    )
    analyze = AnalyzeFunnel(read, ArrayBehaviour())
    persons = [1] if few else EVERYBODY
    steps = funnel("search", "view_item WHERE item_id.brand = 'tea'", "order_paid WHERE amount >= 100")
    assert analyze(asking(persons), steps, None).reached == [[1, 1, 1]]
    cha = funnel("view_item WHERE item_id.brand = 'cha' AND hour >= 0")
    assert analyze(asking(persons), cha, None).reached == [[0 if few else 1]]


async def test_files_of_the_lake_answer_as_rows_do(shop, read):
    analyze = AnalyzeFunnel(read, ArrayBehaviour())
    questions = [
        funnel(),
        funnel("view_item", "order_paid WHERE amount >= 100", "order_paid WHERE amount > 1000", strict=True),
        funnel("add_to_cart WHERE quantity > 1", "view_item"),
    ]
    before = [analyze(asking(EVERYBODY), each, None).reached for each in questions]
    folder = LakeFolder(shop.folder / "lake", LakeColumns(shop.dictionary))
    flushed = await FlushLake(shop.database, SqlManifest(), shop.facts.tenants, folder).flush("t1")
    assert flushed.file_count > 1
    shop.store(shop.event(4, "view_item", shop.ago(hours=1)))
    after = [analyze(asking([1, 2, 3, 5]), each, None).reached for each in questions]
    assert after == before
    assert analyze(asking(EVERYBODY), funnel("view_item"), None).reached == [[4]]
