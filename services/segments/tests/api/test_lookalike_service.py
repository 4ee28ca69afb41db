"""LookalikeService over a real channel: what is found is what was hidden."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from huaxiang.segments.v1 import insight_pb2, segment_pb2
from huaxiang.segments.v1 import lookalike_service_pb2 as pb
from huaxiang.segments.v1 import run_service_pb2 as run_pb
from huaxiang.segments.v1.lookalike_service_pb2_grpc import LookalikeServiceStub
from huaxiang.segments.v1.run_service_pb2_grpc import RunServiceStub
from huaxiang.segments.v1.segment_service_pb2 import CreateSegmentRequest
from huaxiang.segments.v1.segment_service_pb2_grpc import SegmentServiceStub
from segments_retail import KEPT_SINCE, PERSONS, Retail, retail, vip
from servicekit.status import reason_of
from servicekit.values import timestamp_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEED = [person for person in PERSONS if vip(person) and person <= 700]
HIDDEN = {person for person in PERSONS if vip(person)} - set(SEED)
MODELS = [pb.LOOKALIKE_MODEL_LOG_ODDS, pb.LOOKALIKE_MODEL_LOGISTIC]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Retail]:
    folder: Path = tmp_path_factory.mktemp("shop")
    async with retail(f"sqlite:///{folder / 'segments.db'}", folder) as running:
        yield running


def stub(shop: Retail, role: str = "admin") -> LookalikeServiceStub:
    return LookalikeServiceStub(shop.server.connect(role))


def listed(*persons: int) -> insight_pb2.Audience:
    return insight_pb2.Audience(persons=insight_pb2.PersonList(person_ids=persons))


def question(**said: Any) -> pb.LookalikeQuestion:
    defaults: dict[str, Any] = {"seed": listed(*SEED), "tag_ids": ["gender", "city", "interests", "points"]}
    return pb.LookalikeQuestion(**{**defaults, **said})


async def evaluated(
    shop: Retail, asked: pb.LookalikeQuestion, role: str = "admin"
) -> pb.EvaluateLookalikeResponse:
    return await stub(shop, role).EvaluateLookalike(pb.EvaluateLookalikeRequest(question=asked))


async def expanded(shop: Retail, asked: pb.LookalikeQuestion, count: int, **said: Any) -> list[Any]:
    token = said.pop("token", None) or (await evaluated(shop, asked)).evaluation_token
    request = pb.ExpandLookalikeRequest(question=asked, person_count=count, evaluation_token=token)
    return [part async for part in stub(shop, said.pop("role", "admin")).ExpandLookalike(request)]


def found_in(parts: list[Any]) -> list[int]:
    return [int(each) for part in parts for each in np.frombuffer(part.person_ids, "<u4")]


async def refused(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    reason = reason_of(error.value)
    return error.value.code(), reason.reason, dict(reason.metadata)


@pytest.mark.parametrize("model", MODELS)
async def test_what_is_found_is_like_the_seed(shop: Retail, model: Any) -> None:
    asked = question(model=model)
    seen = await evaluated(shop, asked)
    assert (seen.seed.count, seen.candidate_count) == (len(SEED), len(PERSONS) - len(SEED))
    assert seen.evaluation.auc > 0.75
    assert seen.evaluation.lift_by_decile[0] > 1.5
    assert sum(seen.evaluation.lift_by_decile) == pytest.approx(10)
    assert (seen.evaluation.seed_persons, seen.evaluation.other_persons) == (
        round(0.3 * seen.seed.count),
        round(0.3 * seen.candidate_count),
    )
    parts = await expanded(shop, asked, 100)
    found = found_in(parts)
    assert parts[0].total_count == len(found) == 100
    assert found == sorted(found)
    assert not set(found) & set(SEED)
    assert parts[0].evaluation == seen.evaluation
    share = len(HIDDEN & set(found)) / 100
    assert share > 1.5 * len(HIDDEN) / seen.candidate_count


async def test_weights_can_be_read(shop: Retail) -> None:
    weights = (await evaluated(shop, question())).weights
    sizes = [abs(each.weight) for each in weights]
    assert sizes == sorted(sizes, reverse=True)
    named = {each.cell.path[-1].text_value: each.weight for each in weights if each.cell.path}
    assert named["female"] > 0 > named["male"]
    assert named["深圳"] > 0 > named["杭州"]


async def test_equal_questions_find_the_same_and_chance_decides_among_equals(shop: Retail) -> None:
    once, again, other = [found_in(await expanded(shop, question(chance=chance), 60)) for chance in (5, 5, 6)]
    assert once == again
    assert once != other


async def test_who_is_excluded_or_outside_is_not_found(shop: Retail) -> None:
    women = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="gender = 'female'"))
    asked = question(among=women, exclusions=[listed(*range(800, 901))])
    found = found_in(await expanded(shop, asked, 1_000_000))
    assert found == [
        each for each in PERSONS if each % 2 == 0 and each not in SEED and not 800 <= each <= 900
    ]


async def test_the_quality_is_looked_at_first(shop: Retail) -> None:
    seen = await evaluated(shop, question())
    for token in ("", "guess", seen.evaluation_token):
        other = question(tag_ids=["gender"])
        request = pb.ExpandLookalikeRequest(question=other, person_count=1, evaluation_token=token)
        code, reason, _ = await refused(anext(aiter(stub(shop).ExpandLookalike(request))))
        assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EVALUATION_UNSEEN")


async def test_a_seed_chosen_by_a_tag_is_warned_of_it(shop: Retail) -> None:
    rule = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="vip = TRUE"))
    warnings = (await evaluated(shop, question(seed=rule, tag_ids=["vip"]))).evaluation.warnings
    assert any("chosen by vip" in each for each in warnings)
    assert any("nearly perfect" in each for each in warnings)


async def test_how_few_an_excluded_cell_has_follows_from_no_number(shop: Retail) -> None:
    """Six of unknown level have been so, one of them a seed person."""
    few = insight_pb2.Transition(tag_id="level", start_time=timestamp_of(KEPT_SINCE))
    asked = question(exclusions=[insight_pb2.Audience(transition=few)])
    assert (await evaluated(shop, asked)).candidate_count == len(PERSONS) - len(SEED) - 5
    kept = await evaluated(shop, asked, "viewer")
    assert (kept.candidate_count, kept.evaluation.seed_persons, kept.evaluation.other_persons) == (0, 0, 0)
    assert (kept.seed.count, len(kept.weights)) == (len(SEED), 0)


async def test_what_cannot_be_is_refused(shop: Retail) -> None:
    small = evaluated(shop, question(seed=listed(*SEED[:99])))
    code, reason, metadata = await refused(small)
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SEED_TOO_SMALL")
    assert metadata == {"what": "seed", "limit": "100"}
    unread = evaluated(shop, question(tag_ids=["gender", "illness"]), role="analyst")
    assert (await refused(unread))[1:] == (
        "TAG_NOT_READABLE",
        {"tags": "illness", "rights": "tagging.values.read_sensitive"},
    )
    request = pb.ExpandLookalikeRequest(question=question(), person_count=0)
    assert (await refused(anext(aiter(stub(shop).ExpandLookalike(request)))))[2]["field"] == "person_count"
    viewer = stub(shop, "viewer").ExpandLookalike(request)
    assert (await refused(anext(aiter(viewer))))[1] == "RIGHT_MISSING"
    for said, field in (
        ({"tag_ids": []}, "question.tag_ids"),
        ({"tag_ids": ["vip"] * 2}, "question.tag_ids"),
    ):
        assert (await refused(evaluated(shop, question(**said))))[2]["field"] == field


async def test_a_run_puts_them_into_a_static_segment(shop: Retail) -> None:
    guests = segment_pb2.Segment(segment_id="alike", kind=segment_pb2.SEGMENT_KIND_STATIC)
    segments = SegmentServiceStub(shop.server.connect("admin"))
    await segments.CreateSegment(CreateSegmentRequest(segment=guests))
    asked = question()
    token = (await evaluated(shop, asked)).evaluation_token
    work = run_pb.ExpandWork(question=asked, person_count=20, evaluation_token=token)
    runs = RunServiceStub(shop.server.connect("admin"))
    refusing = run_pb.CreateRunRequest(
        request_id="r", segment_id="alike", expand=run_pb.ExpandWork(person_count=1)
    )
    assert (await refused(runs.CreateRun(refusing)))[1] == "INVALID_FIELD"
    request = run_pb.CreateRunRequest(request_id="r1", segment_id="alike", expand=work)
    run = (await runs.CreateRun(request)).run
    async with asyncio.timeout(30):
        while run.state in (run_pb.RUN_STATE_PENDING, run_pb.RUN_STATE_RUNNING):
            await asyncio.sleep(0.01)
            run = (await runs.GetRun(run_pb.GetRunRequest(run_id=run.run_id))).run
    assert (run.state, run.member_count, run.problem) == (run_pb.RUN_STATE_SUCCEEDED, 20, "")
    assert run.done_count == run.total_count == len(PERSONS) - len(SEED)
    standing = shop.wiring.board.current.tenant("t1").get("alike")
    assert standing is not None
    assert standing.members.to_array().tolist() == found_in(await expanded(shop, asked, 20))
