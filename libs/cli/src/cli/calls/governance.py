"""Governance of tags: requests, drafts, steps, versions, uses, categories, names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import yaml
from huaxiang.tagging.v1 import category_service_pb2 as category_pb
from huaxiang.tagging.v1 import draft_service_pb2 as draft_pb
from huaxiang.tagging.v1 import naming_rule_service_pb2 as naming_pb
from huaxiang.tagging.v1 import tag_life_pb2, tag_pb2, tag_request_service_pb2
from huaxiang.tagging.v1 import tag_life_service_pb2 as life_pb
from huaxiang.tagging.v1 import tag_use_service_pb2 as use_pb
from huaxiang.tagging.v1 import tag_version_service_pb2 as version_pb
from huaxiang.tagging.v1.category_service_pb2_grpc import CategoryServiceStub
from huaxiang.tagging.v1.draft_service_pb2_grpc import DraftServiceStub
from huaxiang.tagging.v1.naming_rule_service_pb2_grpc import NamingRuleServiceStub
from huaxiang.tagging.v1.tag_life_service_pb2_grpc import TagLifeServiceStub
from huaxiang.tagging.v1.tag_request_service_pb2_grpc import TagRequestServiceStub
from huaxiang.tagging.v1.tag_use_service_pb2_grpc import TagUseServiceStub
from huaxiang.tagging.v1.tag_version_service_pb2_grpc import TagVersionServiceStub
from tagging.catalogue.messages import from_message
from tagging.domain.governance.documentation import undocumented

from cli.enum_names import name_of, number_of
from cli.exits import Exit, Refusal
from cli.text_files import read_text

request_pb = tag_request_service_pb2
PAGE = 1_000


# ------------------------------------------------------------------------------------------------ requests


async def ask(
    channel: grpc.aio.Channel, name: str, *, why: str, use: str, due: str, tag_id: str, english: str
) -> request_pb.TagRequest:
    request = request_pb.RequestTagRequest(
        name=tag_pb2.TagText(zh=name, en=english),
        why=why,
        wanted_use=use,
        due=due,
        tag_id=tag_id,
        request_id=uuid4().hex,
    )
    return (await TagRequestServiceStub(channel).RequestTag(request)).tag_request


async def requests(channel: grpc.aio.Channel, states: Sequence[str]) -> list[request_pb.TagRequest]:
    """Newest first."""
    request = request_pb.ListTagRequestsRequest(
        states=[number_of(request_pb.TagRequestState, each) for each in states],
        page_size=PAGE,
    )
    found: list[request_pb.TagRequest] = []
    while True:
        page = await TagRequestServiceStub(channel).ListTagRequests(request)
        found += page.tag_requests
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def decide(
    channel: grpc.aio.Channel, decision: str, tag_request_id: str, **said: str
) -> request_pb.TagRequest:
    """`decision`: Accept, Decline or Withdraw."""
    message = getattr(request_pb, f"{decision}TagRequestRequest")(
        tag_request_id=tag_request_id, request_id=uuid4().hex, **said
    )
    answer = await getattr(TagRequestServiceStub(channel), f"{decision}TagRequest")(message)
    found: request_pb.TagRequest = answer.tag_request
    return found


# --------------------------------------------------------------------------------------------------- steps


async def put_all(
    channel: grpc.aio.Channel,
    definitions: Sequence[tag_pb2.TagDefinition],
    *,
    reason: str,
    tag_request_id: str,
    validate_only: bool,
) -> list[draft_pb.PutDraftResponse]:
    """One after the other, each by itself; the first that is refused ends it."""
    return [
        await DraftServiceStub(channel).PutDraft(
            draft_pb.PutDraftRequest(
                definition=each,
                reason=reason,
                tag_request_id=tag_request_id,
                validate_only=validate_only,
                request_id=uuid4().hex,
            )
        )
        for each in definitions
    ]


def hinders_submit(life: tag_life_pb2.TagLife) -> list[str]:
    """What a draft lacks that SubmitDraft asks for; a naming rule or an open request may hinder it, too."""
    missing = undocumented(from_message(life.draft.definition)) if life.HasField("draft") else ()
    return [f"submit will refuse it: {field} {problem}" for field, problem in missing]


async def step(channel: grpc.aio.Channel, rpc: str, tag_id: str, **said: Any) -> tag_life_pb2.TagLife:
    """A step of a draft or a tag, for example SubmitDraft."""
    for source, stub in (
        (draft_pb, DraftServiceStub(channel)),
        (life_pb, TagLifeServiceStub(channel)),
        (version_pb, TagVersionServiceStub(channel)),
    ):
        if hasattr(source, f"{rpc}Request"):
            message = getattr(source, f"{rpc}Request")(tag_id=tag_id, request_id=uuid4().hex, **said)
            answer = await getattr(stub, rpc)(message)
            life: tag_life_pb2.TagLife = answer.life
            return life
    raise AttributeError(rpc)


async def life(channel: grpc.aio.Channel, tag_id: str) -> tag_life_pb2.TagLife:
    return (await TagLifeServiceStub(channel).GetTagLife(life_pb.GetTagLifeRequest(tag_id=tag_id))).life


async def lives(channel: grpc.aio.Channel, states: Sequence[str]) -> list[tag_life_pb2.TagLife]:
    """In order of tag_id."""
    request = life_pb.ListTagLivesRequest(
        states=[number_of(tag_pb2.TagState, each) for each in states], page_size=PAGE
    )
    found: list[tag_life_pb2.TagLife] = []
    while True:
        page = await TagLifeServiceStub(channel).ListTagLives(request)
        found += page.lives
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def history(
    channel: grpc.aio.Channel, tag_id: str, tag_request_id: str
) -> list[tag_life_pb2.HistoryEntry]:
    """Oldest first."""
    request = life_pb.ListTagHistoryRequest(tag_id=tag_id, tag_request_id=tag_request_id, page_size=PAGE)
    found: list[tag_life_pb2.HistoryEntry] = []
    while True:
        page = await TagLifeServiceStub(channel).ListTagHistory(request)
        found += page.entries
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


# ------------------------------------------------------------------------------------------ versions and use


async def versions(channel: grpc.aio.Channel, tag_id: str) -> list[tag_life_pb2.TagVersion]:
    """Newest first."""
    request = version_pb.ListTagVersionsRequest(tag_id=tag_id, page_size=PAGE)
    found: list[tag_life_pb2.TagVersion] = []
    while True:
        page = await TagVersionServiceStub(channel).ListTagVersions(request)
        found += page.versions
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def diff(
    channel: grpc.aio.Channel, tag_id: str, old: int, new: int
) -> version_pb.DiffTagVersionsResponse:
    request = version_pb.DiffTagVersionsRequest(tag_id=tag_id, from_version=old, to_version=new)
    return await TagVersionServiceStub(channel).DiffTagVersions(request)


async def impact(channel: grpc.aio.Channel, tag_id: str, *, removed: bool) -> use_pb.CheckImpactResponse:
    request = (
        use_pb.CheckImpactRequest(removed_tag_id=tag_id)
        if removed
        else use_pb.CheckImpactRequest(activated_tag_id=tag_id)
    )
    return await TagUseServiceStub(channel).CheckImpact(request)


async def lineage(
    channel: grpc.aio.Channel, tag_id: str, direction: str, depth: int
) -> use_pb.GetTagLineageResponse:
    """The whole graph in one message."""
    request = use_pb.GetTagLineageRequest(
        tag_id=tag_id,
        direction=number_of(use_pb.LineageDirection, direction),
        depth=depth,
        page_size=PAGE,
    )
    whole = use_pb.GetTagLineageResponse()
    while True:
        page = await TagUseServiceStub(channel).GetTagLineage(request)
        whole.nodes.extend(page.nodes)
        whole.edges.extend(page.edges)
        whole.cut = page.cut
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return whole


# ------------------------------------------------------------------------------------- categories and names


async def categories(channel: grpc.aio.Channel, below: str) -> list[category_pb.Category]:
    """In order of path."""
    request = category_pb.ListCategoriesRequest(below=below)
    return list((await CategoryServiceStub(channel).ListCategories(request)).categories)


async def put_category(channel: grpc.aio.Channel, path: str, zh: str, en: str) -> category_pb.Category:
    request = category_pb.PutCategoryRequest(path=path, name=tag_pb2.TagText(zh=zh, en=en))
    return (await CategoryServiceStub(channel).PutCategory(request)).category


async def move_category(channel: grpc.aio.Channel, path: str, new_path: str) -> list[str]:
    """The tags that moved."""
    request = category_pb.MoveCategoryRequest(path=path, new_path=new_path)
    return list((await CategoryServiceStub(channel).MoveCategory(request)).tag_ids)


async def delete_category(channel: grpc.aio.Channel, path: str) -> None:
    await CategoryServiceStub(channel).DeleteCategory(category_pb.DeleteCategoryRequest(path=path))


async def naming_rules(channel: grpc.aio.Channel) -> naming_pb.GetNamingRulesResponse:
    return await NamingRuleServiceStub(channel).GetNamingRules(naming_pb.GetNamingRulesRequest())


async def set_naming_rules(
    channel: grpc.aio.Channel, rules: naming_pb.NamingRules
) -> naming_pb.SetNamingRulesResponse:
    return await NamingRuleServiceStub(channel).SetNamingRules(
        naming_pb.SetNamingRulesRequest(naming_rules=rules)
    )


def read_naming_rules(file: Path) -> naming_pb.NamingRules:
    """Of YAML: rules (layer, category, pattern, example, description) and reserved_words. Raises Refusal."""
    try:
        document = yaml.safe_load(read_text(file)) or {}
        rules = naming_pb.NamingRules(reserved_words=document.get("reserved_words", []))
        for each in document.get("rules", []):
            layer = f"TAG_LAYER_{each.pop('layer', 'unspecified').upper()}"
            rules.rules.add(**{**each, "layer": tag_pb2.TagLayer.Value(layer)})
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise Refusal(f"{file}: {error}", Exit.BAD_DATA) from error
    return rules


def state_name(state: int) -> str:
    """in review, active, ..."""
    return name_of(tag_pb2.TagState, state).replace("_", " ")


def request_state_name(state: int) -> str:
    """open, accepted, ..."""
    return name_of(request_pb.TagRequestState, state)


def step_name(step: int) -> str:
    """submit, take back, ..."""
    return name_of(tag_life_pb2.LifeStep, step).replace("_", " ")


def kind_name(kind: int) -> str:
    """event, tag, segment, ..."""
    return name_of(use_pb.LineageKind, kind)
