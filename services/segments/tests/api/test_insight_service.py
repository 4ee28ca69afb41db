"""InsightService over a real channel, beside numbers counted person by person."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict
from huaxiang.segments.v1 import (
    insight_pb2,
    segment_pb2,
    segment_service_pb2,
    segment_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
)
from huaxiang.segments.v1 import insight_service_pb2 as pb
from huaxiang.segments.v1.insight_service_pb2_grpc import InsightServiceStub
from segments_retail import COLUMNS, GONE, PERSONS, Retail, city, gender, orders, points, retail, vip
from servicekit.revision import parse_token
from servicekit.status import reason_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
VIPS = [person for person in PERSONS if vip(person)]
OF_VIPS = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="vip = TRUE"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Retail]:
    folder: Path = tmp_path_factory.mktemp("shop")
    async with retail(f"sqlite:///{folder / 'segments.db'}", folder) as running:
        yield running


def stub(shop: Retail, role: str = "admin") -> InsightServiceStub:
    return InsightServiceStub(shop.server.connect(role))


def listed(*persons: int) -> insight_pb2.Audience:
    return insight_pb2.Audience(persons=insight_pb2.PersonList(person_ids=persons))


async def describe(
    shop: Retail, *questions: insight_pb2.TagQuestion | str, role: str = "admin", **said: Any
) -> pb.DescribeAudienceResponse:
    asked = [insight_pb2.TagQuestion(tag_id=each) if isinstance(each, str) else each for each in questions]
    request = pb.DescribeAudienceRequest(**{"audience": OF_VIPS, "questions": asked, **said})
    return await stub(shop, role).DescribeAudience(request)


async def refused(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    reason = reason_of(error.value)
    return error.value.code(), reason.reason, dict(reason.metadata)


def counted(of: Callable[[int], Any], persons: list[int]) -> dict[Any, int]:
    return dict(Counter(value for value in map(of, persons) if value is not None))


def by_value(values: Any) -> dict[str, Any]:
    return {each.cell.path[-1].text_value: each for each in values}


async def test_shares_and_tgi_are_over_persons_whose_tag_is_known(shop: Retail) -> None:
    found = await describe(shop, "gender")
    (tag,) = found.tags
    here, there = counted(gender, VIPS), counted(gender, list(PERSONS))
    assert (found.audience.count, found.base.count) == (len(VIPS), len(PERSONS))
    assert (tag.known.known, tag.known.unknown) == (len(VIPS), 0)
    assert (tag.base_known.known, tag.base_known.unknown) == (sum(there.values()), 120)
    for value, each in by_value(tag.values).items():
        assert (each.audience.persons, each.base.persons) == (here[value], there[value])
        share, base_share = here[value] / len(VIPS), there[value] / sum(there.values())
        assert each.audience.share == pytest.approx(share)
        assert each.tgi == pytest.approx(100 * share / base_share)
        assert each.weight == pytest.approx(here[value] * (each.tgi - 100))
    assert [each.value.cell.path[0].text_value for each in found.preferences] == ["female", "male"]
    assert [each.value.verdict for each in found.preferences] == [
        insight_pb2.PREFERENCE_VERDICT_PREFERS,
        insight_pb2.PREFERENCE_VERDICT_AVOIDS,
    ]


async def test_every_cell_of_every_tag_is_an_audience(shop: Retail) -> None:
    """The rule of a cell, together with the audience's, counts just the cell's persons."""
    questions = [insight_pb2.TagQuestion(tag_id=each, level=int(each == "city")) for each in COLUMNS]
    found = await describe(shop, *questions)
    segments = segment_service_pb2_grpc.SegmentServiceStub(shop.server.connect("admin"))
    seen = 0
    for tag in found.tags:
        assert tag.values
        for each in tag.values:
            rule = f"vip = TRUE AND ({each.cell.rule})"
            request = segment_service_pb2.PreviewSegmentRequest(rule=rule)
            assert (await segments.PreviewSegment(request)).count == each.audience.persons, rule
            seen += each.audience.persons
    assert seen > 7 * len(VIPS)


async def test_levels_of_a_tree(shop: Retail) -> None:
    stored = counted(city, VIPS)
    levels = {}
    for level in (0, 1, 2):
        found = await describe(shop, insight_pb2.TagQuestion(tag_id="city", level=level))
        cells = {tuple(step.text_value for step in each.cell.path): each for each in found.tags[0].values}
        levels[level] = {path: each.audience.persons for path, each in cells.items()}
    assert levels[0] == levels[2]
    assert levels[2] == {
        ("广东", "深圳"): stored["深圳"],
        ("广东", "广州"): stored["广州"],
        ("广东",): 0,
        ("浙江", "杭州"): 0,
    }
    assert levels[1] == {("广东",): len(VIPS), ("浙江",): 0}


async def test_numbers_have_figures_and_a_histogram(shop: Retail) -> None:
    question = insight_pb2.TagQuestion(tag_id="points", bounds=[200_000, 500_000])
    tag = (await describe(shop, question)).tags[0]
    known = sorted(each for each in map(points, VIPS) if each is not None)
    assert tag.summary.mean == round(sum(known) / len(known))
    assert (tag.summary.least, tag.summary.greatest) == (known[0], known[-1])
    assert [each.audience.persons for each in tag.values] == [
        sum(each < 200_000 for each in known),
        sum(200_000 <= each < 500_000 for each in known),
        sum(each >= 500_000 for each in known),
    ]
    assert [each.cell.from_value.number_value for each in tag.values] == [0, 200_000, 500_000]
    assert not tag.values[0].cell.HasField("from_value")
    by_itself = (await describe(shop, "points")).tags[0]
    assert sum(each.audience.persons for each in by_itself.values) == len(known)
    assert 8 <= len(by_itself.values) <= 20


async def test_few_persons_are_withheld_from_whoever_lacks_the_right(shop: Retail) -> None:
    """Six ill persons, of whom none is told to a reader of sensitive tags who may not see small cells."""
    told = await describe(shop, "illness")
    assert by_value(told.tags[0].values)["some"].audience.persons == 6
    assert told.basis.withheld_below == 0
    few = listed(*[person for person in PERSONS if gender(person) == "male"][:107], 2, 4, 6)
    as_admin = by_value((await describe(shop, "gender", audience=few)).tags[0].values)
    assert as_admin["female"].audience.persons == 3
    found = await describe(shop, "gender", role="analyst", audience=few)
    assert found.basis.withheld_below == 10
    for each in found.tags[0].values:
        assert each.audience.withheld
        assert not each.audience.HasField("persons")
        assert not each.HasField("tgi")
        assert not each.HasField("p_value")
        assert each.verdict == insight_pb2.PREFERENCE_VERDICT_UNSPECIFIED
        assert each.base.persons > 10
    figures = (await describe(shop, "points", role="analyst")).tags[0].summary
    assert not figures.HasField("least")
    assert not figures.HasField("greatest")
    assert figures.quantiles


async def test_tags_that_the_caller_may_not_read_are_refused_by_name(shop: Retail) -> None:
    code, reason, metadata = await refused(describe(shop, "gender", "birthday", "illness", role="marketer"))
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "TAG_NOT_READABLE")
    assert metadata == {
        "tags": "birthday, illness",
        "rights": "tagging.values.read_personal, tagging.values.read_sensitive",
    }
    ill = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="illness = 'some'"))
    assert (await refused(describe(shop, "gender", role="marketer", audience=ill)))[1] == "RIGHT_MISSING"
    told = await describe(shop, "gender", "illness", audience=ill)
    assert list(told.basis.sensitive_purposes) == ["health"]


async def test_an_answer_names_what_it_rests_on(shop: Retail) -> None:
    basis = (await describe(shop, "gender", "points")).basis
    assert {each.tag_id: each.by_runs for each in basis.tags} == {
        "gender": False,
        "points": True,
        "vip": False,
    }
    assert [each.HasField("as_of") for each in basis.tags] == [True, False, True]
    assert basis.freshness.population_count == len(PERSONS)
    assert basis.freshness.as_of.ToJsonString() == "2026-03-31T04:00:00Z"
    assert basis.freshness.evaluate_us > 0
    assert parse_token(basis.revision.token).rests_on


async def test_lists_of_persons_are_followed_and_strangers_counted(shop: Retail) -> None:
    found = await describe(shop, "gender", audience=listed(2, GONE, 4, 4, 999_999, 2**40))
    assert (found.audience.count, found.audience.unresolved_count) == (2, 2)


async def test_segments_snapshots_and_behaviour_are_audiences(shop: Retail) -> None:
    """The same persons by any name have the same numbers."""
    channel = shop.server.connect("admin")
    segment = segment_pb2.Segment(segment_id="vips", rule="vip = TRUE")
    await segment_service_pb2_grpc.SegmentServiceStub(channel).CreateSegment(
        segment_service_pb2.CreateSegmentRequest(segment=segment)
    )
    made = await snapshot_service_pb2_grpc.SnapshotServiceStub(channel).CreateSnapshot(
        snapshot_service_pb2.CreateSnapshotRequest(request_id="vips", segment_id="vips")
    )
    by_rule = await describe(shop, "city")
    for audience in (
        insight_pb2.Audience(segment_id="vips"),
        insight_pb2.Audience(snapshot_id=made.snapshot.snapshot_id),
        listed(*VIPS),
    ):
        found = await describe(shop, "city", audience=audience)
        assert list(found.tags) == list(by_rule.tags)
        assert found.audience.count == len(VIPS)
    often = insight_pb2.AudienceRule(rule="COUNT(order_paid) >= 5")
    found = await describe(shop, "gender", audience=insight_pb2.Audience(rule=often), base=OF_VIPS)
    assert found.audience.count == sum(orders(each) >= 5 for each in PERSONS)
    assert found.base.count == len(VIPS)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"audience": insight_pb2.Audience()}, "audience"),
        ({"audience": insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule=" "))}, "audience.rule.rule"),
        ({"audience": listed(-1)}, "audience.persons.person_ids"),
        ({"questions": []}, "questions"),
        ({"questions": [insight_pb2.TagQuestion(tag_id="vip")] * 2}, "questions"),
        ({"questions": [insight_pb2.TagQuestion(tag_id="city", level=17)]}, "questions[0].level"),
        ({"questions": [insight_pb2.TagQuestion(tag_id="points", bounds=[2, 1])]}, "questions[0].bounds"),
        (
            {"questions": [insight_pb2.TagQuestion(tag_id="last_seen", bounds=[2**50])]},
            "bounds of 'last_seen'",
        ),
        ({"standards": insight_pb2.PreferenceStandards(below_p=2)}, "standards.below_p"),
    ],
)
async def test_limits_are_told_by_field(shop: Retail, said: dict[str, Any], field: str) -> None:
    code, reason, metadata = await refused(describe(shop, "gender", **said))
    assert (code, reason, metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", field)


async def test_all_values_together_have_a_limit(shop: Retail) -> None:
    many = [insight_pb2.TagQuestion(tag_id=f"tag{place}", max_values=1_000) for place in range(11)]
    _, reason, metadata = await refused(describe(shop, *many))
    assert (reason, metadata["count"], metadata["limit"]) == ("BATCH_TOO_LARGE", "11000", "10000")


async def test_what_is_not_there_is_named(shop: Retail) -> None:
    for call, suggestion in (
        (describe(shop, "gendr"), "gender"),
        (describe(shop, "gender", audience=insight_pb2.Audience(segment_id="nosuch")), None),
        (describe(shop, "gender", audience=insight_pb2.Audience(snapshot_id="nosuch")), None),
    ):
        code, _, metadata = await refused(call)
        assert code == grpc.StatusCode.NOT_FOUND
        assert metadata.get("suggestion") == suggestion


async def test_two_audiences_side_by_side(shop: Retail) -> None:
    women = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="gender = 'female'"))
    request = pb.CompareAudiencesRequest(
        first=OF_VIPS, second=women, questions=[insight_pb2.TagQuestion(tag_id="city")]
    )
    found = await stub(shop).CompareAudiences(request)
    ladies = [person for person in PERSONS if gender(person) == "female"]
    assert found.both_count == len(set(VIPS) & set(ladies))
    first, second, base = counted(city, VIPS), counted(city, ladies), counted(city, list(PERSONS))
    for value, each in by_value(found.tags[0].values).items():
        assert (each.first.persons, each.second.persons) == (first.get(value, 0), second.get(value, 0))
        shares = [first.get(value, 0) / len(VIPS), second.get(value, 0) / len(ladies)]
        assert each.share_difference == pytest.approx(shares[0] - shares[1])
        assert each.first_tgi == pytest.approx(100 * shares[0] / (base[value] / len(PERSONS)))
        assert 0 <= each.p_value <= 1
    same = pb.CompareAudiencesRequest(first=OF_VIPS, second=OF_VIPS, questions=request.questions)
    nothing = (await stub(shop).CompareAudiences(same)).tags[0].values
    assert {(each.share_difference, each.p_value) for each in nothing} == {(0, 1)}


async def test_overlaps_are_exact(shop: Retail) -> None:
    women = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="gender = 'female'"))
    some = listed(*range(1, 41))
    found = await stub(shop).OverlapAudiences(pb.OverlapAudiencesRequest(audiences=[OF_VIPS, women, some]))
    sets = [set(VIPS), {each for each in PERSONS if gender(each) == "female"}, set(range(1, 41))]
    wanted = Counter(
        tuple(place for place, each in enumerate(sets) if person in each) for person in set().union(*sets)
    )
    assert {tuple(each.audiences): each.persons for each in found.intersections} == wanted
    assert [each.count for each in found.audiences] == [len(each) for each in sets]
    kept = await stub(shop, "viewer").OverlapAudiences(
        pb.OverlapAudiencesRequest(audiences=[OF_VIPS, women, some])
    )
    told = {tuple(each.audiences): each.persons for each in kept.intersections if each.HasField("persons")}
    assert told.items() <= wanted.items()
    assert len(told) < len(wanted)
    assert all(persons >= 10 for persons in told.values())
    alone = pb.OverlapAudiencesRequest(audiences=[women])
    assert (await refused(stub(shop).OverlapAudiences(alone)))[1] == "INVALID_FIELD"


async def test_equal_questions_have_equal_answers(shop: Retail) -> None:
    answers = [MessageToDict(await describe(shop, *COLUMNS)) for _ in range(2)]
    for each in answers:
        each["basis"]["freshness"].pop("evaluateUs")
        assert each["basis"].pop("revision"), "which goes on with every heartbeat of tagging's"
    assert answers[0] == answers[1]
