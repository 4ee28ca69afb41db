"""The demo's story on a small world, with blows in the middle of its work, and what is true when it has ended."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from cli.calls.values import plain
from cli.demo import audiences, campaigns
from cli.demo.narration import Narration
from cli.demo.run import make_world
from cli.demo.state import Demo, batches
from cli.demo.steps import STEPS, WORLD_STEPS, Step
from cli.demo.suite import clear
from cli.suite.programs import SERVICES
from google.protobuf.json_format import MessageToDict
from huaxiang.activation.v1 import delivery_service_pb2 as delivery_pb
from huaxiang.activation.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from huaxiang.identity.v1 import identifier_pb2
from huaxiang.identity.v1 import person_service_pb2 as person_pb
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from huaxiang.segments.v1 import snapshot_service_pb2 as snapshot_pb
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as portrait_pb
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub
from suite_process import SuiteProcess, free_base_port

DEMO_PERSONS, SEED = 300, 1
TOLD = frozenset({"latency", "report"})
"""Steps that say nothing about the state."""
UNLIKE = frozenset({"segments", "latency"})
"""Findings with times of their own."""
LOOK_BEFORE = "campaigns"
"""What campaigns cause comes back as events at times of its own."""
PERSONS_PER_CALL = 500
DELIVERIES_PER_PAGE = 1_000
Account = tuple[str, str, str, str]
Strike = Callable[[str, int], None]


@dataclass(frozen=True)
class Truth:
    """What a suite holds, persons named by one of their accounts: equal for equal suites, whatever ids they gave."""

    persons: frozenset[frozenset[Account]]
    values: Mapping[Account, Mapping[str, Any]]
    members: Mapping[str, frozenset[Account]]
    deliveries: Mapping[str, Mapping[Account, tuple[str, str]]]
    reports: Mapping[str, Any]
    found: Mapping[str, Any]


class Watched(Narration):
    """Tells `strike` the step and how many units of its work are done, 0 when it begins."""

    def __init__(self, strike: Strike) -> None:
        super().__init__(len(STEPS) + WORLD_STEPS)
        self._strike = strike
        self._now = ""

    def begins(self, step: Step) -> None:
        self._now = step.name
        self._strike(step.name, 0)

    @contextmanager
    def bar(self, text: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
        done = 0
        with super().bar(text, total, unit) as shown:

            def advance(more: int) -> None:
                nonlocal done
                shown(more)
                done += more
                if more:
                    self._strike(self._now, done)

            yield advance


@dataclass
class Story:
    """Tells the demo's story in a folder. `strike` may harm the suite; `omitted` names the steps that are left out."""

    root: Path
    persons: int
    strike: Strike = lambda step, done: None
    omitted: frozenset[str] = TOLD
    demo: Demo = field(init=False)
    suite: SuiteProcess = field(init=False)
    restarts: Mapping[str, int] = field(default_factory=dict)
    """By process, when the story has ended."""
    _accounts: dict[Account, int] = field(default_factory=dict)

    def tell(self) -> Truth:
        """From an empty folder to the last receipt. The suite has stopped when it returns."""
        say = Watched(self.strike)
        self.demo = Demo(self.root, None, self.persons, SEED, free_base_port(), say)
        clear(self.demo)
        make_world(self.demo)
        self.suite = SuiteProcess(self.demo.folder)
        try:
            return asyncio.run(self._tell(say))
        finally:
            self.suite.stop()

    async def _tell(self, say: Watched) -> Truth:
        values: dict[Account, Mapping[str, Any]] = {}
        members: dict[str, frozenset[Account]] = {}
        for step in STEPS:
            if step.name in self.omitted:
                continue
            if step.name == LOOK_BEFORE:
                await self._resolve()
                values, members = await self._values(), await self._members()
            say.begins(step)
            with say.step(step.text, step.zh):
                await step.work(self.demo)
        self.restarts = {name: self.suite.restarts(name) for name in SERVICES}
        return Truth(
            frozenset(frozenset(each) for each in self._persons().values()),
            values,
            members,
            await self._deliveries(),
            {name: MessageToDict(report) for name, report in self.demo.notes["reports"].items()},
            {name: found for name, found in self.demo.found.items() if name not in UNLIKE},
        )

    async def _resolve(self) -> None:
        """The person of every account of the truth."""
        rows = pq.read_table(self.demo.truth("accounts")).to_pylist()
        rows.sort(key=lambda row: row["source"])
        async with self.demo.channel("identity") as channel:
            for source, group in groupby(rows, key=lambda row: row["source"]):
                for part in batches(list(group), PERSONS_PER_CALL):
                    identifiers = [
                        identifier_pb2.Identifier(
                            namespace=row["namespace"], value=row["account"], scope=row["scope"]
                        )
                        for row in part
                    ]
                    request = person_pb.ResolveIdentifiersRequest(identifiers=identifiers, source=source)
                    answer = await PersonServiceStub(channel).ResolveIdentifiers(request)
                    for row, result in zip(part, answer.results, strict=True):
                        account = (source, row["namespace"], row["scope"], row["account"])
                        self._accounts[account] = result.person_id

    def _persons(self) -> dict[int, list[Account]]:
        """Accounts by person; those that identify nobody are left out."""
        found: dict[int, list[Account]] = defaultdict(list)
        for account, person_id in self._accounts.items():
            if person_id:
                found[person_id].append(account)
        return found

    def _named(self, person_ids: Iterable[int]) -> list[Account]:
        """A person's smallest account; persons without one keep their id, which a test then finds different."""
        names = {person_id: min(accounts) for person_id, accounts in self._persons().items()}
        return [names.get(each, ("", "person_id", "", str(each))) for each in person_ids]

    async def _values(self) -> dict[Account, Mapping[str, Any]]:
        persons = sorted(self._persons())
        found: dict[Account, Mapping[str, Any]] = {}
        tag_ids = sorted(self.demo.found["tags"])
        async with self.demo.channel("tagging") as channel:
            for part in batches(persons, PERSONS_PER_CALL):
                request = portrait_pb.BatchGetTagValuesRequest(person_ids=part, tag_ids=tag_ids)
                answer = await PortraitServiceStub(channel).BatchGetTagValues(request)
                for name, person in zip(self._named(part), answer.persons, strict=True):
                    found[name] = {each.tag_id: plain(each.value) for each in person.values}
        return found

    async def _members(self) -> dict[str, frozenset[Account]]:
        found = {}
        async with self.demo.service_channel("segments") as channel:
            for audience in audiences.AUDIENCES[self.demo.kind]:
                request = snapshot_pb.ExportMembersRequest(segment_id=audience.segment_id)
                parts = [part async for part in SnapshotServiceStub(channel).ExportMembers(request)]
                ids = np.concatenate([np.frombuffer(part.person_ids, "<u4") for part in parts])
                found[audience.segment_id] = frozenset(self._named(ids.tolist()))
        return found

    async def _deliveries(self) -> dict[str, dict[Account, tuple[str, str]]]:
        """State and reason by campaign and person."""
        found: dict[str, dict[Account, tuple[str, str]]] = {}
        async with self.demo.channel("activation") as channel:
            stub = DeliveryServiceStub(channel)
            for plan in campaigns.PLANS:
                rows = [row async for row in _each_delivery(stub, plan.campaign_id)]
                names = self._named(each.person_id for each in rows)
                found[plan.campaign_id] = {
                    name: (delivery_pb.DeliveryState.Name(each.state), each.reason)
                    for name, each in zip(names, rows, strict=True)
                }
        return found


async def _each_delivery(stub: DeliveryServiceStub, campaign_id: str) -> AsyncIterator[delivery_pb.Delivery]:
    token = ""
    while True:
        request = delivery_pb.ListDeliveriesRequest(
            campaign_id=campaign_id, page_size=DELIVERIES_PER_PAGE, page_token=token
        )
        page = await stub.ListDeliveries(request)
        for each in page.deliveries:
            yield each
        token = page.next_page_token
        if not token:
            return
