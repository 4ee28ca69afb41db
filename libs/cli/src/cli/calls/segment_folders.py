"""The tree of folders that segments stand in."""

import grpc
from huaxiang.segments.v1 import folder_service_pb2 as pb
from huaxiang.segments.v1 import segment_service_pb2
from huaxiang.segments.v1.folder_service_pb2_grpc import FolderServiceStub

from cli.calls.segments import every
from cli.exits import Exit, Refusal


async def folders(channel: grpc.aio.Channel, below: str) -> list[pb.Folder]:
    """In order of path."""
    return list((await FolderServiceStub(channel).ListFolders(pb.ListFoldersRequest(below=below))).folders)


async def listed(
    channel: grpc.aio.Channel, place: str, *, owner: str, brand: str | None
) -> list[segment_service_pb2.ListedSegment]:
    """The segments at or below a folder, all when it is empty. Raises Refusal when there is no such folder."""
    found = await every(channel, place=place, owner=owner, brand=brand)
    if place and not found and not await folders(channel, place):
        raise Refusal(f"there is no folder {place}; see: huaxiang segments folders", Exit.BAD_DATA)
    return found


async def put(channel: grpc.aio.Channel, path: str, name: str) -> pb.Folder:
    """Makes a folder, or renames one."""
    request = pb.PutFolderRequest(folder=pb.Folder(path=path, display_name=name))
    return (await FolderServiceStub(channel).PutFolder(request)).folder


async def move(channel: grpc.aio.Channel, path: str, new_path: str) -> list[str]:
    """The segments that moved with it."""
    request = pb.MoveFolderRequest(path=path, new_path=new_path)
    return list((await FolderServiceStub(channel).MoveFolder(request)).segment_ids)


async def delete(channel: grpc.aio.Channel, path: str) -> None:
    """An empty one."""
    await FolderServiceStub(channel).DeleteFolder(pb.DeleteFolderRequest(path=path))
