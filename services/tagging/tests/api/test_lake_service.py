"""LakeService over a real channel: compaction, status, retention, proofs of erasures."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from huaxiang.tagging.v1 import lake_service_pb2 as pb
from huaxiang.tagging.v1 import lake_service_pb2_grpc
from scripted_identity import RunningTagging, ScriptedIdentity, Start, event
from servicekit.status import reason_of


@pytest.fixture
async def tagging(start: Start) -> AsyncIterator[RunningTagging]:
    async with start() as running:
        yield running


def lake(tagging: RunningTagging, role: str) -> Any:
    return lake_service_pb2_grpc.LakeServiceStub(tagging.server.connect(role))


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    reason = reason_of(caught.value)
    return reason.reason, dict(reason.metadata)


async def test_small_files_become_large_ones_and_status_tells(
    tagging: RunningTagging, identity: ScriptedIdentity
) -> None:
    stub = lake(tagging, "analyst")
    for sequence in (1, 2, 3):
        await tagging.reach(identity.say(event(sequence, 1)))
        await stub.FlushLake(pb.FlushLakeRequest())
    before = await stub.GetLakeStatus(pb.GetLakeStatusRequest())
    assert (before.event_count, before.file_count, before.day_count) == (3, 3, 1)
    assert (before.compactable_file_count, before.recent_event_count) == (3, 0)
    done = await stub.CompactLake(pb.CompactLakeRequest())
    assert (done.files_before, done.files_after, done.more) == (3, 1, False)
    assert done.bytes_before == before.size_bytes
    after = await lake(tagging, "viewer").GetLakeStatus(pb.GetLakeStatusRequest())
    assert (after.event_count, after.file_count, after.compactable_file_count) == (3, 1, 0)
    assert after.size_bytes == done.bytes_after == after.days[0].size_bytes
    assert (len(after.days), after.days[0].event_count, after.days[0].file_count) == (1, 3, 1)
    assert after.replaced_file_count == 3
    assert (await stub.CompactLake(pb.CompactLakeRequest())).files_before == 0


async def test_retention_is_ruled_by_admins_and_read_by_all(tagging: RunningTagging) -> None:
    def rules(**days: int) -> pb.SetEventRetentionRequest:
        made = [pb.EventRetentionRule(event_type=name, days=each) for name, each in days.items()]
        return pb.SetEventRetentionRequest(rules=made)

    admin = lake(tagging, "admin")
    for _ in range(2):
        await admin.SetEventRetention(rules(search=30, order_paid=0))
    said = await lake(tagging, "viewer").GetEventRetention(pb.GetEventRetentionRequest())
    assert said.default_days == 0
    assert [(each.event_type, each.days) for each in said.rules] == [("order_paid", 0), ("search", 30)]
    assert not said.HasField("counts_from")
    assert (await refused(lake(tagging, "analyst").SetEventRetention(rules())))[0] == "RIGHT_MISSING"
    wrong = await refused(admin.SetEventRetention(rules(search=36_501)))
    assert wrong[0] == "INVALID_FIELD"
    assert wrong[1]["field"] == "rules[0].days"
    twice = pb.SetEventRetentionRequest(rules=[pb.EventRetentionRule(event_type="a", days=1)] * 2)
    assert (await refused(admin.SetEventRetention(twice)))[1]["field"] == "rules[1].event_type"
    nameless = pb.SetEventRetentionRequest(rules=[pb.EventRetentionRule(days=1)])
    assert (await refused(admin.SetEventRetention(nameless)))[1]["field"] == "rules[0].event_type"
    many = pb.SetEventRetentionRequest(
        rules=[pb.EventRetentionRule(event_type=f"t{number}", days=1) for number in range(501)]
    )
    assert (await refused(admin.SetEventRetention(many)))[1]["field"] == "rules"


async def test_proofs_are_listed_in_pages(tagging: RunningTagging) -> None:
    answer = await lake(tagging, "viewer").ListErasureProofs(pb.ListErasureProofsRequest(page_size=1))
    assert (len(answer.proofs), answer.next_page_token) == (0, "")
    garbage = pb.ListErasureProofsRequest(page_token="garbage")
    assert (await refused(lake(tagging, "viewer").ListErasureProofs(garbage)))[0] == "PAGE_TOKEN_MALFORMED"
