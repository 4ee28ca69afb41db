"""The catalogue of tags: plan, apply, list, show; and runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import grpc
from huaxiang.tagging.v1 import run_service_pb2 as run_pb
from huaxiang.tagging.v1 import tag_pb2, tag_service_pb2
from huaxiang.tagging.v1.run_service_pb2_grpc import RunServiceStub
from huaxiang.tagging.v1.tag_service_pb2_grpc import TagServiceStub
from huaxiang.type.v1 import revision_pb2
from tagging.catalogue.files import FileInvalid, read_definitions
from tagging.catalogue.messages import to_message
from tagging.catalogue.packs import RETAIL, PackUnknown, pack_definitions

from cli.calls.awaiting import ended
from cli.enum_names import name_of
from cli.exits import Exit, Refusal
from cli.suite.patience import patiently

PAGE_TAGS = 1_000
APPLY_WITHIN_S = 60.0
START_WITHIN_S = 300.0
ENDED = frozenset({run_pb.RUN_STATE_SUCCEEDED, run_pb.RUN_STATE_FAILED, run_pb.RUN_STATE_CANCELLED})
SQL_AS_TEXT = "sql.expression"
"""The field that is faulted when a query stands right behind `sql:`, as other kinds let an expression stand."""
SQL_HINT = '; write sql: {query: "SELECT ..."}, or query: | below sql: for several lines'


def definitions(paths: Sequence[Path], packs: Sequence[str] = ()) -> list[tag_pb2.TagDefinition]:
    """Of packs that come with the suite and of YAML files and folders; the retail pack when nothing is named.

    Raises Refusal that names the file and the fault, also when nothing is defined: an empty catalogue is no wish.
    """
    try:
        found = pack_definitions(*(packs or ([] if paths else [RETAIL])))
        found += read_definitions(paths)
    except PackUnknown as error:
        raise Refusal(f"{error}; see: huaxiang tags packs", Exit.BAD_DATA) from error
    except FileInvalid as error:
        hint = SQL_HINT if SQL_AS_TEXT in str(error) else ""
        raise Refusal(f"{error}{hint}", Exit.BAD_DATA) from error
    if not found:
        named = ", ".join(map(str, paths))
        raise Refusal(
            f"{named}: no tag is defined there; name YAML files, or folders of *.yaml", Exit.BAD_DATA
        )
    return [to_message(each) for each in found]


async def apply(
    channel: grpc.aio.Channel,
    wanted: Sequence[tag_pb2.TagDefinition],
    *,
    delete_missing: bool = False,
    only_plan: bool = False,
    reason: str = "",
    force: bool = False,
) -> tag_service_pb2.ApplyTagsResponse:
    """Makes the catalogue hold the definitions, or says what that would change."""
    request = tag_service_pb2.ApplyTagsRequest(
        definitions=wanted,
        delete_missing=delete_missing,
        validate_only=only_plan,
        reason=reason,
        force=force,
    )
    stub = TagServiceStub(channel)
    return await patiently(lambda: stub.ApplyTags(request, timeout=APPLY_WITHIN_S))


async def every_tag(channel: grpc.aio.Channel, category: str = "") -> list[tag_pb2.Tag]:
    """In order of tag_id."""
    stub, token = TagServiceStub(channel), ""
    found: list[tag_pb2.Tag] = []
    while True:
        page = await stub.ListTags(
            tag_service_pb2.ListTagsRequest(category=category, page_size=PAGE_TAGS, page_token=token)
        )
        found += page.tags
        token = page.next_page_token
        if not token:
            return found


async def one_tag(channel: grpc.aio.Channel, tag_id: str) -> tag_pb2.Tag:
    """As stored."""
    answer = await TagServiceStub(channel).GetTag(tag_service_pb2.GetTagRequest(tag_id=tag_id))
    return answer.tag


async def run(
    channel: grpc.aio.Channel,
    tag_ids: Sequence[str],
    seen: Callable[[run_pb.Run], None],
    *,
    after: str = "",
    wait: bool = True,
    everybody: bool = False,
) -> run_pb.Run:
    """Computes tags for everybody and waits for the end; `seen` hears of every state. `after` is a token of identity
    whose facts must be in. `everybody`: also those whose values the stream has kept."""
    stub = RunServiceStub(channel)
    request = run_pb.CreateRunRequest(request_id=uuid4().hex, tag_ids=tag_ids, everybody=everybody)
    if after:
        request.consistency.at_least_as_fresh.CopyFrom(revision_pb2.Revision(token=after))
    made = (await patiently(lambda: stub.CreateRun(request, timeout=START_WITHIN_S))).run

    async def again() -> run_pb.Run:
        return (await stub.GetRun(run_pb.GetRunRequest(run_id=made.run_id))).run

    return await ended(made, again, lambda each: wait and each.state not in ENDED, seen)


def kind_name(kind: int) -> str:
    return name_of(tag_service_pb2.TagChangeKind, kind)


def state_name(state: int) -> str:
    return name_of(run_pb.RunState, state)


def computed_by(definition: tag_pb2.TagDefinition) -> str:
    """The kind of a tag: attribute, statistic, layered rule, rfm, lifecycle."""
    return (definition.WhichOneof("kind") or "").replace("_", " ")


def base_name(value_type: tag_pb2.ValueType) -> str:
    """text, number ...; "list of text" for a tag with several values."""
    base = name_of(tag_pb2.BaseType, value_type.base)
    return f"list of {base}" if value_type.multi_valued else base
