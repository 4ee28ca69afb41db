"""Segments that LIMIT and SAMPLE narrow, and sets of segments, over a real channel."""

import datetime as dt
from typing import Any

import grpc
import numpy as np
import pytest
from huaxiang.segments.v1 import membership_service_pb2, segment_pb2, snapshot_service_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.tagging.v1 import change_pb2
from rules.evaluate.selection import is_sampled
from rules.tree import Sample
from segments_tagging import day_told, feature_told, persons_told, values_told
from servicekit.revision import Lane
from servicekit.status import reason_of

FIRST = "points > 0 LIMIT 1 BY points DESC"


async def explained(suite: Any, person_id: int, segment_id: str) -> Any:
    request = membership_service_pb2.ExplainMembershipRequest(person_id=person_id, segment_id=segment_id)
    return await suite.memberships().ExplainMembership(request)


async def recompute(suite: Any, segment_id: str) -> Any:
    return await suite.segments().RecomputeSegment(pb.RecomputeSegmentRequest(segment_id=segment_id))


async def test_a_limited_segment_is_that_of_its_moment(suite: Any) -> None:
    await suite.create("first", FIRST)
    told = suite.tagging.tell(values_told(1, points=500_000))
    found = await suite.get("first", told)
    assert (suite.members("first"), found.count) == ([3], 1), "values alone move nobody"
    assert list(found.freshness.warnings) == ["the members are those of 2026-03-31T04:00:00+00:00"]
    preview = await suite.segments().PreviewSegment(pb.PreviewSegmentRequest(rule=FIRST, sample_size=9))
    assert list(preview.sample_person_ids) == [1], "a preview is of now"
    await suite.restart()
    assert suite.members("first") == [3]
    suite.clock.advance(dt.timedelta(days=1))
    await suite.get("first", suite.tagging.tell(day_told(20_544), lane=Lane.BULK))
    assert suite.members("first") == [1]
    await suite.get("first", suite.tagging.tell(values_told(2, points=600_000)))
    assert suite.members("first") == [1]
    await recompute(suite, "first")
    assert suite.members("first") == [2]
    await suite.get("first", suite.tagging.tell(values_told(3, points=700_000)))
    asked = snapshot_service_pb2.CreateSnapshotRequest(segment_id="first", request_id="r1")
    await suite.snapshots().CreateSnapshot(asked)
    assert suite.members("first") == [3], "who is frozen is who is first then"
    answer = await explained(suite, 2, "first")
    assert suite.tagging.explained[-1].rule == "points > 0"
    assert (
        "LIMIT 1 BY points DESC: whom else the condition holds for decides, too" in answer.freshness.warnings
    )


async def test_a_snapshot_that_cannot_be_taken_moves_nobody_and_a_repeat_neither(suite: Any) -> None:
    await suite.create("buyer", "COUNT(order_paid) >= 1 LIMIT 1 BY points DESC")
    orders, column = "COUNT(order_paid)", "feature:COUNT(order_paid)"
    begun = feature_told(orders, change_pb2.FEATURE_STATE_BACKFILLING)
    await suite.get("buyer", suite.tagging.tell(begun))
    suite.tagging.tell_block(column, {1: 10_000, 2: 0, 3: 10_000})
    live = feature_told(orders, change_pb2.FEATURE_STATE_LIVE)
    suite.tagging.tell(live, lane=Lane.BULK)
    await suite.until(lambda: suite.members("buyer") == [3])
    asked = snapshot_service_pb2.CreateSnapshotRequest(segment_id="buyer", request_id="r1")
    taken = await suite.snapshots("analyst").CreateSnapshot(asked)
    await suite.get("buyer", suite.tagging.tell(values_told(1, points=500_000)))
    assert await suite.snapshots("analyst").CreateSnapshot(asked) == taken
    assert suite.members("buyer") == [3], "a repeat computes nothing"
    await suite.get("buyer", suite.tagging.tell(begun))
    suite.tagging.tell_block(column, {1: 0, 2: 10_000, 3: 0})
    asked.request_id = "r2"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await suite.snapshots("analyst").CreateSnapshot(asked)
    assert reason_of(error.value).reason == "SEGMENT_NOT_LIVE"
    found = await suite.get("buyer")
    preparing = segment_pb2.SEGMENT_STATE_PREPARING
    assert (found.segment.state, found.count, suite.members("buyer")) == (preparing, 1, [3])
    suite.tagging.tell(live, lane=Lane.BULK)
    await suite.until(lambda: suite.members("buyer") == [2])


async def test_samples_and_sets_follow_every_change(suite: Any) -> None:
    suite.tagging.tell(*persons_told(range(4, 40)))
    await suite.create("women", "gender = 'female'")
    await suite.create("rich", "points > 0")
    await suite.create("either", "(SEGMENT 'women' UNION SEGMENT 'rich') EXCEPT SEGMENT 'women'")
    await suite.create("half", "gender = 'female' SAMPLE 50% SEED 's'")
    told = suite.tagging.tell(*(values_told(person, gender="female") for person in range(4, 40)))
    await suite.get("half", told)
    index = suite.wiring.board.current.tenant("t1").index
    women = suite.members("women")
    kept = [
        person
        for person, found in zip(women, index.birth_hashes(np.array(women, np.uint32)).tolist(), strict=True)
        if is_sampled(found, Sample(500_000, "s"))
    ]
    assert 0 < len(kept) < len(women)
    assert (suite.members("half"), suite.members("either")) == (kept, [3])
    for person in (kept[0], next(iter(set(women) - set(kept)))):
        said = "keeps" if person in kept else "leaves out"
        notes = (await explained(suite, person, "half")).freshness.warnings
        assert list(notes) == [f"SAMPLE 50% SEED 's' {said} this person"]
    await explained(suite, 3, "either")
    assert suite.tagging.explained[-1].rule == "(gender = 'female' OR points > 0) AND NOT gender = 'female'"
    circle = segment_pb2.Segment(segment_id="rich", rule="SEGMENT 'either'")
    update = pb.UpdateSegmentRequest(segment=circle)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await suite.segments().UpdateSegment(update)
    assert reason_of(error.value).reason == "SEGMENT_CYCLE"
