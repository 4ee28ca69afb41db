"""Portrait templates: from files, kept, listed."""

from collections.abc import Sequence
from pathlib import Path

import grpc
import yaml
from huaxiang.tagging.v1 import portrait_template_pb2 as pb
from huaxiang.tagging.v1 import portrait_template_service_pb2 as service_pb
from huaxiang.tagging.v1.portrait_template_service_pb2_grpc import PortraitTemplateServiceStub
from tagging.api.parse_portraits import template_of
from tagging.api.render_portraits import definition_message
from tagging.catalogue.files import FileInvalid
from tagging.catalogue.phrase_files import parse_templates
from tagging.domain.portrait_document import to_document

from cli.exits import Exit, Refusal
from cli.text_files import read_text


def from_files(files: Sequence[Path]) -> list[pb.PortraitTemplate]:
    """Raises Refusal that names the file and the fault, also when it holds none."""
    try:
        found = [each for path in files for each in parse_templates(read_text(path), str(path))]
    except FileInvalid as error:
        raise Refusal(str(error), Exit.BAD_DATA) from error
    if not found:
        raise Refusal(f"{', '.join(map(str, files))}: no template is there", Exit.BAD_DATA)
    return [definition_message(each) for each in found]


def as_yaml(template: pb.PortraitTemplate) -> str:
    """What `from_files` reads back."""
    document = to_document(template_of(template))
    return yaml.safe_dump([document], allow_unicode=True, sort_keys=False, width=110)


async def put_all(
    channel: grpc.aio.Channel, templates: Sequence[pb.PortraitTemplate]
) -> list[pb.PortraitTemplate]:
    """One after the other; what is stored then."""
    stub = PortraitTemplateServiceStub(channel)
    requests = [service_pb.PutPortraitTemplateRequest(template=each) for each in templates]
    return [(await stub.PutPortraitTemplate(each)).template for each in requests]


async def one(channel: grpc.aio.Channel, template_id: str) -> pb.PortraitTemplate:
    """As stored."""
    request = service_pb.GetPortraitTemplateRequest(template_id=template_id)
    return (await PortraitTemplateServiceStub(channel).GetPortraitTemplate(request)).template


async def every_template(channel: grpc.aio.Channel) -> list[pb.PortraitTemplate]:
    """In order of template_id."""
    stub, token = PortraitTemplateServiceStub(channel), ""
    found: list[pb.PortraitTemplate] = []
    while True:
        page = await stub.ListPortraitTemplates(service_pb.ListPortraitTemplatesRequest(page_token=token))
        found += page.templates
        token = page.next_page_token
        if not token:
            return found


async def delete(channel: grpc.aio.Channel, template_id: str) -> bool:
    """Whether there was one."""
    request = service_pb.DeletePortraitTemplateRequest(template_id=template_id)
    return bool((await PortraitTemplateServiceStub(channel).DeletePortraitTemplate(request)).deleted)
