"""BehaviourService over a real channel: groups, shares, withheld cells, and cells as audiences."""

import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf import duration_pb2
from huaxiang.segments.v1 import behaviour_pb2, insight_pb2, insight_service_pb2
from huaxiang.segments.v1 import behaviour_service_pb2 as pb
from huaxiang.segments.v1.behaviour_service_pb2_grpc import BehaviourServiceStub
from huaxiang.segments.v1.insight_service_pb2_grpc import InsightServiceStub
from segments.api import behaviour_render
from segments_behaviour import (
    AS_OF,
    COHORTS,
    PERIODS,
    FakeBehaviour,
    cohort,
    last_step,
    returned,
    walk,
)
from segments_retail import PERSONS, Retail, city, gender, interests, retail, vip
from servicekit.revision import parse_token
from servicekit.status import reason_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
WEEK = duration_pb2.Duration(seconds=604_800)
BIG = "order_paid WHERE amount > 10"
FUNNEL = behaviour_pb2.Funnel(steps=["order_paid", BIG, "order_paid"], within=WEEK)
MATRIX = behaviour_pb2.Retention(
    first="order_paid", period=behaviour_pb2.RETENTION_PERIOD_DAY, start_day=20_500,
    cohort_count=COHORTS, period_count=PERIODS,
)  # fmt: skip
PATHS = behaviour_pb2.Paths(start="order_paid", steps=["order_paid"], within=WEEK, depth=2)
VIPS = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="vip = TRUE"))


@dataclass
class Shop:
    retail: Retail
    tagging: FakeBehaviour

    def stub(self, role: str = "admin") -> BehaviourServiceStub:
        return BehaviourServiceStub(self.retail.server.connect(role))

    async def described(
        self, cell: insight_pb2.BehaviourCell, role: str = "admin"
    ) -> insight_service_pb2.DescribeAudienceResponse:
        request = insight_service_pb2.DescribeAudienceRequest(
            audience=insight_pb2.Audience(behaviour=cell),
            questions=[insight_pb2.TagQuestion(tag_id="vip")],
        )
        stub = InsightServiceStub(self.retail.server.connect(role))
        return await stub.DescribeAudience(request)

    async def count(self, cell: insight_pb2.BehaviourCell) -> int:
        return (await self.described(cell)).audience.count


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("shop")
    tagging = FakeBehaviour()
    async with retail(f"sqlite:///{folder / 'segments.db'}", folder, tagging.service()) as running:
        yield Shop(running, tagging)


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    reason = reason_of(error.value)
    return reason.reason, dict(reason.metadata)


def reached(persons: Iterable[int]) -> list[int]:
    counted = Counter(map(last_step, persons))
    return [sum(count for last, count in counted.items() if last >= step) for step in (1, 2, 3)]


def named(group: pb.AudienceGroup) -> str:
    value = group.cell.path[-1] if group.cell.path else None
    if value is None:
        return {pb.GROUP_KIND_ALL: "all", pb.GROUP_KIND_OTHERS: "others", pb.GROUP_KIND_UNKNOWN: "unknown"}[
            group.kind
        ]
    return value.text_value or str(value.bool_value)


async def test_a_funnel_counts_the_audience_and_its_groups(shop: Shop) -> None:
    request = pb.GetFunnelRequest(funnel=FUNNEL, breakdown=pb.Breakdown(tag_id="gender"))
    found = await shop.stub().GetFunnel(request)
    wanted = {"all": list(PERSONS), "female": [], "male": [], "unknown": []}
    for each in PERSONS:
        wanted[gender(each) or "unknown"].append(each)
    assert {named(each.group) for each in found.groups} == wanted.keys()
    for each in found.groups:
        persons = wanted[named(each.group)]
        assert each.group.persons == len(persons)
        assert [step.persons for step in each.steps] == reached(persons)
    first, second, third = found.groups[0].steps
    assert first.of_previous == first.persons / len(PERSONS)
    assert second.of_previous == second.of_first == second.persons / first.persons
    assert third.of_first == third.persons / first.persons
    assert found.audience.count == found.events.person_count == len(PERSONS)
    assert found.events.as_of.ToDatetime(AS_OF.tzinfo) == AS_OF
    assert parse_token(found.events.revision.token)
    assert "told by tagging" in found.basis.freshness.warnings
    assert [each.tag_id for each in found.basis.tags] == ["gender"]
    asked = shop.tagging.asked[-1]
    assert list(asked.steps) == list(FUNNEL.steps)
    assert asked.consistency.HasField("at_least_as_fresh")


async def test_others_stand_together_and_lists_overlap(shop: Shop) -> None:
    request = pb.GetFunnelRequest(
        audience=VIPS, funnel=FUNNEL, breakdown=pb.Breakdown(tag_id="city", max_values=1)
    )
    found = await shop.stub().GetFunnel(request)
    vips = [each for each in PERSONS if vip(each)]
    top = Counter(map(city, vips)).most_common(1)[0][0]
    said = {named(each.group): [step.persons for step in each.steps] for each in found.groups}
    assert said[top] == reached(each for each in vips if city(each) == top)
    assert said["others"] == reached(each for each in vips if city(each) != top)
    provinces = pb.GetFunnelRequest(funnel=FUNNEL, breakdown=pb.Breakdown(tag_id="city", level=1))
    by_province = {named(each.group): each for each in (await shop.stub().GetFunnel(provinces)).groups}
    southern = by_province["广东"]
    assert by_province.keys() == {"all", "广东", "浙江"}
    assert [step.persons for step in southern.steps] == reached(
        each for each in PERSONS if city(each) != "杭州"
    )
    same = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule=southern.group.cell.rule))
    of_rule = await shop.stub().GetFunnel(pb.GetFunnelRequest(audience=same, funnel=FUNNEL))
    assert of_rule.groups[0].steps == southern.steps
    by_list = pb.GetFunnelRequest(funnel=FUNNEL, breakdown=pb.Breakdown(tag_id="interests"))
    for each in (await shop.stub().GetFunnel(by_list)).groups[1:-1]:
        persons = [one for one in PERSONS if named(each.group) in (interests(one) or ())]
        assert [step.persons for step in each.steps] == reached(persons)


async def test_few_persons_are_withheld_with_what_gives_them_away(shop: Shop) -> None:
    """Five buy: who reaches the third step is withheld, and so is who stops at the second."""
    kept = await shop.stub("viewer").GetFunnel(
        pb.GetFunnelRequest(funnel=FUNNEL, breakdown=pb.Breakdown(tag_id="gender"))
    )
    assert reached(PERSONS)[2] < 10
    buyers = Counter(gender(each) for each in PERSONS if last_step(each) == 3)
    assert buyers.keys() == {"female"}
    for each in kept.groups:
        assert each.steps[2].withheld == (named(each.group) in {"all", "female"})
        assert each.steps[2].HasField("persons") != each.steps[2].withheld
        assert not each.steps[2].persons
    assert kept.groups[0].steps[1].persons == reached(PERSONS)[1]
    assert kept.basis.withheld_below == 10
    some = insight_pb2.Audience(persons=insight_pb2.PersonList(person_ids=range(1, 41)))
    matrix = await shop.stub("viewer").GetRetention(pb.GetRetentionRequest(audience=some, retention=MATRIX))
    for place, each in enumerate(matrix.groups[0].cohorts):
        persons = [one for one in range(1, 41) if cohort(one) == place]
        assert each.persons == len(persons) == 10
        for period, count in enumerate(each.periods):
            back = sum(period in returned(one) for one in persons)
            assert count.withheld == (0 < back < 10)
    paths = await shop.stub("viewer").GetPaths(pb.GetPathsRequest(audience=some, paths=PATHS))
    assert any(each.withheld for each in paths.nodes)
    shown = [each for each in paths.nodes if not each.withheld]
    assert all(each.persons >= 10 for each in shown)


async def test_a_cell_of_few_is_withheld_wherever_it_is_an_audience(shop: Shop) -> None:
    buyers = insight_pb2.BehaviourCell(funnel=behaviour_pb2.FunnelCell(funnel=FUNNEL, step=3))
    assert (await shop.described(buyers)).audience.count == 5
    one = insight_pb2.Audience(persons=insight_pb2.PersonList(person_ids=[5]))
    of_one = insight_pb2.BehaviourCell(among=one, funnel=buyers.funnel)
    for cell in (buyers, of_one):
        told = await shop.described(cell, "viewer")
        assert not told.audience.HasField("count")
        assert not told.tags
        audience = insight_pb2.Audience(behaviour=cell)
        funnel = await shop.stub("viewer").GetFunnel(pb.GetFunnelRequest(audience=audience, funnel=FUNNEL))
        assert not funnel.audience.HasField("count")
        assert not funnel.events.HasField("person_count")
        assert not funnel.groups
        both = [audience, VIPS]
        overlap = await InsightServiceStub(shop.retail.server.connect("viewer")).OverlapAudiences(
            insight_service_pb2.OverlapAudiencesRequest(audiences=both)
        )
        assert [each.HasField("count") for each in overlap.audiences] == [False, True]
        assert not overlap.intersections
    many = insight_pb2.BehaviourCell(funnel=behaviour_pb2.FunnelCell(funnel=FUNNEL, step=1))
    assert (await shop.described(many, "viewer")).audience.count == reached(PERSONS)[0]


async def test_a_cell_that_leaves_few_out_is_withheld(shop: Shop) -> None:
    """Five of 105 buy nothing; of a cohort of 25 five stay away."""
    stub = InsightServiceStub(shop.retail.server.connect("viewer"))

    async def told(audience: insight_pb2.Audience, base: insight_pb2.Audience) -> list[bool]:
        questions = [insight_pb2.TagQuestion(tag_id="vip")]
        found = await stub.DescribeAudience(
            insight_service_pb2.DescribeAudienceRequest(audience=audience, base=base, questions=questions)
        )
        return [found.audience.HasField("count"), found.base.HasField("count")]

    def cell(persons: insight_pb2.Audience, **part: Any) -> insight_pb2.Audience:
        return insight_pb2.Audience(behaviour=insight_pb2.BehaviourCell(among=persons, **part))

    some = insight_pb2.PersonList(person_ids=[*range(2, 201, 2), 1, 3, 7, 9, 11])
    everybody = insight_pb2.Audience(persons=some)
    buyers = cell(everybody, funnel=behaviour_pb2.FunnelCell(funnel=FUNNEL, step=1))
    assert await told(buyers, everybody) == [False, True]
    ids = [*range(9, 240, 12), *range(1, 60, 12), *range(2, 83, 4)]
    everybody = insight_pb2.Audience(persons=insight_pb2.PersonList(person_ids=ids))
    whole = behaviour_pb2.RetentionCell(retention=MATRIX, cohort=1)
    part = behaviour_pb2.RetentionCell(retention=MATRIX, cohort=1, period=0)
    came, back = cell(everybody, retention=whole), cell(everybody, retention=part)
    assert await told(came, everybody) == await told(back, everybody) == [True, True]
    assert await told(back, came) == [False, False]


async def test_neither_events_nor_sizes_tell_of_few(shop: Shop) -> None:
    shop.tagging.left_out = 3
    try:
        request = pb.GetFunnelRequest(funnel=FUNNEL)
        whole = await shop.stub().GetFunnel(request)
        kept = await shop.stub("viewer").GetFunnel(request)
    finally:
        shop.tagging.left_out = 0
    assert (whole.audience.count, whole.events.person_count) == (len(PERSONS), len(PERSONS) - 3)
    assert whole.events.event_count == 1
    assert kept.events.person_count == kept.groups[0].group.persons == len(PERSONS) - 3
    assert not kept.audience.HasField("count")
    assert (kept.audience.population_count, kept.basis.freshness.population_count) == (0, 0)
    assert not kept.events.HasField("event_count")


async def test_retention_is_told_by_cohort_period_and_group(shop: Shop) -> None:
    request = pb.GetRetentionRequest(retention=MATRIX, breakdown=pb.Breakdown(tag_id="vip"))
    found = await shop.stub().GetRetention(request)
    wanted = {"all": list(PERSONS), "True": [], "False": []}
    for each in PERSONS:
        wanted[str(vip(each))].append(each)
    for each in found.groups:
        for place, counted in enumerate(each.cohorts):
            persons = [one for one in wanted[named(each.group)] if cohort(one) == place]
            back = [sum(period in returned(one) for one in persons) for period in range(PERIODS)]
            assert counted.start_day == MATRIX.start_day + place
            assert counted.persons == len(persons)
            assert [count.persons for count in counted.periods] == back
            assert [count.share for count in counted.periods] == [
                one / len(persons) if persons else 0 for one in back
            ]
            assert [count.partial for count in counted.periods] == [False, True]
    assert shop.tagging.asked[-1].returning == "order_paid", "the same when nothing is said"


async def test_other_calls_go_on_while_a_matrix_is_put_into_messages(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 52 groups, 60 cohorts and 60 periods that takes most of a second."""
    render, threads = behaviour_render.retention, []

    def seen(found: Any) -> Any:
        threads.append(threading.current_thread())
        return render(found)

    monkeypatch.setattr(behaviour_render, "retention", seen)
    await shop.stub().GetRetention(pb.GetRetentionRequest(retention=MATRIX))
    assert threads
    assert threading.current_thread() not in threads


async def test_paths_are_told_as_a_tree(shop: Shop) -> None:
    found = await shop.stub().GetPaths(pb.GetPathsRequest(audience=VIPS, paths=PATHS))
    walks = [way for each in PERSONS if vip(each) and (way := walk(each)) is not None]
    assert found.started == len(walks)
    counts = {(): len(walks)}
    for each in found.nodes:
        path = tuple(each.event_types)
        if each.kind == pb.PATH_NODE_KIND_STEP:
            counts[path] = sum(way[: len(path)] == path for way in walks)
            assert (each.persons, each.share) == (counts[path], counts[path] / counts[path[:-1]])
        else:
            assert each.persons == sum(way == path for way in walks)
    assert len(counts) > 3


async def test_every_cell_is_an_audience(shop: Shop) -> None:
    vips = [each for each in PERSONS if vip(each)]
    cells = insight_pb2.BehaviourCell
    for step, stopped in ((1, False), (2, True), (0, True)):
        part = behaviour_pb2.FunnelCell(funnel=FUNNEL, step=step, stopped=stopped)
        wanted = [
            each for each in vips if last_step(each) == step or (not stopped and last_step(each) > step)
        ]
        assert await shop.count(cells(among=VIPS, funnel=part)) == len(wanted)
    for away in (False, True):
        cut = behaviour_pb2.RetentionCell(retention=MATRIX, cohort=1, period=1, away=away)
        wanted = [each for each in PERSONS if cohort(each) == 1 and (1 in returned(each)) != away]
        assert await shop.count(cells(retention=cut)) == len(wanted)
    whole = behaviour_pb2.RetentionCell(retention=MATRIX, cohort=2)
    assert await shop.count(cells(retention=whole)) == sum(cohort(each) == 2 for each in PERSONS)
    way = behaviour_pb2.PathCell(paths=PATHS, event_types=["view_item"], ended=True)
    assert await shop.count(cells(path=way)) == sum(walk(each) == ("view_item",) for each in PERSONS)


async def test_what_cannot_be_asked_is_told(shop: Shop) -> None:
    stub = shop.stub()

    def funnel(*steps: str, **said: Any) -> Any:
        asked = behaviour_pb2.Funnel(**{"steps": steps or ["order_paid"], "within": WEEK, **said})
        return stub.GetFunnel(pb.GetFunnelRequest(funnel=asked))

    reason, told = await refused(funnel("order_paid", "order_payd"))
    assert (reason, told["suggestion"], told["column"]) == ("RULE_INVALID", "order_paid", "7")
    assert told["problem"].startswith("steps[1]: ")
    assert (await funnel("danced")).groups, "what a tenant declares is tagging's to know"
    health = pb.GetFunnelRequest(funnel=behaviour_pb2.Funnel(steps=["checkup_completed"], within=WEEK))
    reason, told = await refused(shop.stub("viewer").GetFunnel(health))
    assert (reason, told["right"]) == ("RIGHT_MISSING", "tagging.values.read_sensitive")
    assert list((await stub.GetFunnel(health)).basis.sensitive_purposes) == ["health"]
    for call, field in (
        (funnel(*["order_paid"] * 11), ""),
        (funnel(" "), "funnel.steps[0]"),
        (funnel(within=duration_pb2.Duration(seconds=-1)), "funnel.within"),
        (stub.GetFunnel(pb.GetFunnelRequest()), "funnel.steps"),
    ):
        assert (await refused(call))[1].get("field", "") in {field, "funnel.steps"}
    by = [
        ("points", "INVALID_FIELD"), ("gendr", "NOT_FOUND"), ("illness", "TAG_NOT_READABLE"),
    ]  # fmt: skip
    for tag_id, reason in by:
        request = pb.GetFunnelRequest(funnel=FUNNEL, breakdown=pb.Breakdown(tag_id=tag_id))
        assert (await refused(shop.stub("analyst").GetFunnel(request)))[0] == reason
    wide = pb.GetFunnelRequest(funnel=FUNNEL, breakdown=pb.Breakdown(tag_id="city", max_values=51))
    tall = pb.GetRetentionRequest(retention=behaviour_pb2.Retention(first="order_paid", cohort_count=61))
    deep = pb.GetPathsRequest(paths=behaviour_pb2.Paths(start="x", steps=["x"], within=WEEK, depth=11))
    for call, field in (
        (stub.GetFunnel(wide), "breakdown.max_values"),
        (stub.GetRetention(tall), "retention.cohort_count"),
        (stub.GetPaths(deep), "paths.depth"),
    ):
        assert (await refused(call))[1]["field"] == field
    part = insight_pb2.BehaviourCell(funnel=behaviour_pb2.FunnelCell(funnel=FUNNEL, step=1))
    nested = insight_pb2.BehaviourCell(among=insight_pb2.Audience(behaviour=part), funnel=part.funnel)
    for cell, field in (
        (nested, "audience.behaviour.among"),
        (insight_pb2.BehaviourCell(), "audience.behaviour"),
        (
            insight_pb2.BehaviourCell(funnel=behaviour_pb2.FunnelCell(funnel=FUNNEL, step=4)),
            "audience.behaviour.funnel.step",
        ),
    ):
        assert (await refused(shop.count(cell)))[1]["field"] == field
