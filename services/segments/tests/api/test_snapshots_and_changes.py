"""SnapshotService and ChangeService over a real channel; what a consumer of segments ends with."""

import asyncio
import datetime as dt
from typing import Any

import grpc
import numpy as np
import pytest
from huaxiang.segments.v1 import change_service_pb2 as changes
from huaxiang.segments.v1 import segment_pb2, segment_service_pb2, snapshot_service_pb2
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from huaxiang.type.v1 import revision_pb2
from segments.app import move_causes
from segments_tagging import day_told, feature_told, person_told, tag_told, values_told
from servicekit.revision import Lane
from servicekit.status import reason_of

SHANGHAI_DAY = 20_543


async def freeze(suite: Any, request_id: str, segment_id: str = "women") -> snapshot_service_pb2.Snapshot:
    request = snapshot_service_pb2.CreateSnapshotRequest(request_id=request_id, segment_id=segment_id)
    return (await suite.snapshots().CreateSnapshot(request)).snapshot  # type: ignore[no-any-return]


async def export(suite: Any, **asked: Any) -> tuple[list[int], list[int], list[Any]]:
    request = snapshot_service_pb2.ExportMembersRequest(**asked)
    parts = [part async for part in suite.snapshots("service").ExportMembers(request)]
    persons = [each for part in parts for each in np.frombuffer(part.person_ids, "<u4").tolist()]
    hashes = [each for part in parts for each in np.frombuffer(part.birth_hashes, "<u8").tolist()]
    return persons, hashes, parts


async def test_frozen_members_stay_and_a_repeat_answers_the_same(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    snapshot = await freeze(suite, "r1")
    assert (snapshot.count, snapshot.canonical_rule) == (2, "gender = 'female'")
    told = suite.tagging.tell(values_told(3, gender="female"))
    assert (await suite.get("women", told)).count == 3
    assert await freeze(suite, "r1") == snapshot
    persons, hashes, parts = await export(suite, snapshot_id=snapshot.snapshot_id)
    assert (persons, hashes) == ([1, 2], [7, 14])
    assert (parts[0].total_count, parts[0].revision) == (2, snapshot.revision)
    assert (await export(suite, snapshot_id=snapshot.snapshot_id, after_person_id=1))[0] == [2]
    assert (await export(suite, segment_id="women"))[0] == [1, 2, 3]
    request = segment_service_pb2.DeleteSegmentRequest(segment_id="women")
    await suite.segments().DeleteSegment(request)
    assert await freeze(suite, "r1") == snapshot
    get = snapshot_service_pb2.GetSnapshotRequest(snapshot_id=snapshot.snapshot_id)
    assert (await suite.snapshots().GetSnapshot(get)).snapshot == snapshot


async def test_snapshots_are_listed_newest_first(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    made = []
    for number in range(3):
        made.insert(0, await freeze(suite, f"r{number}"))
        suite.clock.advance(dt.timedelta(minutes=1))
    assert {each.version for each in made} == {1}
    request = snapshot_service_pb2.ListSnapshotsRequest(segment_id="women", page_size=2)
    first = await suite.snapshots("viewer").ListSnapshots(request)
    request.page_token = first.next_page_token
    rest = await suite.snapshots("viewer").ListSnapshots(request)
    assert ([*first.snapshots, *rest.snapshots], rest.next_page_token) == (made, "")


async def test_a_request_id_with_other_content_is_refused(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    await suite.create("men", "gender = 'male'")
    await freeze(suite, "r1")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await freeze(suite, "r1", "men")
    assert reason_of(error.value).reason == "ALREADY_EXISTS"


async def test_the_erased_leave_no_more(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    snapshot = await freeze(suite, "r1")
    told = suite.tagging.tell(person_told(1, 2, change_pb2.UNIVERSE_STATE_ERASED))
    await suite.get("women", told)
    assert (await export(suite, snapshot_id=snapshot.snapshot_id))[0] == [2]


async def test_a_large_export_comes_in_parts(suite: Any) -> None:
    everyone = list(range(1, 70_001))
    for start in range(0, len(everyone), 10_000):
        suite.tagging.tell(
            *(person_told(each, 2) for each in everyone[start : start + 10_000]), lane=Lane.BULK
        )
    await suite.until(
        lambda: suite.wiring.board.current.tenant("t1").index.living(70_000) == 70_000,
    )
    await suite.create("all", "gender IS UNKNOWN")
    persons, _, parts = await export(suite, segment_id="all")
    assert persons == everyone[3:]
    assert [len(part.person_ids) // 4 for part in parts] == [65_536, 4_461]


async def test_old_snapshots_go(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    snapshot = await freeze(suite, "r1")
    suite.clock.advance(dt.timedelta(days=91))
    await suite.restart()
    request = snapshot_service_pb2.GetSnapshotRequest(snapshot_id=snapshot.snapshot_id)
    async with asyncio.timeout(10):
        while await is_there(suite, request):
            pass


async def is_there(suite: Any, request: snapshot_service_pb2.GetSnapshotRequest) -> bool:
    try:
        await suite.snapshots().GetSnapshot(request)
    except grpc.aio.AioRpcError as error:
        return reason_of(error).reason != "NOT_FOUND"
    return True


class Listener:
    """Bootstraps one segment by its export and follows the Watch."""

    def __init__(self, suite: Any, segment_id: str) -> None:
        self.suite, self.segment_id = suite, segment_id
        self.members: set[int] = set()
        self.seen: list[changes.Change] = []

    async def __aenter__(self) -> "Listener":
        persons, _, parts = await export(self.suite, segment_id=self.segment_id)
        self.members = set(persons)
        request = changes.WatchRequest(after=parts[0].revision, segment_ids=[self.segment_id])
        self.stream = self.suite.changes().Watch(request)
        self.task = asyncio.ensure_future(self.follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stream.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def follow(self) -> None:
        async for part in self.stream:
            for change in part.changes:
                self.seen.append(change)
                self.members |= set(np.frombuffer(change.members.entered_person_ids, "<u4").tolist())
                self.members -= set(np.frombuffer(change.members.left_person_ids, "<u4").tolist())


async def test_who_listens_ends_with_the_members(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    await suite.create("rich", "points >= 10")
    async with Listener(suite, "women") as listener:
        suite.tagging.tell(values_told(3, gender="female", points=0))
        suite.tagging.tell_block("gender", {1: "male", 2: "female"})
        await suite.until(lambda: listener.members == {2, 3})
        assert {change.members.segment_id for change in listener.seen} == {"women"}
        assert all(change.tenant == "t1" and change.position for change in listener.seen)
        await suite.create("late", "IN SEGMENT 'women'")
        request = segment_service_pb2.DeleteSegmentRequest(segment_id="late")
        await suite.segments().DeleteSegment(request)
        suite.tagging.tell(tag_told("gender", tag_pb2.BASE_TYPE_TEXT, "female", "male", deleted=True))
        await suite.until(lambda: listener.members == set())
        await suite.until(lambda: listener.seen[-1].segment.segment_id == "women" or len(listener.seen) > 3)


async def test_who_listens_hears_the_conditions_that_flipped_where_few_move(
    suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await suite.create("rich", "points >= 10")
    await suite.create("some", "gender = 'female' AND (NOT points > 5 OR IN SEGMENT 'rich')")
    async with Listener(suite, "some") as listener:
        suite.tagging.tell(values_told(3, gender="female"))
        await suite.until(lambda: listener.members == {1, 2, 3})
        suite.tagging.tell_block("points", {1: 60_000, 2: 110_000})
        await suite.until(lambda: listener.members == {2, 3})
        suite.tagging.tell(person_told(2, 2, change_pb2.UNIVERSE_STATE_ERASED))
        await suite.until(lambda: listener.members == {3})
        told = {each.person_id: each for change in listener.seen for each in change.members.causes}
        flips = {person: [(each.text, each.holds) for each in told[person].flips] for person in told}
        assert flips == {3: [("gender = 'female'", True)], 1: [("points > 5", True)], 2: []}
        assert [person for person, cause in told.items() if cause.population] == [2]

        monkeypatch.setattr(move_causes, "MOVES_EXPLAINED", 0)
        suite.tagging.tell(values_told(3, gender="male"))
        await suite.until(lambda: listener.members == set())
        assert not listener.seen[-1].members.causes, "too many at once"


async def test_who_listens_hears_the_difference_when_behaviour_is_computed_anew(suite: Any) -> None:
    """Also who begins to listen meanwhile, and over a restart."""
    states = (change_pb2.FEATURE_STATE_BACKFILLING, change_pb2.FEATURE_STATE_LIVE)
    anew, live = (feature_told("COUNT(order_paid)", state) for state in states)
    column = "feature:COUNT(order_paid)"
    await suite.create("buyers", "COUNT(order_paid) >= 1")
    suite.tagging.tell(anew, lane=Lane.BULK)
    suite.tagging.tell_block(column, {1: 10_000, 2: 10_000})
    suite.tagging.tell(live, lane=Lane.BULK)
    await suite.until(lambda: suite.members("buyers") == [1, 2])
    suite.tagging.tell(anew, lane=Lane.BULK)
    found = await suite.get("buyers", suite.tagging.tell_block(column, {1: 0, 3: 10_000}))
    assert (found.segment.state, found.count) == (segment_pb2.SEGMENT_STATE_PREPARING, 2)
    warned = f"segment 'buyers' is being computed anew: {found.segment.state_note}"
    assert list(found.freshness.warnings) == [warned]
    assert found.segment.state_note.endswith("until then the members are those of 2026-03-31T04:00:00+00:00")
    await suite.restart()
    assert (await suite.get("buyers")).segment == found.segment
    persons, _, parts = await export(suite, segment_id="buyers")
    assert (persons, list(parts[0].warnings)) == ([1, 2], [warned])
    async with Listener(suite, "buyers") as listener:
        suite.tagging.tell(live, lane=Lane.BULK)
        await suite.until(lambda: listener.members == {2, 3})
        moved = [change.members for change in listener.seen if change.HasField("members")]
    entered, left = b"".join(each.entered_person_ids for each in moved), moved[-1].left_person_ids
    assert np.frombuffer(entered + left, "<u4").tolist() == [3, 1], "nobody else is told of"


async def test_a_watch_of_no_lane_is_refused(suite: Any) -> None:
    revision = suite.wiring.board.current.revision
    request = changes.WatchRequest(after=revision.to_proto(), lane=7)  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await anext(aiter(suite.changes().Watch(request)))
    assert reason_of(error.value).metadata["field"] == "lane"


async def test_a_rolled_day_moves_members_and_the_moment_of_answers(suite: Any) -> None:
    seen = suite.clock.now() - dt.timedelta(hours=23)
    told = suite.tagging.tell(
        change_pb2.Change(
            values=change_pb2.PersonValues(
                person_id=1, values=[change_pb2.ColumnValue(column="last_seen", value=moment(seen))]
            )
        )
    )
    await suite.create("away", "DAYS SINCE(last_seen) >= 2")
    await suite.create("away_hours", "ELAPSED DAYS(last_seen) >= 1")
    suite.clock.advance(dt.timedelta(hours=13))
    late = await suite.get("away", told)
    assert list(late.freshness.warnings) == ["day windows still stand at 2026-03-31"]
    assert suite.members("away") == []
    await suite.until(lambda: suite.members("away_hours") == [1])
    told = suite.tagging.tell(day_told(SHANGHAI_DAY + 1))
    found = await suite.get("away", told)
    assert (found.count, list(found.freshness.warnings)) == (1, [])


def moment(at: dt.datetime) -> Any:
    from huaxiang.type.v1 import value_pb2

    message = value_pb2.Value()
    message.datetime_value.FromDatetime(at)
    return message


async def gone(suite: Any, after: revision_pb2.Revision) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        async for _ in suite.changes().Watch(changes.WatchRequest(after=after)):
            pass
    return reason_of(error.value).reason


@pytest.mark.parametrize("why", ["history", "epoch"])
async def test_a_bootstrap_ends_equal_and_those_to_the_right_bootstrap_too(suite: Any, why: str) -> None:
    await suite.create("women", "gender = 'female'")
    before = suite.wiring.board.current.revision.to_proto()
    await suite.stop()
    suite.tagging.tell(values_told(3, gender="female"), person_told(2, 2, change_pb2.UNIVERSE_STATE_ERASED))
    suite.tagging.tell_block("points", {1: 1, 3: 500_000})
    if why == "history":
        suite.tagging.forget_history()
    else:
        suite.tagging.restore()
    await suite.start()
    await suite.until(lambda: suite.members("women") == [1, 3])
    assert (await suite.get("women")).count == 2
    assert await gone(suite, before) == "HISTORY_GONE"
    suite.tagging.tell(values_told(1, gender="male"))
    assert (await suite.get("women", suite.tagging.identity_revision)).count == 1


async def test_a_restart_ends_equal_also_when_bulk_had_overtaken_live(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    await suite.create("rich", "points >= 10")
    before = suite.wiring.board.current.revision
    told = suite.tagging.tell(values_told(1, points=900_000))
    await suite.get("rich", told)
    suite.tagging.tell_block("points", {1: 0, 2: 900_000, 3: 0})
    suite.tagging.tell(values_told(2, points=0), values_told(3, gender="female"))
    expected = {"women": [1, 2, 3], "rich": []}
    await suite.until(lambda: {each: suite.members(each) for each in expected} == expected)
    revision = suite.wiring.board.current.revision
    await suite.restart()
    assert {each: suite.members(each) for each in expected} == expected
    assert suite.wiring.board.current.revision.covers(before)
    assert suite.wiring.board.current.revision.epoch == revision.epoch
    told = suite.tagging.tell(values_told(2, points=900_000))
    assert (await suite.get("rich", told)).count == 1
