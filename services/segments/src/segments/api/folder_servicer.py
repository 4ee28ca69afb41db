"""FolderService: the tree of folders."""

from huaxiang.segments.v1 import folder_service_pb2 as pb
from huaxiang.segments.v1.folder_service_pb2_grpc import FolderServiceServicer
from segments.api import parse
from segments.app.folder_tree import Filled, FolderTree
from segments.app.version import Board
from segments.domain.folders import Folder
from servicekit.calls import current_principal
from servicekit.database import Database


class FolderServicer(FolderServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, board: Board, database: Database, tree: FolderTree) -> None:
        self._board = board
        self._database = database
        self._tree = tree

    async def ListFolders(self, request: pb.ListFoldersRequest, context: object) -> pb.ListFoldersResponse:
        tenant = current_principal().require_tenant()
        version = self._board.current
        found = await self._database.read(self._tree.filled, version, tenant, request.below)
        return pb.ListFoldersResponse(
            folders=[_message(each) for each in found], revision=version.revision.to_proto()
        )

    async def PutFolder(self, request: pb.PutFolderRequest, context: object) -> pb.PutFolderResponse:
        tenant = current_principal().require_tenant()
        folder = Folder(request.folder.path, request.folder.display_name.strip())
        found, revision = await self._tree.put(tenant, folder)
        return pb.PutFolderResponse(folder=_message(found), revision=revision.to_proto())

    async def MoveFolder(self, request: pb.MoveFolderRequest, context: object) -> pb.MoveFolderResponse:
        principal = current_principal()
        moved, revision = await self._tree.move(
            principal.require_tenant(), parse.actor(principal), request.path, request.new_path
        )
        return pb.MoveFolderResponse(segment_ids=moved, revision=revision.to_proto())

    async def DeleteFolder(self, request: pb.DeleteFolderRequest, context: object) -> pb.DeleteFolderResponse:
        tenant = current_principal().require_tenant()
        revision = await self._tree.delete(tenant, request.path)
        return pb.DeleteFolderResponse(revision=revision.to_proto())


def _message(filled: Filled) -> pb.Folder:
    return pb.Folder(
        path=filled.folder.path,
        display_name=filled.folder.display_name,
        segment_count=filled.here,
        total_segment_count=filled.total,
    )
