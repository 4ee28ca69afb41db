"""TagService: the catalogue of tags."""

from functools import partial

import grpc
from huaxiang.tagging.v1 import tag_service_pb2 as pb
from huaxiang.tagging.v1 import tag_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import ResourceNotFound
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.api.looks import looked_at
from tagging.api.parse_governance import actor_of
from tagging.api.parse_tags import definitions_of
from tagging.api.render_tags import difference_message, tag_message
from tagging.app.apply_tags import ApplyTags
from tagging.app.governance.refusals import reason_of
from tagging.app.read_values import ReadValues
from tagging.domain.plan import Tag, catalogue_etag
from tagging.errors import nearest
from tagging.store.tag_ports import TagCatalogue

Context = grpc.aio.ServicerContext[object, object]


class TagServicer(tag_service_pb2_grpc.TagServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self, database: Database, catalogue: TagCatalogue, apply_tags: ApplyTags, values: ReadValues
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._apply_tags = apply_tags
        self._values = values

    async def GetTag(self, request: pb.GetTagRequest, context: Context) -> pb.GetTagResponse:
        stored, revision = await self._database.read(self._read, current_principal().require_tenant())
        tag = stored.get(request.tag_id)
        if tag is None:
            raise ResourceNotFound(f"tag {request.tag_id}", nearest(request.tag_id, stored))
        return pb.GetTagResponse(tag=tag_message(tag), revision=revision.to_proto())

    async def ListTags(self, request: pb.ListTagsRequest, context: Context) -> pb.ListTagsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound = request_hash(request, tenant)
        after = read_token(request.page_token, bound, str)
        stored, revision = await self._database.read(self._read, tenant)
        below = [
            tag
            for tag in stored.values()
            if _is_below(tag, request.category) and (after is None or tag.tag_id > after[0])
        ]
        page = below[:size]
        return pb.ListTagsResponse(
            tags=[tag_message(each) for each in page],
            next_page_token=make_token([page[-1].tag_id], bound) if len(below) > size else "",
            catalogue_etag=catalogue_etag(stored.values()),
            revision=revision.to_proto(),
        )

    async def ApplyTags(self, request: pb.ApplyTagsRequest, context: Context) -> pb.ApplyTagsResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        definitions = definitions_of(request.definitions)
        apply = partial(
            self._apply_tags,
            actor=actor_of(principal),
            delete_missing=request.delete_missing,
            etag=request.catalogue_etag,
            reason=reason_of(request.reason, needed=request.force),
            force=request.force,
        )
        take = self._database.read if request.validate_only else self._database.write
        applied = await looked_at(
            lambda: take(apply, tenant, definitions, validate_only=request.validate_only)
        )
        return pb.ApplyTagsResponse(
            differences=[difference_message(each) for each in applied.differences],
            catalogue_etag=applied.etag,
            revision=applied.revision.to_proto(),
            warnings=applied.warnings,
        )

    def _read(self, connection: Connection, tenant: str) -> tuple[dict[str, Tag], Revision]:
        return self._catalogue.all(connection, tenant), self._values.revision(connection)


def _is_below(tag: Tag, category: str) -> bool:
    own = tag.definition.category
    return not category or own == category or own.startswith(f"{category}/")
