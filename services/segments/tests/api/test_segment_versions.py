"""SegmentVersionService over a real channel, on both stores."""

from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import folder_service_pb2 as folders
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.segments.v1 import segment_version_service_pb2 as versions
from servicekit.status import reason_of


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason_of(error.value).reason


async def listed(suite: Any, segment_id: str, size: int = 0) -> list[versions.SegmentVersion]:
    found: list[versions.SegmentVersion] = []
    request = versions.ListSegmentVersionsRequest(segment_id=segment_id, page_size=size)
    while True:
        page = await suite.versions("viewer").ListSegmentVersions(request)
        found += page.versions
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def diff(suite: Any, old: int, new: int) -> list[tuple[str, str, str]]:
    request = versions.DiffSegmentVersionsRequest(segment_id="women", from_version=old, to_version=new)
    found = await suite.versions("viewer").DiffSegmentVersions(request)
    return [(each.field, each.old, each.new) for each in found.fields]


async def change(suite: Any, reason: str = "", role: str = "marketer", **said: Any) -> segment_pb2.Segment:
    stored = (await suite.get("women")).segment
    for field, value in said.items():
        setattr(stored, field, value)
    request = pb.UpdateSegmentRequest(segment=stored, reason=reason)
    return (await suite.segments(role).UpdateSegment(request)).segment  # type: ignore[no-any-return]


async def test_every_change_is_a_version_with_who_why_and_what(suite: Any) -> None:
    stated = segment_pb2.Segment(segment_id="women", rule="gender = 'female'")
    request = pb.CreateSegmentRequest(segment=stated, reason="asked for by sales")
    created = (await suite.segments("marketer").CreateSegment(request)).segment
    assert created.version == 1
    await change(suite, "the men, too", rule="gender = 'female' OR gender = 'male'")
    same = await change(suite, "nothing new")
    assert same.version == 2
    await suite.folders().PutFolder(folders.PutFolderRequest(folder=folders.Folder(path="a")))
    await change(suite, folder="a", description="everybody")
    await suite.folders("marketer").MoveFolder(folders.MoveFolderRequest(path="a", new_path="b"))
    found = await listed(suite, "women", size=3)
    assert [(each.version, each.subject, each.reason) for each in found] == [
        (4, "marketer-t1", "folder a -> b"),
        (3, "marketer-t1", ""),
        (2, "marketer-t1", "the men, too"),
        (1, "marketer-t1", "asked for by sales"),
    ]
    assert all(each.start_time.ToDatetime(suite.clock.now().tzinfo) == suite.clock.now() for each in found)
    assert found[3].segment.rule == stated.rule
    assert await diff(suite, 0, 0) == [("folder", "a", "b")]
    rule = ("rule", "gender = 'female'", "gender = 'female' OR gender = 'male'")
    assert await diff(suite, 1, 3) == [("description", "", "everybody"), rule, ("folder", "", "a")]
    assert await diff(suite, 2, 2) == []
    back = versions.RestoreSegmentVersionRequest(segment_id="women", version=1)
    assert await refused(suite.versions("analyst").RestoreSegmentVersion(back)) == "STEP_FORBIDDEN"
    for _ in range(2):
        restored = (await suite.versions("marketer").RestoreSegmentVersion(back)).segment
        assert (restored.version, restored.rule, restored.owner) == (5, stated.rule, "marketer-t1")
    assert suite.members("women") == [1, 2]
    assert (await listed(suite, "women"))[0].reason == "version 1 again"
    await suite.restart()
    assert (await suite.get("women")).segment == restored


async def test_what_has_no_versions_is_told(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    assert await refused(listed(suite, "men")) == "NOT_FOUND"
    assert await refused(diff(suite, 1, 2)) == "NOT_FOUND"
    back = versions.RestoreSegmentVersionRequest(segment_id="women", version=2)
    assert await refused(suite.versions().RestoreSegmentVersion(back)) == "NOT_FOUND"
    assert await refused(change(suite, "r" * 2_001, "admin", rule="points > 1")) == "INVALID_FIELD"
