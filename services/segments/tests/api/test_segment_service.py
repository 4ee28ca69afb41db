"""SegmentService over a real channel, on both stores."""

import datetime as dt
from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from segments.app import segments as segments_of
from segments_tagging import block_message, feature_told, tag_told, values_told
from servicekit.revision import Lane, Revision, parse_token
from servicekit.status import reason_of

LIVE, PREPARING, FAILED = (
    segment_pb2.SEGMENT_STATE_LIVE,
    segment_pb2.SEGMENT_STATE_PREPARING,
    segment_pb2.SEGMENT_STATE_FAILED,
)
ORDERS = "COUNT(order_paid)"


async def refused(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    reason = reason_of(error.value)
    return error.value.code(), reason.reason, dict(reason.metadata)


async def test_a_segment_is_stored_counted_and_read(suite: Any) -> None:
    created = await suite.create("women", " gender='female' ", display_name="女")
    assert created.segment.state == LIVE
    assert created.segment.canonical_rule == "gender = 'female'"
    found = await suite.get("women", parse_token(created.revision.token))
    assert (found.count, found.segment) == (2, created.segment)
    assert found.freshness.population_count == 3
    assert found.freshness.evaluate_us > 0
    again = await suite.create("women", " gender='female' ", display_name="女")
    assert again.segment == created.segment


async def test_a_revision_contains_what_it_rests_on(suite: Any) -> None:
    told = suite.tagging.tell(values_told(1, points=1))
    await suite.until(lambda: suite.wiring.board.current.upstream("tagging").live >= told.live)
    created = await suite.create("women", "gender = 'female'")
    for answer in (created, await suite.get("women")):
        rests_on = {each.service: each for each in parse_token(answer.revision.token).rests_on}
        assert rests_on["tagging"].live >= told.live
        assert rests_on["identity"].live >= suite.tagging.identity_revision.live


async def test_the_same_id_with_other_content_is_refused(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    code, reason, metadata = await refused(suite.create("women", "gender = 'male'"))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert "women" in metadata["resource"]


@pytest.mark.parametrize(
    ("rule", "reason", "said"),
    [
        ("gendr = 'female'", "RULE_INVALID", {"line": "1", "column": "1", "suggestion": "gender"}),
        (
            "gender = 'female' AND\n poins > 1",
            "RULE_INVALID",
            {"line": "2", "column": "2", "suggestion": "points"},
        ),
        ("gender = 'femal'", "RULE_INVALID", {"suggestion": "female"}),
        ("gender = ", "RULE_INVALID", {"line": "1"}),
        ("COUNT(order_payed) >= 1", "RULE_INVALID", {"suggestion": "order_paid"}),
        ("SUM(order_paid.amont) >= 1", "RULE_INVALID", {"suggestion": "amount"}),
        ("IN SEGMENT 'womn'", "RULE_INVALID", {"suggestion": "women"}),
        ("DID order_paid DURING 'dubble11-2026'", "RULE_INVALID", {"suggestion": "double11-2026"}),
        ("gender = 'female' LIMIT 10 BY gender", "RULE_INVALID", {"line": "1"}),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_its_place(
    suite: Any, rule: str, reason: str, said: dict[str, str]
) -> None:
    await suite.create("women", "gender = 'female'")
    for call in (
        suite.create("wrong", rule),
        suite.segments().PreviewSegment(pb.PreviewSegmentRequest(rule=rule)),
    ):
        code, found, metadata = await refused(call)
        assert (code, found) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
        assert said.items() <= metadata.items(), metadata
    listed = await suite.segments().ListSegments(pb.ListSegmentsRequest())
    assert [each.segment.segment_id for each in listed.segments] == ["women"]


async def test_every_problem_of_a_rule_is_told_at_once(suite: Any) -> None:
    rule = "gendr = 'female' AND gender = 'femal' AND COUNT(order_payed) >= 1"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await suite.segments().PreviewSegment(pb.PreviewSegmentRequest(rule=rule))
    told = caught.value.details() or ""
    places = [told.index(f"line 1, column {1 + rule.index(part)}") for part in ("gendr", "'femal'", "COUNT")]
    assert places == sorted(places), told


async def test_a_tag_defined_a_moment_ago_is_known(suite: Any) -> None:
    suite.tagging.tell(tag_told("fresh", tag_pb2.BASE_TYPE_BOOL))
    created = await suite.create("fresh", "fresh = TRUE")
    assert created.segment.state == LIVE


async def test_what_may_still_be_on_its_way_is_not_called_unknown(suite: Any) -> None:
    await suite.stop()
    suite.tagging.flowing.clear()
    suite.tagging.tell(tag_told("fresh", tag_pb2.BASE_TYPE_BOOL))
    await suite.start()
    assert not suite.wiring.consumer.is_following()
    preview = pb.PreviewSegmentRequest(rule="fresh = TRUE")
    created = pb.CreateSegmentRequest(segment=segment_pb2.Segment(segment_id="fresh", rule="fresh = TRUE"))
    for call in (
        suite.segments().PreviewSegment(preview, timeout=60),
        suite.segments().CreateSegment(created, timeout=60),
    ):
        code, reason, metadata = await refused(call)
        assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "CATCHING_UP")
        assert metadata == {"service": "tagging"}
    known = await suite.segments().PreviewSegment(pb.PreviewSegmentRequest(rule="gender = 'female'"))
    assert known.count == 2
    suite.tagging.flowing.set()
    assert (await suite.segments().CreateSegment(created, timeout=60)).segment.state == LIVE
    await suite.until(suite.wiring.consumer.is_following)
    code, reason, _ = await refused(suite.create("typo", "frsh = TRUE"))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RULE_INVALID")


@pytest.mark.parametrize(
    ("field", "segment"),
    [
        ("segment.segment_id", {"segment_id": "Women"}),
        ("segment.rule", {"segment_id": "women", "rule": "  "}),
        ("segment.display_name", {"segment_id": "women", "rule": "x", "display_name": "x" * 129}),
        ("segment.description", {"segment_id": "women", "rule": "x", "description": "x" * 2_001}),
        ("population", {"segment_id": "women", "rule": "x", "population": 9}),
    ],
)
async def test_limits_are_told_by_field(suite: Any, field: str, segment: dict[str, Any]) -> None:
    request = pb.CreateSegmentRequest(segment=segment_pb2.Segment(**segment))
    code, reason, metadata = await refused(suite.segments().CreateSegment(request))
    assert (code, reason, metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", field)


async def test_an_update_needs_the_etag_that_is_stored(suite: Any) -> None:
    created = (await suite.create("women", "gender = 'female'")).segment
    other = segment_pb2.Segment(segment_id="women", rule="gender = 'male'", etag=created.etag)
    updated = await suite.segments().UpdateSegment(pb.UpdateSegmentRequest(segment=other))
    assert updated.segment.etag != created.etag
    assert updated.segment.create_time == created.create_time
    assert suite.members("women") == [3]
    again = await suite.segments().UpdateSegment(pb.UpdateSegmentRequest(segment=other))
    assert again.segment == updated.segment
    stale = segment_pb2.Segment(segment_id="women", rule="points > 1", etag=created.etag)
    code, reason, metadata = await refused(
        suite.segments().UpdateSegment(pb.UpdateSegmentRequest(segment=stale))
    )
    assert (code, reason) == (grpc.StatusCode.ABORTED, "ETAG_STALE")
    assert metadata["etag"] == updated.segment.etag
    assert suite.members("women") == [3]


async def test_a_missing_segment_is_told_with_a_suggestion(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    code, reason, metadata = await refused(suite.get("womn"))
    assert (code, reason, metadata["suggestion"]) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "women")


async def test_what_others_use_is_not_deleted(suite: Any) -> None:
    created = (await suite.create("women", "gender = 'female'")).segment
    await suite.create("others", "NOT IN SEGMENT 'women'")
    assert suite.members("others") == [3]
    found = (await suite.get("others")).freshness
    assert [(each.tag_id, each.by_runs, each.as_of) for each in found.tags] == [
        ("gender", False, found.as_of)
    ]
    delete = suite.segments().DeleteSegment
    code, reason, metadata = await refused(delete(pb.DeleteSegmentRequest(segment_id="women")))
    assert (code, reason, metadata["used_by"]) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "SEGMENT_IN_USE",
        "segment others",
    )
    await delete(pb.DeleteSegmentRequest(segment_id="others"))
    _, reason, _ = await refused(delete(pb.DeleteSegmentRequest(segment_id="women", etag="other")))
    assert reason == "ETAG_STALE"
    for _ in range(2):
        await delete(pb.DeleteSegmentRequest(segment_id="women", etag=created.etag))
    _, reason, _ = await refused(suite.get("women"))
    assert reason == "NOT_FOUND"


async def test_no_more_segments_stand_than_may(suite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_of, "MAX_SEGMENTS", 1)
    created = (await suite.create("women", "gender = 'female'")).segment
    _, reason, metadata = await refused(suite.create("men", "gender = 'male'"))
    assert (reason, metadata) == ("SEGMENT_QUOTA", {"count": "2", "limit": "1"})
    created.rule = "gender = 'male'"
    await suite.segments().UpdateSegment(pb.UpdateSegmentRequest(segment=created))
    await suite.segments().DeleteSegment(pb.DeleteSegmentRequest(segment_id="women"))
    await suite.create("men", "gender = 'male'")


async def test_a_circle_is_refused_with_its_path(suite: Any) -> None:
    await suite.create("a", "gender = 'female'")
    for inner, outer in (("a", "b"), ("b", "c"), ("c", "d")):
        await suite.create(outer, f"IN SEGMENT '{inner}'")
    circle = segment_pb2.Segment(segment_id="a", rule="NOT IN SEGMENT 'd'")
    code, reason, metadata = await refused(
        suite.segments().UpdateSegment(pb.UpdateSegmentRequest(segment=circle))
    )
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "SEGMENT_CYCLE")
    assert "a -> b -> c -> d -> a" in metadata["path"]
    assert suite.members("a") == [1, 2]


async def test_pages_follow_each_other_and_are_bound_to_their_request(suite: Any) -> None:
    for each in "abc":
        await suite.create(each, "gender = 'female'")
    first = await suite.segments().ListSegments(pb.ListSegmentsRequest(page_size=2))
    rest = await suite.segments().ListSegments(
        pb.ListSegmentsRequest(page_size=2, page_token=first.next_page_token)
    )
    assert [(each.segment.segment_id, each.count) for each in (*first.segments, *rest.segments)] == [
        ("a", 2),
        ("b", 2),
        ("c", 2),
    ]
    assert not rest.next_page_token
    for token in ("damaged", first.next_page_token[:-2]):
        request = pb.ListSegmentsRequest(page_size=2, page_token=token)
        code, reason, _ = await refused(suite.segments().ListSegments(request))
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MALFORMED")


async def test_a_preview_counts_exactly_and_stores_nothing(suite: Any) -> None:
    request = pb.PreviewSegmentRequest(rule="NOT gender = 'male'", sample_size=1)
    found = await suite.segments().PreviewSegment(request)
    assert (found.count, list(found.sample_person_ids)) == (2, [1])
    assert found.canonical_rule == "NOT gender = 'male'"
    assert found.freshness.as_of.ToDatetime(suite.clock.now().tzinfo) == suite.clock.now()
    long = " OR ".join(f"(gender = 'female' AND points > {each})" for each in range(30))
    request = pb.PreviewSegmentRequest(rule=f"points = 12 OR {long}")
    assert (await suite.segments().PreviewSegment(request)).count == 1
    request.rule += " OR pionts = 3"
    _, reason, told = await refused(suite.segments().PreviewSegment(request))
    assert (reason, told["suggestion"]) == ("RULE_INVALID", "points"), "a long rule is read as a short one"
    everyone = pb.PreviewSegmentRequest(rule="level = 'gold'", population=segment_pb2.POPULATION_MEMBER)
    found = await suite.segments().PreviewSegment(everyone)
    assert (found.count, found.freshness.population_count) == (0, 0)
    assert list(found.freshness.warnings) == [
        "computed by runs only: level",
        "never computed, or unknown of everybody: level",
    ]
    code, reason, _ = await refused(
        suite.segments().PreviewSegment(pb.PreviewSegmentRequest(rule="points > 1", sample_size=101))
    )
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert not (await suite.segments().ListSegments(pb.ListSegmentsRequest())).segments


async def test_a_tag_of_runs_says_when_its_values_were_told_last(suite: Any) -> None:
    block = block_message("level", {1: "female"})
    block.as_of.FromDatetime(dt.datetime(2026, 3, 30, 16, tzinfo=dt.UTC))
    told = suite.tagging.tell(change_pb2.Change(block=block), lane=Lane.BULK)
    request = pb.PreviewSegmentRequest(rule="level = 'gold'")
    request.consistency.at_least_as_fresh.CopyFrom(told.to_proto())
    found = (await suite.segments().PreviewSegment(request)).freshness
    before = found.warnings
    assert list(before) == ["computed by runs only: level (told last as of 2026-03-30T16:00:00+00:00)"]
    assert list(found.tags) == [segment_pb2.TagFreshness(tag_id="level", by_runs=True, as_of=block.as_of)]
    await suite.restart()
    assert (await suite.segments().PreviewSegment(request)).freshness.warnings == before


async def test_a_preview_computes_what_the_index_lacks_once(suite: Any) -> None:
    suite.tagging.columns[ORDERS] = {1: 30_000, 3: 10_000}
    request = pb.PreviewSegmentRequest(rule=f"{ORDERS} >= 1 AND gender = 'female'")
    for _ in range(3):
        assert (await suite.segments().PreviewSegment(request)).count == 1
    assert suite.tagging.evaluated == [ORDERS]
    assert suite.tagging.required == {}, "a preview registers nothing"
    told = suite.tagging.tell(values_told(3, gender="female"))
    suite.tagging.columns[ORDERS] = {1: 30_000}
    request.consistency.at_least_as_fresh.CopyFrom(told.to_proto())
    assert (await suite.segments().PreviewSegment(request)).count == 1
    assert suite.tagging.evaluated == [ORDERS, ORDERS]


async def test_a_rule_over_behaviour_is_live_when_its_feature_is(suite: Any) -> None:
    created = await suite.create("buyers", f"{ORDERS} >= 2")
    assert created.segment.state == PREPARING
    assert suite.tagging.required == {"t1": [ORDERS]}
    suite.tagging.tell(
        feature_told(ORDERS, change_pb2.FEATURE_STATE_BACKFILLING, done_count=1, total_count=3)
    )
    told = suite.tagging.tell_block(f"feature:{ORDERS}", {1: 10_000, 2: 20_000, 3: 0})
    found = await suite.get("buyers", told)
    assert not found.HasField("count")
    assert "1 of 3 persons" in found.segment.state_note
    suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_LIVE), lane=Lane.BULK)
    await suite.until(lambda: suite.members("buyers") == [2])
    assert (await suite.get("buyers")).segment.state == LIVE
    told = suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_FAILED, failure="overflow"))
    found = await suite.get("buyers", told)
    assert found.segment.state == FAILED
    assert "overflow" in found.segment.state_note


async def test_a_feature_too_many_leaves_nothing_behind(suite: Any) -> None:
    suite.tagging.quota = 1
    await suite.create("buyers", f"{ORDERS} >= 2")
    code, reason, metadata = await refused(suite.create("big", "SUM(order_paid.amount) >= 100"))
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "FEATURE_QUOTA")
    assert metadata == {"count": "2", "limit": "1"}
    listed = await suite.segments().ListSegments(pb.ListSegmentsRequest())
    assert [each.segment.segment_id for each in listed.segments] == ["buyers"]
    assert suite.tagging.required == {"t1": [ORDERS]}
    await suite.create("buyers2", f"{ORDERS} >= 5")


async def test_a_call_without_the_right_changes_nothing(suite: Any) -> None:
    request = pb.CreateSegmentRequest(segment=segment_pb2.Segment(segment_id="women", rule="points > 1"))
    code, reason, metadata = await refused(suite.segments("viewer").CreateSegment(request))
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "RIGHT_MISSING")
    assert metadata["right"] == "segments.segments.write"
    _, reason, _ = await refused(suite.get("women"))
    assert reason == "NOT_FOUND"


async def test_a_foreign_revision_is_refused(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    for foreign in (
        Revision("activation", "00000001aaaaaaaa", live=1),
        Revision("segments", "00000001aaaaaaaa", live=1),
        Revision("tagging", "00000001aaaaaaaa", live=1),
    ):
        code, reason, _ = await refused(suite.get("women", foreign))
        assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REVISION_FOREIGN")


async def test_tags_that_tell_little_are_warned_of(suite: Any) -> None:
    """Deprecated ones, with what to use instead, and those that nobody has a value of."""
    told = tag_told("points", tag_pb2.BASE_TYPE_NUMBER)
    told.tag.tag.state, told.tag.tag.replacement_tag_id = tag_pb2.TAG_STATE_DEPRECATED, "score"
    suite.tagging.tell(told, tag_told("fresh", tag_pb2.BASE_TYPE_BOOL))
    created = await suite.create("both", "fresh = TRUE OR points > 1")
    deprecated, empty = created.warnings
    assert "the tag 'points' is deprecated" in deprecated
    assert "'score'" in deprecated
    assert empty == "never computed, or unknown of everybody: fresh"
    request = pb.PreviewSegmentRequest(rule="fresh = TRUE OR points > 1")
    await suite.restart()
    preview = await suite.segments().PreviewSegment(request)
    assert (preview.count, list(preview.freshness.warnings)) == (1, [deprecated, empty])
    known = suite.tagging.tell(values_told(2, fresh=False))
    assert list((await suite.get("both", known)).freshness.warnings) == [deprecated]
    update = pb.UpdateSegmentRequest(segment=created.segment)
    update.segment.rule = "fresh = TRUE"
    assert list((await suite.segments().UpdateSegment(update)).warnings) == []
