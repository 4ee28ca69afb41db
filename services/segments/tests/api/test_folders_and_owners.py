"""FolderService, and who may change which segment, over a real channel, on both stores."""

from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import folder_service_pb2 as folders
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from servicekit.status import reason_of

RULE = "gender = 'female'"


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    told = reason_of(error.value)
    return told.reason, dict(told.metadata)


async def put(suite: Any, *paths: str) -> None:
    for path in paths:
        request = folders.PutFolderRequest(folder=folders.Folder(path=path))
        await suite.folders("marketer").PutFolder(request)


async def tree(suite: Any, below: str = "") -> list[tuple[str, int, int]]:
    found = await suite.folders("viewer").ListFolders(folders.ListFoldersRequest(below=below))
    return [(each.path, each.segment_count, each.total_segment_count) for each in found.folders]


async def listed(suite: Any, **asked: Any) -> list[str]:
    found = await suite.segments("viewer").ListSegments(pb.ListSegmentsRequest(**asked))
    return [each.segment.segment_id for each in found.segments]


async def test_segments_stand_in_a_tree_of_folders(suite: Any) -> None:
    await put(suite, "活动", "活动/618", "活动/11-11", "others")
    assert await refused(suite.create("lost", RULE, folder="活动/619")) == (
        "FOLDER_UNKNOWN",
        {"folder": "活动/619", "suggestion": "活动/618"},
    )
    await suite.create("a", RULE, folder="活动/618", brand="tea")
    await suite.create("b", RULE, folder="活动", brand="tea")
    await suite.create("c", RULE)
    assert await tree(suite) == [("others", 0, 0), ("活动", 1, 2), ("活动/11-11", 0, 0), ("活动/618", 1, 1)]
    assert await listed(suite, folder="活动") == ["a", "b"]
    assert await listed(suite, folder="活动/618", brand="tea") == ["a"]
    assert await listed(suite, brand="") == ["c"]
    assert await listed(suite, states=[segment_pb2.SEGMENT_STATE_PREPARING]) == []
    move = folders.MoveFolderRequest(path="活动", new_path="others/old")
    assert list((await suite.folders().MoveFolder(move)).segment_ids) == ["a", "b"]
    assert await tree(suite, "others") == [
        ("others", 0, 2),
        ("others/old", 1, 2),
        ("others/old/11-11", 0, 0),
        ("others/old/618", 1, 1),
    ]
    found = await suite.get("a")
    assert (found.segment.folder, found.count) == ("others/old/618", 2)
    await suite.restart()
    assert (await suite.get("a")).segment == found.segment
    delete = suite.folders().DeleteFolder
    assert await refused(delete(folders.DeleteFolderRequest(path="others/old"))) == (
        "FOLDER_IN_USE",
        {"folder": "others/old", "used_by": "folder others/old/11-11, folder others/old/618, segment b"},
    )
    await delete(folders.DeleteFolderRequest(path="others/old/11-11"))
    reason, _ = await refused(suite.folders().MoveFolder(move))
    assert reason == "FOLDER_UNKNOWN", "repeated, there is nothing to move"


async def test_a_folder_moves_only_where_it_fits(suite: Any) -> None:
    await put(suite, "a", "a/b", "c")
    await suite.create("women", RULE, folder="a/b")
    for new_path, reason in (
        ("a/b/c", "INVALID_FIELD"),
        ("b/c", "FOLDER_UNKNOWN"),
        ("c", "ALREADY_EXISTS"),
        ("c/ ", "INVALID_FIELD"),
    ):
        move = suite.folders().MoveFolder(folders.MoveFolderRequest(path="a", new_path=new_path))
        assert (await refused(move))[0] == reason
    assert (await suite.get("women")).segment.folder == "a/b"
    assert await tree(suite) == [("a", 0, 1), ("a/b", 1, 1), ("c", 0, 0)]


async def test_only_the_owner_and_who_administers_change_a_segment(suite: Any) -> None:
    theirs, others = suite.segments("marketer"), suite.segments("analyst")
    stated = segment_pb2.Segment(segment_id="women", rule=RULE)
    created = (await theirs.CreateSegment(pb.CreateSegmentRequest(segment=stated))).segment
    assert created.owner == "marketer-t1"
    again = await others.CreateSegment(pb.CreateSegmentRequest(segment=stated))
    assert again.segment == created, "equal content"
    assert await listed(suite, owner="marketer-t1") == ["women"]
    assert await listed(suite, owner="analyst-t1") == []
    stated.description = "who buys"
    told = {"segment_id": "women", "step": "change", "who": "marketer-t1"}
    assert await refused(others.UpdateSegment(pb.UpdateSegmentRequest(segment=stated))) == (
        "STEP_FORBIDDEN",
        told,
    )
    delete = pb.DeleteSegmentRequest(segment_id="women")
    assert await refused(others.DeleteSegment(delete)) == ("STEP_FORBIDDEN", {**told, "step": "delete"})
    await put(suite, "a")
    updated = (await theirs.UpdateSegment(pb.UpdateSegmentRequest(segment=stated))).segment
    assert (updated.owner, updated.description) == ("marketer-t1", "who buys")
    stated.owner, stated.folder = "analyst-t1", "a"
    await suite.segments("admin").UpdateSegment(pb.UpdateSegmentRequest(segment=stated))
    stated.description = "mine again"
    assert (await refused(theirs.UpdateSegment(pb.UpdateSegmentRequest(segment=stated))))[0] == (
        "STEP_FORBIDDEN"
    )
    move = folders.MoveFolderRequest(path="a", new_path="b")
    assert (await refused(suite.folders("marketer").MoveFolder(move)))[0] == "STEP_FORBIDDEN"
    await others.DeleteSegment(delete)
    assert await listed(suite) == []


async def test_limits_of_places_are_told_by_field(suite: Any) -> None:
    for field, said in (("segment.brand", {"brand": "Tea!"}), ("segment.owner", {"owner": "o" * 129})):
        assert (await refused(suite.create("women", RULE, **said)))[1]["field"] == field
    for field, folder in (
        ("folder.path", folders.Folder(path="1/2/3/4/5/6")),
        ("folder.display_name", folders.Folder(path="a", display_name="n" * 129)),
    ):
        call = suite.folders().PutFolder(folders.PutFolderRequest(folder=folder))
        assert (await refused(call))[1]["field"] == field
