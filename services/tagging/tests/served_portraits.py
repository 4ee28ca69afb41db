"""Tagging's tags half, served, with facts stored as its other half stores them: for tests of portraits."""

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from huaxiang.tagging.v1 import (
    portrait_service_pb2,
    portrait_service_pb2_grpc,
    portrait_template_pb2,
    portrait_template_service_pb2,
    portrait_template_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    tag_service_pb2,
    tag_service_pb2_grpc,
)
from huaxiang.type.v1 import value_pb2
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from servicekit.testing.servers import LocalServer, serving
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts, values_after
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.messages import to_message
from tagging.domain.events import Event
from tagging.domain.persons import Person, PersonState
from tagging.event_type_wiring import wire_event_types
from tagging.main import Store, open_store, wire_tags

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
TAGS = (
    "{tag_id: orders, name: {zh: 订单数, en: Orders}, category: b, type: number, statistic: COUNT(order_paid)}",
    """{tag_id: gender, name: {zh: 性别, en: Gender}, category: a, grade: personal,
        type: {base: text, closed: true, options: [male, female]}, attribute: gender}""",
    """{tag_id: skin, name: {zh: 肤质, en: Skin}, category: a, grade: sensitive, purpose: beauty,
        type: text, attribute: skin}""",
    "{tag_id: city, name: {zh: 城市, en: City}, category: a, type: text, attribute: city}",
    "{tag_id: last_order_date, name: {zh: 最近购买, en: Last order}, type: date, statistic: DAY(LAST(order_paid))}",
    """{tag_id: regular, name: {zh: 常客, en: Regular}, type: bool,
        layered_rule: {layers: [{when: orders >= 2, then: true}], otherwise: false}}""",
    "{tag_id: stage, name: {zh: 阶段, en: Stage}, type: text, lifecycle: {}}",
)


class Names:
    """Identity's releases to portraits."""

    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        return {"name": value_pb2.Value(text_value=f"{tenant}/{person_id}")}


class ServedPortraits:
    """`use` changes the caller's role."""

    def __init__(self, store: Store, server: LocalServer) -> None:
        self.store = store
        self.server = server
        self.versions = itertools.count(1)
        self.sequences = itertools.count(1)
        self.use("admin")

    def use(self, role: str) -> None:
        channel = self.server.connect(role)
        self.tags = tag_service_pb2_grpc.TagServiceStub(channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(channel)
        self.portraits = portrait_service_pb2_grpc.PortraitServiceStub(channel)
        self.templates = portrait_template_service_pb2_grpc.PortraitTemplateServiceStub(channel)

    def settle(self) -> None:
        """As after the bootstrap from identity: from here on copies are kept."""

        def finish(connection: Connection) -> None:
            through = Revision("identity", "0" * 16, 1, 1)
            self.store.facts.progress.finish(connection, Progress(through, ()))

        self.store.database.write_now(finish)

    async def define(self, *documents: str) -> None:
        definitions = parse_definitions("\n".join(f"- {each}" for each in documents), "test")
        messages = [to_message(each) for each in definitions]
        await self.tags.ApplyTags(tag_service_pb2.ApplyTagsRequest(definitions=messages))

    async def facts(self, *facts: Person | Event, lane: Lane = Lane.LIVE) -> None:
        await self.store.database.write(self.store_now, facts, lane)

    def store_now(self, connection: Connection, facts: tuple[Person | Event, ...], lane: Lane) -> None:
        stored = StoreFacts(self.store.facts, self.store.clock.now)(
            connection,
            "t1",
            None,
            [each for each in facts if isinstance(each, Person)],
            [each for each in facts if isinstance(each, Event)],
        )
        entries = values_after(self.store.recompute, connection, "t1", stored, lane)
        self.store.changelog.append(connection, lane, [*stored.entries, *entries])

    def person(
        self, person_id: int, *keys: int, state: PersonState = PersonState.KNOWN, **said: Any
    ) -> Person:
        return Person(person_id, next(self.versions), state, key_ids=keys, **said)

    def order(self, key: int, days: float, **properties: Any) -> Event:
        sequence = next(self.sequences)
        time = self.store.clock.now() - dt.timedelta(days=days)
        said = {"amount": 100_000, **properties}
        return Event(sequence, "shop", f"e{sequence}", "order_paid", time, key, properties=said)

    async def shop(self) -> None:
        """Two women in Shanghai, the first with three orders, a man in Beijing, and an id that stands for the first."""
        shanghai = {"attributes": {"gender": "female", "city": "上海", "skin": "dry"}}
        await self.define(*TAGS)
        await self.facts(
            self.person(1, 1, state=PersonState.MEMBER, **shanghai),
            self.person(2, 2, **shanghai),
            self.person(3, 3, attributes={"gender": "male", "city": "北京"}),
            Person(9, next(self.versions), PersonState.REDIRECTED, redirect_person_id=1),
        )
        await self.facts(*(self.order(1, days) for days in (40, 5, 3)), self.order(2, 2))
        self.settle()

    async def run(self) -> Any:
        request = run_service_pb2.CreateRunRequest(request_id=f"q{next(self.versions)}")
        run = (await self.runs.CreateRun(request)).run
        async with asyncio.timeout(30):
            while run.state in (run_service_pb2.RUN_STATE_PENDING, run_service_pb2.RUN_STATE_RUNNING):
                await asyncio.sleep(0.02)
                run = (await self.runs.GetRun(run_service_pb2.GetRunRequest(run_id=run.run_id))).run
        return run

    async def portrait(self, person_id: int, **asked: Any) -> Any:
        request = portrait_service_pb2.GetPortraitRequest(person_id=person_id, **asked)
        return await self.portraits.GetPortrait(request)

    async def put(self, template: portrait_template_pb2.PortraitTemplate) -> Any:
        request = portrait_template_service_pb2.PutPortraitTemplateRequest(template=template)
        return (await self.templates.PutPortraitTemplate(request)).template

    async def template(self, template_id: str) -> Any:
        request = portrait_template_service_pb2.GetPortraitTemplateRequest(template_id=template_id)
        return (await self.templates.GetPortraitTemplate(request)).template


@asynccontextmanager
async def served_portraits(
    database_url: str, folder: Path, hot_copies: str = "memory"
) -> AsyncIterator[ServedPortraits]:
    """Over this store and folder; may be started again."""
    database = Database.open(database_url, synchronous="NORMAL")
    store = open_store(database, folder / "tagging", ManualClock(NOW))
    part = wire_tags(store, Names(), hot_copies)
    event_types, _ = wire_event_types(
        database,
        store.changelog,
        (store.facts, store.tags),
        store.columns,
        store.dictionaries,
        store.mapping_changes,
        store.dictionary,
        store.clock,
    )
    workers = [asyncio.ensure_future(worker()) for worker in part.workers]
    try:
        async with serving((*part.services, event_types), folder) as server:
            yield ServedPortraits(store, server)
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for close in part.on_stop:
            await close()
        await database.close()


def without_moment(message: Message) -> Message:
    """A portrait without what differs from call to call."""
    copy = type(message)()
    copy.CopyFrom(message)
    for name in ("as_of", "revision"):
        copy.ClearField(name)
    return copy
