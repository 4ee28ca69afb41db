"""PortraitTemplateService: how portraits are arranged."""

import grpc
from huaxiang.tagging.v1 import portrait_template_pb2, portrait_template_service_pb2_grpc
from huaxiang.tagging.v1 import portrait_template_service_pb2 as pb
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.principal import Principal
from tagging.api.parse_portraits import MAX_TEMPLATE_PAGE, template_of
from tagging.api.parse_tags import readable_grades
from tagging.api.render_portraits import template_message
from tagging.app.portraits.templates import KeepTemplates
from tagging.store.portrait_ports import StoredTemplate
from tagging.store.tag_ports import TagCatalogue

Context = grpc.aio.ServicerContext[object, object]


class PortraitTemplateServicer(portrait_template_service_pb2_grpc.PortraitTemplateServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, templates: KeepTemplates, catalogue: TagCatalogue) -> None:
        self._database = database
        self._templates = templates
        self._catalogue = catalogue

    async def PutPortraitTemplate(
        self, request: pb.PutPortraitTemplateRequest, context: Context
    ) -> pb.PutPortraitTemplateResponse:
        principal = current_principal()
        template = template_of(request.template)
        stored, revision = await self._database.write(
            self._templates.put, principal.require_tenant(), template, request.template.etag
        )
        message = await self._message(principal, stored)
        return pb.PutPortraitTemplateResponse(template=message, revision=revision.to_proto())

    async def GetPortraitTemplate(
        self, request: pb.GetPortraitTemplateRequest, context: Context
    ) -> pb.GetPortraitTemplateResponse:
        principal = current_principal()
        stored, revision = await self._database.read(
            self._templates.get, principal.require_tenant(), request.template_id
        )
        message = await self._message(principal, stored)
        return pb.GetPortraitTemplateResponse(template=message, revision=revision.to_proto())

    async def ListPortraitTemplates(
        self, request: pb.ListPortraitTemplatesRequest, context: Context
    ) -> pb.ListPortraitTemplatesResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        size = page_size(request.page_size, maximum=MAX_TEMPLATE_PAGE)
        bound = request_hash(request, tenant)
        after = read_token(request.page_token, bound, str)
        listed, more, revision = await self._database.read(
            self._templates.page, tenant, "" if after is None else after[0], size
        )
        return pb.ListPortraitTemplatesResponse(
            templates=[await self._message(principal, each) for each in listed],
            next_page_token=make_token([listed[-1].template.template_id], bound) if more else "",
            revision=revision.to_proto(),
        )

    async def DeletePortraitTemplate(
        self, request: pb.DeletePortraitTemplateRequest, context: Context
    ) -> pb.DeletePortraitTemplateResponse:
        deleted, revision = await self._database.write(
            self._templates.delete,
            current_principal().require_tenant(),
            request.template_id,
            request.etag,
        )
        return pb.DeletePortraitTemplateResponse(deleted=deleted, revision=revision.to_proto())

    async def _message(
        self, principal: Principal, stored: StoredTemplate
    ) -> portrait_template_pb2.PortraitTemplate:
        """What is typical in tags that the caller may not read, or that are gone, is withheld."""
        withheld: frozenset[str] = frozenset()
        if stored.profile is not None:
            tags = await self._database.read(self._catalogue.all, principal.require_tenant())
            grades = readable_grades(principal)
            readable = {each.tag_id for each in tags.values() if each.definition.grade in grades}
            withheld = frozenset(stored.template.tag_ids) - readable
        return template_message(stored, withheld)
