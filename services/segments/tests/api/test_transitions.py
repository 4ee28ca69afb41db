"""GetTransitions over a real channel, and its cells as audiences."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from huaxiang.segments.v1 import insight_pb2
from huaxiang.segments.v1 import insight_service_pb2 as pb
from huaxiang.segments.v1.insight_service_pb2_grpc import InsightServiceStub
from huaxiang.type.v1 import value_pb2
from segments_retail import KEPT_SINCE, MOVED, NOW, PERSONS, Retail, level, level_before, retail, vip
from servicekit.status import reason_of
from servicekit.values import timestamp_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
DAY = dt.timedelta(days=1)
OF_VIPS = insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule="vip = TRUE"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Retail]:
    folder: Path = tmp_path_factory.mktemp("shop")
    async with retail(f"sqlite:///{folder / 'segments.db'}", folder) as running:
        yield running


async def matrix(
    shop: Retail,
    start: dt.datetime = KEPT_SINCE,
    end: dt.datetime | None = None,
    role: str = "admin",
    **said: Any,
) -> pb.GetTransitionsResponse:
    request = pb.GetTransitionsRequest(
        **{"tag_id": "level", **said},
        start_time=timestamp_of(start),
        end_time=None if end is None else timestamp_of(end),
    )
    return await InsightServiceStub(shop.server.connect(role)).GetTransitions(request)


def cells(found: pb.GetTransitionsResponse) -> dict[tuple[str | None, str | None], int | None]:
    return {
        (_text(each, "from_value"), _text(each, "to_value")): each.persons
        if each.HasField("persons")
        else None
        for each in found.cells
    }


def _text(cell: pb.TransitionCell, field: str) -> str | None:
    return getattr(cell, field).text_value if cell.HasField(field) else None


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    reason = reason_of(error.value)
    return reason.reason, dict(reason.metadata)


async def test_everybody_went_from_somewhere_to_somewhere(shop: Retail) -> None:
    for persons, audience in ((list(PERSONS), None), ([each for each in PERSONS if vip(each)], OF_VIPS)):
        wanted = Counter((level_before(each), level(each)) for each in persons)
        found = await matrix(shop, audience=audience)
        assert cells(found) == wanted
        assert len(wanted) > 4
        assert found.audience.count == len(persons)
    order = [(_text(each, "from_value"), _text(each, "to_value")) for each in found.cells]
    assert order == sorted(order, key=lambda each: [(value is None, value or "") for value in each])


async def test_the_past_ends_where_it_is_asked_to(shop: Retail) -> None:
    assert cells(await matrix(shop, KEPT_SINCE, MOVED + DAY)) == cells(await matrix(shop, KEPT_SINCE))
    stayed = Counter((level_before(each), level_before(each)) for each in PERSONS)
    assert cells(await matrix(shop, KEPT_SINCE, MOVED - DAY)) == stayed
    assert cells(await matrix(shop, MOVED, NOW)) == Counter((level(each), level(each)) for each in PERSONS)


async def test_every_cell_is_an_audience(shop: Retail) -> None:
    stub, viewer = (InsightServiceStub(shop.server.connect(role)) for role in ("admin", "viewer"))
    assert any(each.persons < 10 for each in (await matrix(shop)).cells)
    for each in (await matrix(shop)).cells:
        transition = insight_pb2.Transition(tag_id="level", start_time=timestamp_of(KEPT_SINCE))
        for field in ("from_value", "to_value"):
            if each.HasField(field):
                getattr(transition, field).CopyFrom(getattr(each, field))
        request = pb.DescribeAudienceRequest(
            audience=insight_pb2.Audience(transition=transition),
            questions=[insight_pb2.TagQuestion(tag_id="level")],
        )
        found = await stub.DescribeAudience(request)
        assert found.audience.count == each.persons
        told = (await viewer.DescribeAudience(request)).audience
        assert told.HasField("count") == (each.persons >= 10)
        (tag,) = found.tags
        here = {value.cell.path[0].text_value: value.audience.persons for value in tag.values}
        now = each.to_value.text_value if each.HasField("to_value") else None
        assert {value for value, persons in here.items() if persons} == ({now} - {None})


async def test_few_persons_are_withheld_with_what_gives_them_away(shop: Retail) -> None:
    some = insight_pb2.Audience(persons=insight_pb2.PersonList(person_ids=[*range(1, 201)]))
    full, kept = (
        cells(await matrix(shop, audience=some)),
        cells(await matrix(shop, audience=some, role="viewer")),
    )
    hidden = {each for each, persons in kept.items() if persons is None}
    assert {each for each, persons in full.items() if persons < 10} < hidden
    assert {each: full[each] for each in kept.keys() - hidden} == {
        each: persons for each, persons in kept.items() if each not in hidden
    }
    for side in (0, 1):
        for value in {each[side] for each in hidden}:
            row = [each for each in full if each[side] == value]
            few = any(full[each] < 10 for each in row)
            if few and sum(full[each] for each in row) >= 10:
                assert len([each for each in row if each in hidden]) > 1


async def test_what_cannot_be_asked_is_told(shop: Retail) -> None:
    reason, metadata = await refused(matrix(shop, KEPT_SINCE - DAY))
    assert (reason, metadata["resource"]) == ("STATE_CONFLICT", "tag 'level'")
    for call, field in (
        (matrix(shop, tag_id="points"), "tag_id"),
        (matrix(shop, tag_id="interests"), "tag_id"),
        (matrix(shop, NOW, MOVED), "start_time"),
        (matrix(shop, MOVED, NOW + DAY), "start_time"),
    ):
        assert (await refused(call))[1]["field"] == field
    assert (await refused(matrix(shop, tag_id="levl")))[1]["suggestion"] == "level"
    unread = value_pb2.Value(text_value="some")
    ill = insight_pb2.Transition(tag_id="illness", start_time=timestamp_of(KEPT_SINCE), to_value=unread)
    secret = matrix(shop, role="analyst", audience=insight_pb2.Audience(transition=ill))
    assert (await refused(secret))[0] == "TAG_NOT_READABLE"
