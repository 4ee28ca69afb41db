"""RecycleBinService and SegmentUseService over a real channel, on both stores."""

import asyncio
import datetime as dt
from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import recycle_bin_service_pb2 as bins
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.segments.v1 import segment_use_service_pb2 as uses
from huaxiang.segments.v1 import segment_version_service_pb2 as versions
from servicekit.status import reason_of

WOMEN, OTHERS = "gender = 'female'", "NOT IN SEGMENT 'women'"
LIVE, FAILED = segment_pb2.SEGMENT_STATE_LIVE, segment_pb2.SEGMENT_STATE_FAILED


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    told = reason_of(error.value)
    return told.reason, dict(told.metadata)


async def delete(suite: Any, segment_id: str, role: str = "admin", **said: Any) -> None:
    request = pb.DeleteSegmentRequest(segment_id=segment_id, **said)
    await suite.segments(role).DeleteSegment(request)


async def restore(suite: Any, segment_id: str, role: str = "admin") -> segment_pb2.Segment:
    request = bins.RestoreSegmentRequest(segment_id=segment_id)
    return (await suite.bin(role).RestoreSegment(request)).segment  # type: ignore[no-any-return]


async def binned(suite: Any) -> list[Any]:
    found = await suite.bin("viewer").ListDeletedSegments(bins.ListDeletedSegmentsRequest())
    return list(found.segments)


async def told(suite: Any, **campaigns: list[str]) -> None:
    said = [
        uses.SegmentUse(kind=uses.SEGMENT_USER_KIND_CAMPAIGN, name=name, segment_ids=segments)
        for name, segments in campaigns.items()
    ]
    request = uses.ReportSegmentUseRequest(consumer="activation", uses=said)
    await suite.uses("service").ReportSegmentUse(request)


async def test_a_deleted_segment_comes_back_as_it_stood(suite: Any) -> None:
    created = (await suite.create("women", WOMEN, display_name="女")).segment
    await delete(suite, "women", reason="not needed")
    (gone,) = await binned(suite)
    assert (gone.subject, gone.reason, gone.forced) == ("admin-t1", "not needed", False)
    assert gone.purge_time.ToDatetime(dt.UTC) == suite.clock.now() + dt.timedelta(days=30)
    assert (gone.segment.rule, gone.segment.etag) == (WOMEN, created.etag)
    await delete(suite, "women")
    assert (await refused(suite.create("women", WOMEN)))[0] == "SEGMENT_DELETED"
    await suite.restart()
    assert (await refused(suite.get("women")))[0] == "NOT_FOUND"
    assert (await refused(restore(suite, "women", "marketer")))[0] == "STEP_FORBIDDEN"
    for _ in range(2):
        restored = await restore(suite, "women")
        assert (restored.display_name, restored.create_time, restored.version) == (
            "女",
            created.create_time,
            2,
        )
    assert suite.members("women") == [1, 2]
    assert await binned(suite) == []
    found = await suite.versions().ListSegmentVersions(
        versions.ListSegmentVersionsRequest(segment_id="women")
    )
    assert [each.reason for each in found.versions] == ["restored from the recycle bin", ""]
    assert (await refused(restore(suite, "nobody")))[0] == "NOT_FOUND"


async def test_what_is_purged_or_30_days_old_is_gone_for_good(suite: Any) -> None:
    for name in ("women", "late"):
        await suite.create(name, WOMEN)
        await delete(suite, name)
    purge = bins.PurgeSegmentRequest(segment_id="women")
    with pytest.raises(grpc.aio.AioRpcError):
        await suite.bin("marketer").PurgeSegment(purge)
    for _ in range(2):
        await suite.bin().PurgeSegment(purge)
    assert (await suite.create("women", "gender = 'male'")).segment.version == 1
    suite.clock.advance(dt.timedelta(days=30, seconds=1))
    assert (await refused(restore(suite, "late")))[0] == "NOT_FOUND"
    await suite.restart()
    async with asyncio.timeout(30):
        while await binned(suite):
            pass
    assert (await suite.create("late", WOMEN)).segment.version == 1


async def test_a_forced_deletion_fails_its_users_until_it_is_restored(suite: Any) -> None:
    await suite.create("women", WOMEN)
    await suite.create("others", OTHERS)
    await told(suite, spring=["women"])
    assert await refused(delete(suite, "women")) == (
        "SEGMENT_IN_USE",
        {"segment_id": "women", "used_by": "segment others"},
    )
    assert (await refused(delete(suite, "women", force=True)))[1]["field"] == "reason"
    assert await refused(delete(suite, "women", "marketer", force=True, reason="r")) == (
        "RIGHT_MISSING",
        {"right": "segments.segments.administer"},
    )
    await delete(suite, "women", force=True, reason="by law")
    found = (await suite.get("others")).segment
    assert (found.state, "women" in found.state_note) == (FAILED, True)
    assert (suite.members("others"), (await binned(suite))[0].forced) == ([], True)
    await suite.restart()
    assert (await suite.get("others")).segment.state == FAILED
    await restore(suite, "women")
    assert (await suite.get("others")).segment.state == LIVE
    assert suite.members("others") == [3]


async def test_a_campaign_that_rests_on_a_segment_keeps_it(suite: Any) -> None:
    await suite.create("women", WOMEN)
    await suite.create("others", OTHERS)
    await suite.create("third", "IN SEGMENT 'others'")
    await told(suite, spring=["third"], autumn=["women"], winter=["elsewhere"])
    request = uses.CheckImpactRequest(segment_id="women")
    found = await suite.uses("viewer").CheckImpact(request)
    assert (list(found.segment_ids), list(found.campaigns)) == (["others", "third"], ["autumn", "spring"])
    assert (found.count, found.HasField("new_count")) == (2, False)
    assert found.freshness.evaluate_us > 0
    request.rule = "gender = 'male'"
    found = await suite.uses("viewer").CheckImpact(request)
    assert (found.count, found.new_count, found.freshness.population_count) == (2, 1, 3)
    request.rule = "IN SEGMENT 'third'"
    assert (await refused(suite.uses("viewer").CheckImpact(request)))[0] == "SEGMENT_CYCLE"
    request = uses.CheckImpactRequest(segment_id="womn")
    assert (await refused(suite.uses("viewer").CheckImpact(request)))[1]["suggestion"] == "women"
    assert (await refused(delete(suite, "third")))[1]["used_by"] == "campaign spring"
    assert suite.members("third") == [3], "refused, nothing has changed"
    await told(suite, autumn=["women"])
    await delete(suite, "third")
    twice = uses.SegmentUse(kind=uses.SEGMENT_USER_KIND_CAMPAIGN, name="a")
    for consumer, said in (
        ("", [twice]),
        ("activation", [twice, twice]),
        ("activation", [uses.SegmentUse()]),
    ):
        report = uses.ReportSegmentUseRequest(consumer=consumer, uses=said)
        assert (await refused(suite.uses("service").ReportSegmentUse(report)))[0] == "INVALID_FIELD"
