"""What segments tells tagging of the tags it uses, what it is told of tags out of force, and who may use which."""

from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import membership_service_pb2, segment_pb2, snapshot_service_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from huaxiang.tagging.v1 import event_type_service_pb2 as events
from segments_tagging import feature_told, order_paid, tag_told, values_told
from servicekit.status import reason_of


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    told = reason_of(error.value)
    return told.reason, dict(told.metadata)


async def test_every_segment_is_told_with_its_tags(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    await suite.create("rich", "points > 5 AND IN SEGMENT 'women' AND COUNT(order_paid) >= 1")
    await suite.until(lambda: len(suite.tagging.used.get("t1", [])) == 2)
    assert suite.tagging.used["t1"] == [("rich", ["points"], ["women"]), ("women", ["gender"], [])]
    update = segment_pb2.Segment(segment_id="rich", rule="level = 'gold'")
    await suite.segments().UpdateSegment(pb.UpdateSegmentRequest(segment=update))
    await suite.until(lambda: ("rich", ["level"], []) in suite.tagging.used["t1"])
    await suite.segments().DeleteSegment(pb.DeleteSegmentRequest(segment_id="rich"))
    await suite.until(lambda: suite.tagging.used["t1"] == [("women", ["gender"], [])])
    suite.tagging.used.clear()
    await suite.restart()
    await suite.until(lambda: suite.tagging.used.get("t1") == [("women", ["gender"], [])])


async def test_a_segment_whose_tag_is_gone_still_names_it(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    told = suite.tagging.tell(tag_told("gender", tag_pb2.BASE_TYPE_TEXT, "female", deleted=True))
    await suite.until(lambda: suite.wiring.board.current.upstream("tagging").live >= told.live)
    suite.tagging.used.clear()
    await suite.restart()
    await suite.until(lambda: suite.tagging.used.get("t1") == [("women", ["gender"], [])])


async def test_a_retired_tag_is_refused_by_name_with_what_to_use_instead(suite: Any) -> None:
    suite.tagging.retired = {"sex": "gender"}
    reason, metadata = await refused(suite.create("women", "sex = 'female'"))
    assert (reason, metadata["problem"], metadata["suggestion"]) == (
        "RULE_INVALID",
        "the tag 'sex' is retired",
        "use 'gender' instead",
    )
    assert (await refused(suite.create("women", "sexe = 'female'")))[1]["problem"] == "there is no tag 'sexe'"


async def test_a_sensitive_tag_selects_for_those_only_who_may_read_it(suite: Any) -> None:
    sensitive, personal = tag_pb2.TAG_GRADE_SENSITIVE, tag_pb2.TAG_GRADE_PERSONAL
    told = suite.tagging.tell(
        tag_told("illness", tag_pb2.BASE_TYPE_TEXT, "none", "some", grade=sensitive),
        tag_told("age_band", tag_pb2.BASE_TYPE_TEXT, "young", "old", grade=personal),
        values_told(1, illness="some", age_band="old"),
    )
    await suite.until(lambda: suite.wiring.board.current.upstream("tagging").live >= told.live)
    for role, right in (
        ("analyst", "tagging.values.read_sensitive"),
        ("marketer", "tagging.values.read_sensitive"),
    ):
        desk = suite.segments(role)
        ill = segment_pb2.Segment(segment_id="ill", rule="illness = 'some'")
        for call in (
            desk.CreateSegment(pb.CreateSegmentRequest(segment=ill)),
            desk.PreviewSegment(pb.PreviewSegmentRequest(rule=ill.rule)),
        ):
            assert await refused(call) == ("RIGHT_MISSING", {"right": right})
    old = segment_pb2.Segment(segment_id="old", rule="age_band = 'old'")
    await suite.segments("marketer").CreateSegment(pb.CreateSegmentRequest(segment=old))
    await suite.create("ill", "illness = 'some'")
    await suite.create("both", "IN SEGMENT 'ill' AND IN SEGMENT 'old'")
    for rule in (old.rule, "IN SEGMENT 'old'"):
        asked = pb.PreviewSegmentRequest(rule=rule, sample_size=5)
        told_of = [await suite.segments(role).PreviewSegment(asked) for role in ("analyst", "marketer")]
        assert [(each.count, list(each.sample_person_ids)) for each in told_of] == [(1, [1]), (1, [])]
        assert "nobody is named as an example" in told_of[1].freshness.warnings[-1]
    stolen = segment_pb2.Segment(segment_id="old", rule="illness = 'some'")
    update = suite.segments("marketer").UpdateSegment(pb.UpdateSegmentRequest(segment=stolen))
    assert (await refused(update))[0] == "RIGHT_MISSING"

    async def explained(role: str, segment_id: str) -> Any:
        request = membership_service_pb2.ExplainMembershipRequest(person_id=1, segment_id=segment_id)
        return await suite.memberships(role).ExplainMembership(request)

    assert (await refused(explained("marketer", "old")))[1] == {"right": "tagging.values.read_personal"}
    assert (await explained("analyst", "old")).member
    for segment_id in ("ill", "both"):
        assert (await refused(explained("analyst", segment_id)))[1] == {
            "right": "tagging.values.read_sensitive"
        }
        assert (await explained("admin", segment_id)).member
    await suite.restart()
    assert (await refused(explained("analyst", "ill")))[0] == "RIGHT_MISSING"


async def test_a_snapshot_tells_what_the_sensitive_tags_behind_it_are_kept_for(suite: Any) -> None:
    told = suite.tagging.tell(
        tag_told(
            "illness",
            tag_pb2.BASE_TYPE_TEXT,
            "none",
            "some",
            grade=tag_pb2.TAG_GRADE_SENSITIVE,
            purpose="health",
        ),
        tag_told(
            "child", tag_pb2.BASE_TYPE_TEXT, "no", "yes", grade=tag_pb2.TAG_GRADE_SENSITIVE, purpose="minors"
        ),
    )
    await suite.until(lambda: suite.wiring.board.current.upstream("tagging").live >= told.live)
    await suite.create("ill", "illness = 'some'")
    await suite.create("all", "IN SEGMENT 'ill' OR child = 'yes' OR gender = 'male'")
    await suite.create("men", "gender = 'male'")
    for segment_id, purposes in (("all", ["health", "minors"]), ("ill", ["health"]), ("men", [])):
        create = snapshot_service_pb2.CreateSnapshotRequest(segment_id=segment_id, request_id=segment_id)
        made = (await suite.snapshots().CreateSnapshot(create)).snapshot
        get = snapshot_service_pb2.GetSnapshotRequest(snapshot_id=made.snapshot_id)
        stored = (await suite.snapshots().GetSnapshot(get)).snapshot
        assert list(made.sensitive_purposes) == list(stored.sensitive_purposes) == purposes


async def test_graded_events_select_and_are_explained_for_those_only_who_may_read_them(suite: Any) -> None:
    sensitive = {"grade": tag_pb2.TAG_GRADE_SENSITIVE, "purpose": "health"}
    mood = events.EventProperty(name="mood", base=tag_pb2.BASE_TYPE_TEXT, grade=tag_pb2.TAG_GRADE_PERSONAL)
    suite.tagging.event_types = [
        order_paid(),
        events.EventType(name="examined", **sensitive),
        events.EventType(name="tested", properties=[mood]),
    ]
    form, moody = "COUNT(examined)", "COUNT(tested WHERE mood = 'calm')"
    rule = f"{form} > 0"
    right = {"right": "tagging.values.read_sensitive"}
    for role in ("analyst", "marketer"):
        desk = suite.segments(role)
        examined = segment_pb2.Segment(segment_id="examined", rule=rule)
        for call in (
            desk.CreateSegment(pb.CreateSegmentRequest(segment=examined)),
            desk.PreviewSegment(pb.PreviewSegmentRequest(rule=rule)),
        ):
            assert await refused(call) == ("RIGHT_MISSING", right)
    await suite.create("examined", rule)
    await suite.create("calm", f"{moody} > 0")
    for each in (form, moody):
        suite.tagging.tell(feature_told(each, change_pb2.FEATURE_STATE_LIVE))
    for each in ("examined", "calm"):
        await suite.until(lambda each=each: suite.wiring.board.current.tenant("t1").get(each).live)

    async def explained(role: str, segment_id: str) -> Any:
        request = membership_service_pb2.ExplainMembershipRequest(person_id=1, segment_id=segment_id)
        return await suite.memberships(role).ExplainMembership(request)

    assert await refused(explained("analyst", "examined")) == ("RIGHT_MISSING", right)
    assert (await refused(explained("viewer", "calm")))[1] == {"right": "tagging.values.read_personal"}
    await explained("analyst", "calm")
    assert tag_pb2.TAG_GRADE_SENSITIVE not in suite.tagging.explained[-1].only_grades
    await explained("admin", "examined")
    assert tag_pb2.TAG_GRADE_SENSITIVE in suite.tagging.explained[-1].only_grades
    create = snapshot_service_pb2.CreateSnapshotRequest(segment_id="examined", request_id="r")
    made = (await suite.snapshots().CreateSnapshot(create)).snapshot
    assert list(made.sensitive_purposes) == ["health"]
    await suite.restart()
    assert await refused(explained("analyst", "examined")) == ("RIGHT_MISSING", right)
