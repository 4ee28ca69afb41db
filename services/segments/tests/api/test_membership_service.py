"""MembershipService over a real channel, on both stores."""

from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import membership_service_pb2 as pb
from huaxiang.tagging.v1 import change_pb2
from huaxiang.type.v1 import revision_pb2
from segments_tagging import feature_told, person_told, values_told
from servicekit import freshness
from servicekit.revision import Lane, Revision, parse_token
from servicekit.status import reason_of


async def check(
    suite: Any, persons: list[int], *segments: str, after: Revision | None = None
) -> pb.CheckMembershipResponse:
    request = pb.CheckMembershipRequest(person_ids=persons, segment_ids=segments)
    if after is not None:
        request.consistency.CopyFrom(revision_pb2.Consistency(at_least_as_fresh=after.to_proto()))
    return await suite.memberships().CheckMembership(request)  # type: ignore[no-any-return]


def rows(answer: pb.CheckMembershipResponse) -> list[tuple[int, list[bool]]]:
    return [(each.person_id, list(each.members)) for each in answer.persons]


async def test_persons_are_answered_in_order_and_redirects_followed(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    await suite.create("rich", "points >= 10")
    told = suite.tagging.tell(person_told(9, 2, change_pb2.UNIVERSE_STATE_REDIRECTED, 3))
    answer = await check(suite, [3, 9, 1, 77], "women", "rich", after=told)
    assert rows(answer) == [(3, [False, True]), (3, [False, True]), (1, [True, False]), (0, [False, False])]
    assert answer.freshness.population_count == 3
    assert answer.freshness.evaluate_us > 0
    assert [each.tag_id for each in answer.freshness.tags] == ["gender", "points"]
    assert parse_token(answer.revision.token).rests_on


@pytest.mark.parametrize("of", ["tagging", "identity"])
async def test_a_write_to_the_left_is_seen_with_its_revision(suite: Any, of: str) -> None:
    await suite.create("rich", "points >= 10")
    for number in range(20):
        points = 200_000 if number % 2 else 0
        told = suite.tagging.tell(values_told(1, points=points))
        after = told if of == "tagging" else suite.tagging.identity_revision
        assert rows(await check(suite, [1], "rich", after=after)) == [(1, [bool(points)])]


async def test_a_bulk_write_is_seen_with_its_revision(suite: Any) -> None:
    await suite.create("rich", "points >= 10")
    told = suite.tagging.tell_block("points", {1: 200_000, 2: 0, 3: None})
    assert rows(await check(suite, [1, 2, 3], "rich", after=told)) == [
        (1, [True]),
        (2, [False]),
        (3, [False]),
    ]


async def test_a_revision_that_never_comes_ends_with_the_deadline(
    suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "ANSWER_MARGIN_S", 0.8)  # a busy machine, too, answers in that time
    await suite.create("rich", "points >= 10")
    told = suite.tagging.tell(values_told(1, points=1))
    request = pb.CheckMembershipRequest(person_ids=[1], segment_ids=["rich"])
    later = told.at(Lane.LIVE, told.live + 1_000)
    request.consistency.at_least_as_fresh.CopyFrom(later.to_proto())
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await suite.memberships().CheckMembership(request, timeout=1.0)
    assert reason_of(error.value).reason == "REVISION_NOT_REACHED"


@pytest.mark.parametrize(
    ("persons", "segments", "reason", "metadata"),
    [
        (1_001, 1, "BATCH_TOO_LARGE", {"field": "person_ids", "count": "1001", "limit": "1000"}),
        (1, 101, "BATCH_TOO_LARGE", {"field": "segment_ids", "count": "101", "limit": "100"}),
        (0, 1, "INVALID_FIELD", {"field": "person_ids"}),
        (1, 0, "INVALID_FIELD", {"field": "segment_ids"}),
    ],
)
async def test_batches_have_limits(
    suite: Any, persons: int, segments: int, reason: str, metadata: dict[str, str]
) -> None:
    await suite.create("rich", "points >= 10")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await check(suite, [1] * persons, *["rich"] * segments)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    found = reason_of(error.value)
    assert found.reason == reason
    assert metadata.items() <= dict(found.metadata).items()


async def test_a_segment_without_members_to_speak_of_says_why(suite: Any) -> None:
    await suite.create("buyers", "COUNT(order_paid) >= 2")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await check(suite, [1], "buyers")
    found = reason_of(error.value)
    assert (error.value.code(), found.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SEGMENT_NOT_LIVE")
    assert found.metadata["state"] == "preparing"
    assert "COUNT(order_paid)" in found.metadata["note"]


async def explain(suite: Any, person_id: int, segment_id: str) -> pb.ExplainMembershipResponse:
    request = pb.ExplainMembershipRequest(person_id=person_id, segment_id=segment_id)
    return await suite.memberships().ExplainMembership(request)  # type: ignore[no-any-return]


async def test_an_explanation_is_at_least_as_fresh_as_the_membership(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    answer = await explain(suite, 1, "women")
    assert (answer.member, answer.in_population, answer.explanation.holds) == (True, True, True)
    (asked,) = suite.tagging.explained
    assert (asked.person_id, asked.rule) == (1, "gender = 'female'")
    told = parse_token(asked.consistency.at_least_as_fresh.token)
    (rests_on,) = [each for each in parse_token(answer.revision.token).rests_on if each.service == "tagging"]
    assert told == rests_on


async def test_a_reference_to_a_segment_is_explained_by_its_rule(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    await suite.create("members", "gender = 'female'", population=2)
    await suite.create("both", "IN SEGMENT 'women' AND NOT IN SEGMENT 'members'")
    assert (await explain(suite, 1, "both")).member
    (asked,) = suite.tagging.explained
    assert asked.rule == "gender = 'female' AND NOT FALSE"


async def test_nobody_is_explained_who_is_not_there(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await explain(suite, 77, "women")
    assert (error.value.code(), reason_of(error.value).reason) == (
        grpc.StatusCode.NOT_FOUND,
        "PERSON_UNKNOWN",
    )


async def test_a_live_feature_decides(suite: Any) -> None:
    form = "COUNT(order_paid)"
    await suite.create("buyers", f"{form} >= 2")
    live = feature_told(form, change_pb2.FEATURE_STATE_LIVE)
    told = suite.tagging.tell(live, values_told(2, **{f"feature_{form}": 20_000}))
    assert rows(await check(suite, [1, 2], "buyers", after=told)) == [(1, [False]), (2, [True])]
