"""CategoryService: the tree of categories."""

import grpc
from huaxiang.tagging.v1 import category_service_pb2 as pb
from huaxiang.tagging.v1 import category_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.api.parse_governance import actor_of, wording
from tagging.api.render_governance import category_message
from tagging.app.governance.category_tree import CategoryTree
from tagging.app.governance.lives import Lives

Context = grpc.aio.ServicerContext[object, object]


class CategoryServicer(category_service_pb2_grpc.CategoryServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, tree: CategoryTree, lives: Lives) -> None:
        self._database = database
        self._tree = tree
        self._lives = lives

    async def ListCategories(
        self, request: pb.ListCategoriesRequest, context: Context
    ) -> pb.ListCategoriesResponse:
        tenant = current_principal().require_tenant()

        def work(connection: Connection) -> pb.ListCategoriesResponse:
            found = self._tree.counted(connection, tenant, request.below)
            return pb.ListCategoriesResponse(
                categories=[category_message(each) for each in found],
                revision=self._lives.revision(connection).to_proto(),
            )

        return await self._database.read(work)

    async def PutCategory(self, request: pb.PutCategoryRequest, context: Context) -> pb.PutCategoryResponse:
        tenant = current_principal().require_tenant()
        found, revision = await self._database.write(
            self._tree.put, tenant, request.path, wording(request.name)
        )
        return pb.PutCategoryResponse(category=category_message(found), revision=revision.to_proto())

    async def MoveCategory(
        self, request: pb.MoveCategoryRequest, context: Context
    ) -> pb.MoveCategoryResponse:
        principal = current_principal()
        moved, revision = await self._database.write(
            self._tree.move, principal.require_tenant(), actor_of(principal), request.path, request.new_path
        )
        return pb.MoveCategoryResponse(tag_ids=moved, revision=revision.to_proto())

    async def DeleteCategory(
        self, request: pb.DeleteCategoryRequest, context: Context
    ) -> pb.DeleteCategoryResponse:
        tenant = current_principal().require_tenant()
        revision = await self._database.write(self._tree.delete, tenant, request.path)
        return pb.DeleteCategoryResponse(revision=revision.to_proto())
