"""TagVersionService: the versions of tags."""

import grpc
from huaxiang.tagging.v1 import tag_version_service_pb2 as pb
from huaxiang.tagging.v1 import tag_version_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash
from sqlalchemy import Connection
from tagging.api.parse_governance import step_of
from tagging.api.render_governance import field_message, life_message, version_message
from tagging.api.writes import written
from tagging.app.governance.drafts import Drafts
from tagging.app.governance.lives import Lives
from tagging.app.governance.versions import Versions

Context = grpc.aio.ServicerContext[object, object]


class TagVersionServicer(tag_version_service_pb2_grpc.TagVersionServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, versions: Versions, drafts: Drafts, lives: Lives) -> None:
        self._database = database
        self._versions = versions
        self._drafts = drafts
        self._lives = lives

    async def ListTagVersions(
        self, request: pb.ListTagVersionsRequest, context: Context
    ) -> pb.ListTagVersionsResponse:
        tenant = current_principal().require_tenant()
        size, bound = page_size(request.page_size), request_hash(request, tenant)
        below = read_token(request.page_token, bound, int)

        def work(connection: Connection) -> pb.ListTagVersionsResponse:
            number = below[0] if below else None
            found = self._versions.page(connection, tenant, request.tag_id, number, size + 1)
            page = found[:size]
            return pb.ListTagVersionsResponse(
                versions=[version_message(each) for each in page],
                next_page_token=make_token([page[-1].version], bound) if len(found) > size else "",
                revision=self._lives.revision(connection).to_proto(),
            )

        return await self._database.read(work)

    async def DiffTagVersions(
        self, request: pb.DiffTagVersionsRequest, context: Context
    ) -> pb.DiffTagVersionsResponse:
        tenant = current_principal().require_tenant()

        def work(connection: Connection) -> pb.DiffTagVersionsResponse:
            fields = self._versions.diff(
                connection, tenant, request.tag_id, request.from_version, request.to_version
            )
            revision = self._lives.revision(connection).to_proto()
            return pb.DiffTagVersionsResponse(
                fields=[field_message(each) for each in fields], revision=revision
            )

        return await self._database.read(work)

    async def RestoreTagVersion(
        self, request: pb.RestoreTagVersionRequest, context: Context
    ) -> pb.RestoreTagVersionResponse:
        step = step_of(request)

        def work(connection: Connection, tenant: str) -> pb.RestoreTagVersionResponse:
            stepped = self._drafts.restore_version(connection, tenant, step, request.version)
            return pb.RestoreTagVersionResponse(
                life=life_message(stepped.life), revision=stepped.revision.to_proto()
            )

        return await written(self._database, "RestoreTagVersion", request, pb.RestoreTagVersionResponse, work)
