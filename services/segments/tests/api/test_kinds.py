"""One-off and static segments over a real channel, on both stores."""

from collections.abc import Iterable
from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import member_upload_service_pb2 as uploads
from huaxiang.segments.v1 import membership_service_pb2, recycle_bin_service_pb2, segment_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from segments.app import upload_members
from segments_identity import FakeIdentity
from segments_tagging import feature_told, person_told, tag_told, values_told
from servicekit.revision import Lane
from servicekit.status import reason_of

ONE_OFF, STATIC = segment_pb2.SEGMENT_KIND_ONE_OFF, segment_pb2.SEGMENT_KIND_STATIC
LIVE, PREPARING = segment_pb2.SEGMENT_STATE_LIVE, segment_pb2.SEGMENT_STATE_PREPARING
ORDERS = "COUNT(order_paid)"
ADD, REMOVE = uploads.UPLOAD_MODE_ADD, uploads.UPLOAD_MODE_REMOVE


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    told = reason_of(error.value)
    return told.reason, dict(told.metadata)


async def recompute(suite: Any, segment_id: str, role: str = "admin") -> segment_pb2.Segment:
    request = pb.RecomputeSegmentRequest(segment_id=segment_id)
    return (await suite.segments(role).RecomputeSegment(request)).segment  # type: ignore[no-any-return]


async def upload(suite: Any, *messages: uploads.UploadMembersRequest, role: str = "admin") -> Any:
    async def told() -> Any:
        for each in messages:
            yield each

    return [answer async for answer in suite.uploads(role).UploadMembers(told())][-1]


def people(person_ids: Iterable[int], mode: int = 0) -> uploads.UploadMembersRequest:
    return uploads.UploadMembersRequest(segment_id="list", mode=mode, person_ids=person_ids)  # type: ignore[arg-type]


async def test_a_one_off_is_computed_once_and_on_demand(suite: Any) -> None:
    created = (await suite.create("women", "gender = 'female'", kind=ONE_OFF)).segment
    assert (created.kind, created.state, suite.members("women")) == (ONE_OFF, LIVE, [1, 2])
    told = suite.tagging.tell(
        values_told(3, gender="female"),
        person_told(4),
        person_told(2, 2, change_pb2.UNIVERSE_STATE_REDIRECTED, 4),
    )
    found = await suite.get("women", told)
    assert (found.count, suite.members("women")) == (2, [1, 4]), "merges are followed, values are not"
    assert list(found.freshness.warnings) == ["the members are those of 2026-03-31T04:00:00+00:00"]
    gone = suite.tagging.tell(tag_told("gender", tag_pb2.BASE_TYPE_TEXT, "female", "male", deleted=True))
    assert (await suite.get("women", gone)).count == 2
    await suite.restart()
    assert suite.members("women") == [1, 4]
    back = suite.tagging.tell(
        tag_told("gender", tag_pb2.BASE_TYPE_TEXT, "female", "male"), values_told(3, gender="female")
    )
    await suite.get("women", back)
    assert (await refused(recompute(suite, "women", "marketer")))[0] == "STEP_FORBIDDEN"
    assert (await recompute(suite, "women")).state == LIVE
    assert suite.members("women") == [3]
    await suite.restart()
    assert suite.members("women") == [3]
    await suite.create("dynamic", "points > 1")
    assert (await refused(recompute(suite, "dynamic")))[0] == "STATE_CONFLICT"
    other = segment_pb2.Segment(segment_id="dynamic", rule="points > 1", kind=ONE_OFF)
    update = suite.segments().UpdateSegment(pb.UpdateSegmentRequest(segment=other))
    assert (await refused(update))[1]["field"] == "segment.kind"


async def test_a_one_off_over_behaviour_is_frozen_when_that_is_known(suite: Any) -> None:
    assert (await suite.create("buyers", f"{ORDERS} >= 2", kind=ONE_OFF)).segment.state == PREPARING
    begun = suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_BACKFILLING))
    assert not (await suite.get("buyers", begun)).HasField("count")
    suite.tagging.tell_block(f"feature:{ORDERS}", {1: 10_000, 2: 20_000, 3: 0})
    suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_LIVE), lane=Lane.BULK)
    await suite.until(lambda: suite.members("buyers") == [2])
    assert suite.wiring.board.current.tenant("t1").forms() == [], "what is frozen needs nothing any more"
    told = suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_DROPPED))
    assert (await suite.get("buyers", told)).count == 1
    await suite.restart()
    assert suite.members("buyers") == [2]
    assert (await recompute(suite, "buyers")).state == PREPARING
    assert suite.tagging.required == {"t1": [ORDERS]}
    await suite.restart()
    found = await suite.get("buyers")
    assert (found.segment.state, found.count, suite.members("buyers")) == (PREPARING, 1, [2])
    suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_BACKFILLING), lane=Lane.BULK)
    suite.tagging.tell_block(f"feature:{ORDERS}", {1: 20_000, 2: 20_000, 3: 0})
    suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_LIVE), lane=Lane.BULK)
    await suite.until(lambda: suite.members("buyers") == [1, 2])


async def test_a_list_is_matched_and_told_of_entry_by_entry(
    suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await suite.stop()
    suite.people = FakeIdentity({("phone", "1"): 1, ("phone", "3"): 3, ("phone", "9"): 9})
    await suite.start()
    await suite.create("list", "", kind=STATIC)
    assert (await suite.get("list")).count == 0
    phones = ["1", "1", "x", "3", "9", "7", ""]
    listed = [uploads.UploadedIdentifier(namespace="phone", value=each) for each in phones]
    monkeypatch.setattr(upload_members, "RESOLVED_AT_ONCE", 3)
    done = await upload(
        suite, people([3, 2, -5, 2**40, 77]), uploads.UploadMembersRequest(identifiers=listed)
    )
    report = done.report
    assert (report.total, report.matched, report.unmatched, report.duplicate, report.rubbish) == (
        12,
        4,
        2,
        2,
        4,
    )
    assert [(each.position, each.problem) for each in report.examples] == [
        (2, "is no person id"),
        (3, "is no person id"),
        (7, "is no phone number"),
        (11, "is no phone number"),
    ]
    assert (done.done, done.count, suite.members("list"), suite.people.calls) == (True, 3, [1, 2, 3], 3)
    await suite.get("list", suite.tagging.tell(person_told(9)))
    assert suite.members("list") == [1, 2, 3, 9], "identity was ahead"
    suite.people.away = True
    lost = upload(suite, people([2]), uploads.UploadMembersRequest(identifiers=listed[:1]))
    assert (await refused(lost))[0] == "UPSTREAM_UNAVAILABLE"
    assert suite.members("list") == [1, 2, 3, 9], "nothing is half applied"
    monkeypatch.setattr(upload_members, "MAX_ENTRIES", 3)
    assert (await refused(upload(suite, people([1, 2]), people([3, 4]))))[0] == "BATCH_TOO_LARGE"
    assert suite.members("list") == [1, 2, 3, 9]


@pytest.mark.proof
async def test_the_longest_list_is_taken_with_its_rubbish_and_one_more_entry_is_refused(suite: Any) -> None:
    await suite.create("list", "", kind=STATIC)
    parts = [people([*range(-9, 1), *range(first, first + 99_990)]) for first in range(1, 4_999_501, 99_990)]
    report = (await upload(suite, *parts)).report
    assert (report.total, report.rubbish, report.matched) == (5_000_000, 500, 3)
    assert report.unmatched == 5_000_000 - 500 - 3
    assert (await refused(upload(suite, *parts, people([1]))))[0] == "BATCH_TOO_LARGE"
    assert suite.members("list") == [1, 2, 3]


async def test_a_static_segment_follows_merges_and_is_built_upon(suite: Any) -> None:
    stated = segment_pb2.Segment(segment_id="list", kind=STATIC)
    await suite.segments("marketer").CreateSegment(pb.CreateSegmentRequest(segment=stated))
    assert (await refused(upload(suite, people([1]), role="analyst")))[0] == "STEP_FORBIDDEN"
    await upload(suite, people([1, 2]), role="marketer")
    await suite.create("rest", "NOT IN SEGMENT 'list'")
    assert suite.members("rest") == [3]
    merged = suite.tagging.tell(person_told(4), person_told(1, 2, change_pb2.UNIVERSE_STATE_REDIRECTED, 4))
    await suite.get("list", merged)
    assert (suite.members("list"), suite.members("rest")) == ([2, 4], [3])
    await upload(suite, people([3], ADD))
    await upload(suite, people([4], REMOVE))
    assert (suite.members("list"), suite.members("rest")) == ([2, 3], [4])
    erased = suite.tagging.tell(person_told(2, 2, change_pb2.UNIVERSE_STATE_ERASED))
    assert (await suite.get("list", erased)).count == 1
    await suite.restart()
    standing = suite.wiring.board.current.tenant("t1").get("list")
    assert 2 not in standing.frozen.members, "the erased are kept nowhere"
    assert suite.members("list") == [3]
    explain = membership_service_pb2.ExplainMembershipRequest(person_id=3, segment_id="rest")
    await suite.memberships().ExplainMembership(explain)
    explain.segment_id = "list"
    await suite.memberships().ExplainMembership(explain)
    assert [each.rule for each in suite.tagging.explained] == ["NOT TRUE", "TRUE"]
    delete = pb.DeleteSegmentRequest(segment_id="list", force=True, reason="r")
    await suite.segments().DeleteSegment(delete)
    await suite.bin().RestoreSegment(recycle_bin_service_pb2.RestoreSegmentRequest(segment_id="list"))
    found = (await suite.get("list")).segment
    assert (suite.members("list"), found.rule, found.kind) == ([3], "", STATIC)


async def test_what_is_no_list_is_refused(suite: Any) -> None:
    assert (await refused(suite.create("list", "points > 1", kind=STATIC)))[1]["field"] == "segment.rule"
    await suite.create("list", "points > 1")
    assert (await refused(upload(suite, people([1]))))[0] == "STATE_CONFLICT"
    assert (await refused(upload(suite)))[0] == "INVALID_FIELD"
    assert (await refused(upload(suite, people([1], 7))))[0] == "INVALID_FIELD"
    assert (await refused(upload(suite, uploads.UploadMembersRequest(segment_id="none"))))[0] == "NOT_FOUND"
    assert (await refused(suite.create("other", "points > 1", kind=9)))[1]["field"] == "segment.kind"
