"""People at their desks: every stub of tagging's governance, with the key of a role."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from huaxiang.tagging.v1 import (
    category_service_pb2_grpc,
    draft_service_pb2,
    draft_service_pb2_grpc,
    feature_service_pb2_grpc,
    naming_rule_service_pb2_grpc,
    tag_life_service_pb2,
    tag_life_service_pb2_grpc,
    tag_pb2,
    tag_request_service_pb2,
    tag_request_service_pb2_grpc,
    tag_service_pb2,
    tag_service_pb2_grpc,
    tag_use_service_pb2_grpc,
    tag_version_service_pb2_grpc,
)
from huaxiang.tagging.v1.tag_life_pb2 import LifeStep
from huaxiang.type.v1 import value_pb2
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer, serving
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.messages import to_message
from tagging.main import Store, open_store, wire_tags
from tagging.workers.recycle_bin import RecycleBin

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)


class Desk:
    """One role's calls; its subject is "<role>-t1"."""

    def __init__(self, server: LocalServer, role: str) -> None:
        channel = server.connect(role, "t1")
        self.role = role
        self.tags = tag_service_pb2_grpc.TagServiceStub(channel)
        self.requests = tag_request_service_pb2_grpc.TagRequestServiceStub(channel)
        self.drafts = draft_service_pb2_grpc.DraftServiceStub(channel)
        self.lives = tag_life_service_pb2_grpc.TagLifeServiceStub(channel)
        self.versions = tag_version_service_pb2_grpc.TagVersionServiceStub(channel)
        self.uses = tag_use_service_pb2_grpc.TagUseServiceStub(channel)
        self.categories = category_service_pb2_grpc.CategoryServiceStub(channel)
        self.features = feature_service_pb2_grpc.FeatureServiceStub(channel)
        self.naming = naming_rule_service_pb2_grpc.NamingRuleServiceStub(channel)

    async def ask(self, **wish: Any) -> Any:
        message = tag_request_service_pb2.RequestTagRequest(**wish)
        return (await self.requests.RequestTag(message)).tag_request

    async def decide(self, rpc: str, tag_request_id: str, **said: Any) -> Any:
        message = getattr(tag_request_service_pb2, f"{rpc}Request")(tag_request_id=tag_request_id, **said)
        return (await getattr(self.requests, rpc)(message)).tag_request

    async def put(self, document: str, **said: Any) -> Any:
        message = draft_service_pb2.PutDraftRequest(definition=definition(document), **said)
        return (await self.drafts.PutDraft(message)).life

    async def take(self, rpc: str, tag_id: str, **said: Any) -> Any:
        """A step of a draft or a tag."""
        source, stub = (
            (draft_service_pb2, self.drafts)
            if hasattr(draft_service_pb2, f"{rpc}Request")
            else (tag_life_service_pb2, self.lives)
        )
        message = getattr(source, f"{rpc}Request")(tag_id=tag_id, **said)
        return (await getattr(stub, rpc)(message)).life

    async def life(self, tag_id: str) -> Any:
        return (await self.lives.GetTagLife(tag_life_service_pb2.GetTagLifeRequest(tag_id=tag_id))).life

    async def approve(self, tag_id: str) -> Any:
        return await self.take("ApproveDraft", tag_id, etag=(await self.life(tag_id)).etag)

    async def apply(self, *documents: str, **said: Any) -> Any:
        wanted = [definition(each) for each in documents]
        return await self.tags.ApplyTags(tag_service_pb2.ApplyTagsRequest(definitions=wanted, **said))

    async def tag(self, tag_id: str) -> tag_pb2.Tag:
        found: tag_pb2.Tag = (await self.tags.GetTag(tag_service_pb2.GetTagRequest(tag_id=tag_id))).tag
        return found

    async def history(self, **of: Any) -> list[tuple[str, str, str, str]]:
        """(step, subject, from, to), oldest first."""
        message = tag_life_service_pb2.ListTagHistoryRequest(**of)
        entries = (await self.lives.ListTagHistory(message)).entries
        return [
            (
                LifeStep.Name(each.step).removeprefix("LIFE_STEP_").lower(),
                each.subject.removesuffix("-t1"),
                each.from_state,
                each.to_state,
            )
            for each in entries
        ]


def definition(document: str) -> tag_pb2.TagDefinition:
    """One line of YAML."""
    (found,) = parse_definitions(f"- {document}", "test")
    return to_message(found)


async def refused(call: Awaitable[Any]) -> tuple[str, str, dict[str, str]]:
    """(code, reason, metadata) of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    told = reason_of(error.value)
    return error.value.code().name, told.reason, dict(told.metadata)


class NoNames:
    """Identity releases nothing."""

    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        return {}


@dataclass
class Office:
    """Tagging served to one person of each role."""

    store: Store
    clock: ManualClock
    bin: RecycleBin
    marketer: Desk
    analyst: Desk
    reviewer: Desk
    admin: Desk
    service: Desk
    reader: Desk


@asynccontextmanager
async def opened(database_url: str, folder: Path) -> AsyncIterator[Office]:
    """Over an empty store, on a clock that stands."""
    database = Database.open(database_url, synchronous="NORMAL")
    clock = ManualClock(NOW)
    store = open_store(database, folder / "tagging", clock)
    part = wire_tags(store, NoNames())
    async with serving(part.services, folder) as server:
        roles = ("marketer", "analyst", "reviewer", "admin", "service", "sensitive_reader")
        desks = [Desk(server, role) for role in roles]
        yield Office(store, clock, RecycleBin(database, store.governance.empty_bin), *desks)
    await database.close()
