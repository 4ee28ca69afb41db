"""MemberHistoryService over a real channel, on both stores: trends, differences, and why somebody moved."""

import asyncio
import datetime as dt
from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import member_history_service_pb2 as pb
from huaxiang.segments.v1 import segment_pb2, segment_service_pb2, snapshot_service_pb2
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from segments_tagging import day_told, person_told, tag_told, values_told
from servicekit.status import reason_of

DAY = 20_543  # 2026-03-31
RULE = "gender = 'female' AND NOT points >= 10"
JOINED, LEFT = pb.MOVE_KIND_JOINED, pb.MOVE_KIND_LEFT


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason_of(error.value).reason


async def trend(suite: Any, **asked: Any) -> list[Any]:
    request = pb.GetTrendRequest(segment_id="women", **asked)
    return list((await suite.history("viewer").GetTrend(request)).days)


async def taken(suite: Any, day: int) -> Any:
    """Waits for the row of a day."""
    async with asyncio.timeout(30):
        while not (found := await trend(suite, from_day=day, to_day=day)):
            pass
    return found[0]


async def diff(suite: Any, old: pb.MembersAt, new: pb.MembersAt, kind: int, **asked: Any) -> Any:
    request = pb.DiffMembersRequest(segment_id="women", to=new, kind=kind, **asked)  # type: ignore[arg-type]
    getattr(request, "from").CopyFrom(old)
    return await suite.history("viewer").DiffMembers(request)


async def explain(suite: Any, person_id: int, old: pb.MembersAt, role: str = "viewer") -> Any:
    request = pb.ExplainMoveRequest(segment_id="women", person_id=person_id)
    getattr(request, "from").CopyFrom(old)
    return await suite.history(role).ExplainMove(request)


@pytest.fixture
async def two_days(suite: Any) -> Any:
    """1 and 2 on the first day; then 2 leaves, 3 and 5 join, and 1 becomes 4. A snapshot is of the first day."""
    suite.tagging.tell(person_told(5), person_told(4))
    await suite.until(lambda: suite.wiring.board.current.tenant("t1").index.living(4) == 4)
    await suite.create("women", RULE)
    await suite.restart()
    await taken(suite, DAY)
    freeze = snapshot_service_pb2.CreateSnapshotRequest(request_id="r", segment_id="women")
    suite.snapshot = (await suite.snapshots().CreateSnapshot(freeze)).snapshot
    suite.clock.advance(dt.timedelta(days=1))
    told = suite.tagging.tell(
        day_told(DAY + 1),
        values_told(2, points=100_000),
        values_told(3, gender="female", points=0),
        values_told(5, gender="female"),
        person_told(1, 2, change_pb2.UNIVERSE_STATE_REDIRECTED, 4),
        values_told(4, gender="female"),
    )
    await suite.get("women", told)
    await suite.restart()
    await taken(suite, DAY + 1)
    return suite


async def test_a_trend_has_one_row_a_day_with_what_it_rests_on(two_days: Any) -> None:
    first, second = await trend(two_days)
    assert (first.day, first.members.count, first.members.population_count) == (DAY, 2, 5)
    assert (second.day, second.members.count, second.members.version) == (DAY + 1, 3, 1)
    assert second.members.take_time.ToDatetime(dt.UTC) == two_days.clock.now()
    assert first.members.revision.token
    assert first.has_members
    assert await trend(two_days, to_day=DAY) == [first]
    far = pb.GetTrendRequest(segment_id="women", from_day=0)
    assert await refused(two_days.history().GetTrend(far)) == "INVALID_FIELD"
    assert await refused(two_days.history().GetTrend(pb.GetTrendRequest(segment_id="men"))) == "NOT_FOUND"
    two_days.clock.advance(dt.timedelta(days=36))
    await two_days.restart()
    async with asyncio.timeout(30):
        while (await trend(two_days))[0].has_members:
            pass
    kept = await trend(two_days)
    assert [each.members.count for each in kept] == [2, 3], "how many is kept longer than who"


async def history(suite: Any, person_id: int) -> Any:
    request = pb.GetMembershipHistoryRequest(segment_id="women", person_id=person_id)
    return await suite.history("viewer").GetMembershipHistory(request)


def stretches(found: Any) -> list[tuple[int, int, bool]]:
    return [(each.first_day - DAY, each.last_day - DAY, each.member) for each in found.stretches]


async def test_kept_members_are_compared_as_who_they_are_today(two_days: Any) -> None:
    first, second, now = pb.MembersAt(day=DAY), pb.MembersAt(day=DAY + 1), pb.MembersAt()
    snapshot = pb.MembersAt(snapshot_id=two_days.snapshot.snapshot_id)
    for old, new in ((first, second), (first, now), (snapshot, now)):
        found = await diff(two_days, old, new, JOINED, page_size=1)
        assert (found.joined_count, found.left_count, found.stayed_count) == (2, 1, 1)
        assert (found.to.count, getattr(found, "from").count) == (3, 2)
        assert list(found.person_ids) == [3]
        rest = await diff(two_days, old, new, JOINED, page_size=1, page_token=found.next_page_token)
        assert (list(rest.person_ids), rest.next_page_token) == ([5], "")
        assert list((await diff(two_days, old, new, LEFT)).person_ids) == [2]
    counts = await diff(two_days, now, first, 0)
    assert (counts.joined_count, counts.left_count, list(counts.person_ids)) == (1, 2, [])
    erased = two_days.tagging.tell(person_told(3, 2, change_pb2.UNIVERSE_STATE_ERASED))
    await two_days.get("women", erased)
    assert list((await diff(two_days, first, second, JOINED)).person_ids) == [5], "the erased are left out"
    assert await refused(diff(two_days, pb.MembersAt(day=DAY - 1), now, JOINED)) == "NOT_FOUND"
    await two_days.create("men", "gender = 'male'")
    freeze = snapshot_service_pb2.CreateSnapshotRequest(request_id="m", segment_id="men")
    other = (await two_days.snapshots().CreateSnapshot(freeze)).snapshot.snapshot_id
    assert await refused(diff(two_days, pb.MembersAt(snapshot_id=other), now, 0)) == "INVALID_FIELD"


async def test_when_and_why_a_person_left_is_told_as_far_as_it_was_kept(two_days: Any) -> None:
    left, joined, stayed = [await history(two_days, each) for each in (2, 3, 1)]
    assert (stretches(left), left.member) == ([(1, 1, False), (0, 0, True)], False)
    assert (stretches(joined), joined.member) == ([(1, 1, True), (0, 0, False)], True)
    assert (stretches(stayed), stayed.member) == ([(0, 1, True)], True), "who became another person, too"
    assert await refused(history(two_days, 99)) == "PERSON_UNKNOWN"

    first = pb.MembersAt(day=DAY)
    found = await explain(two_days, 2, first)
    assert (found.from_member, found.to_member, found.redefined) == (True, False, False)
    assert list(found.unknown) == [
        "from: what tag 'gender' said was not kept",
        "from: what tag 'points' said was not kept",
    ]
    assert not any(each.flipped or each.HasField("from_holds") for each in found.leaves)
    two_days.tagging.past = {"gender": {2: "female"}, "points": {2: 1}}
    found = await explain(two_days, 2, first)
    assert list(found.unknown) == []
    leaves = {each.text: each for each in found.leaves}
    gender, points = leaves["gender = 'female'"], leaves["points >= 10"]
    assert (gender.from_holds, gender.to_holds, gender.flipped) == (True, True, False)
    assert (points.from_holds, points.to_holds, points.flipped) == (False, True, True)
    (moved,) = points.values
    assert (moved.tag_id, moved.old.number_value, moved.new.number_value) == ("points", 1, 100_000)


async def test_another_rule_and_what_may_not_be_read_are_told(two_days: Any) -> None:
    other = segment_pb2.Segment(segment_id="women", rule="gender = 'male'")
    await two_days.segments().UpdateSegment(segment_service_pb2.UpdateSegmentRequest(segment=other))
    two_days.tagging.past = {"gender": {2: "female"}, "points": {2: 1}}
    found = await explain(two_days, 2, pb.MembersAt(day=DAY))
    assert (found.redefined, getattr(found, "from").version, found.to.version) == (True, 1, 2)
    assert {each.text: (each.HasField("from_holds"), each.HasField("to_holds")) for each in found.leaves} == {
        "gender = 'male'": (False, True),
        "gender = 'female'": (True, False),
        "points >= 10": (True, False),
    }
    assert await refused(explain(two_days, 99, pb.MembersAt(day=DAY))) == "PERSON_UNKNOWN"
    graded = tag_told("gender", tag_pb2.BASE_TYPE_TEXT, "female", "male", grade=tag_pb2.TAG_GRADE_PERSONAL)
    await two_days.get("women", two_days.tagging.tell(graded))
    assert await refused(explain(two_days, 2, pb.MembersAt(day=DAY))) == "RIGHT_MISSING"
    gone = tag_told("points", tag_pb2.BASE_TYPE_NUMBER, deleted=True)
    await two_days.get("women", two_days.tagging.tell(gone))
    found = await explain(two_days, 2, pb.MembersAt(day=DAY), "analyst")
    assert found.unknown[0].startswith("from: the rule of version 1 cannot be read any more: ")
