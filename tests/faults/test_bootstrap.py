"""A consumer that missed more than is kept, and a store put back from a copy: everybody ends equal to a suite that was
left alone."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from catalogue import apply_catalogue
from cli.calls import segments
from cli.calls.values import plain
from huaxiang.identity.v1 import change_service_pb2 as identity_changes
from huaxiang.identity.v1 import identifier_pb2, record_pb2
from huaxiang.identity.v1 import person_service_pb2 as person_pb
from huaxiang.identity.v1.change_service_pb2_grpc import ChangeServiceStub as IdentityChangesStub
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import snapshot_service_pb2 as snapshot_pb
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from huaxiang.tagging.v1 import change_service_pb2 as tagging_changes
from huaxiang.tagging.v1 import portrait_service_pb2 as portrait_pb
from huaxiang.tagging.v1.change_service_pb2_grpc import ChangeServiceStub as TaggingChangesStub
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub
from huaxiang.type.v1 import revision_pb2
from said import fresh, ingest, record
from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.status import reason_of
from suite_process import SuiteProcess, suite_process
from tenants import tenant_of
from waiting import until

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)
KEPT_S = 2
DATABASE = "identity.db"
ANSWER_WITHIN_S = 60.0
TAGS = ("city", "last_search", "searches_30d", "order_count_30d", "order_amount_30d")
SEGMENTS = {
    "in_hangzhou": "city = '杭州'",
    "searched": "last_search = '雨伞'",
    "shared_twice": "COUNT(share) IN LAST 30 DAYS >= 2",
}
Identifier = tuple[str, str]
PERSONS = 40


@dataclass(frozen=True)
class View:
    """What a suite holds, persons named by their smallest identifier."""

    persons: frozenset[frozenset[Identifier]]
    values: dict[Identifier, dict[str, Any]]
    members: dict[str, frozenset[Identifier]]


def member(number: int) -> dict[str, str]:
    return {"member_id": f"m-{number}"}


def phone(number: int) -> dict[str, str]:
    return {"phone": f"+861367{number:07d}"}


def device(number: int) -> dict[str, str]:
    return {"device_id": f"d-{number}"}


def chapter(name: str, first: int) -> list[record_pb2.Record]:
    """What happens in one stretch: newcomers, known persons' behaviour, merges, and devices that become known."""
    told: list[record_pb2.Record] = []

    def tell(identifiers: dict[str, str], event: str = "", **said: Any) -> None:
        told.append(
            record("app", f"{name}:{len(told)}", NOW - timedelta(minutes=30), identifiers, event, **said)
        )

    for number in range(first, first + PERSONS):
        tell(member(number), attributes={"city": "杭州" if number % 2 else "宁波"})
        tell(phone(number), "share", properties={"item_id": "a"})
        tell(device(number), "share", properties={"item_id": "b"})
        tell(member(number // 2), "search", properties={"keyword": "雨伞" if number % 3 else "雨靴"})
        tell(member(number), "order_paid", properties={"order_id": f"{name}-{number}", "amount": 10 + number})
        if number % 4 == 0:
            tell({**member(number), **phone(number)})
        if number % 4 == 1:
            tell({**member(number), **phone(number), **device(number)})
    return told


CHAPTERS = {
    name: chapter(name, place * PERSONS) for place, name in enumerate(("first", "second", "third", "fourth"))
}


@dataclass
class Teller:
    """Tells a suite chapters and looks at it."""

    suite: SuiteProcess
    token: str = ""

    async def prepare(self) -> None:
        async with self.suite.channel("segments") as right:
            for segment_id, rule in SEGMENTS.items():
                known = segment_pb2.POPULATION_KNOWN
                await segments.create(
                    right, segment_pb2.Segment(segment_id=segment_id, rule=rule, population=known)
                )
            for segment_id in SEGMENTS:
                await segments.live(right, segment_id, lambda _: None)

    async def tell(self, name: str) -> set[int]:
        """The persons of the chapter's records; half goes by either lane."""
        told, persons = CHAPTERS[name], set()
        async with self.suite.channel("identity") as channel:
            stub = IngestServiceStub(channel)
            half = len(told) // 2
            for part, lane in ((told[:half], revision_pb2.LANE_BULK), (told[half:], revision_pb2.LANE_LIVE)):
                answer = await ingest(stub, part, lane)
                persons |= {each.person_id for each in answer.results}
                self.token = answer.revision.token
        return persons

    async def settled(self) -> None:
        """Until tagging has computed, and segments followed, everything of both lanes."""
        async with self.suite.service_channel("identity") as left, self.suite.channel("segments") as right:
            head = await head_of_identity(left)
            await segments.get(right, next(iter(SEGMENTS)), head, within_s=ANSWER_WITHIN_S)

    async def view(self) -> View:
        await self.settled()
        identifiers = sorted(
            {
                (each.namespace, each.value)
                for told in CHAPTERS.values()
                for said in told
                for each in said.identifiers
            }
        )
        async with self.suite.channel("identity") as channel:
            request = person_pb.ResolveIdentifiersRequest()
            for namespace, value in identifiers:
                request.identifiers.add(namespace=namespace, value=value)
            answer = await PersonServiceStub(channel).ResolveIdentifiers(request)
        persons: dict[int, list[Identifier]] = {}
        for identifier, result in zip(identifiers, answer.results, strict=True):
            if result.person_id:
                persons.setdefault(result.person_id, []).append(identifier)
        names = {person_id: min(found) for person_id, found in persons.items()}
        return View(
            frozenset(map(frozenset, persons.values())),
            await self._values(names),
            {segment_id: await self._members(segment_id, names) for segment_id in SEGMENTS},
        )

    async def _values(self, names: dict[int, Identifier]) -> dict[Identifier, dict[str, Any]]:
        request = portrait_pb.BatchGetTagValuesRequest(person_ids=sorted(names), tag_ids=TAGS)
        async with self.suite.channel("tagging") as channel:
            answer = await PortraitServiceStub(channel).BatchGetTagValues(request)
        return {
            names[asked]: {each.tag_id: plain(each.value) for each in person.values}
            for asked, person in zip(request.person_ids, answer.persons, strict=True)
        }

    async def _members(self, segment_id: str, names: dict[int, Identifier]) -> frozenset[Identifier]:
        request = snapshot_pb.ExportMembersRequest(segment_id=segment_id)
        async with self.suite.service_channel("segments") as channel:
            parts = [part async for part in SnapshotServiceStub(channel).ExportMembers(request)]
        ids = [int(each) for part in parts for each in np.frombuffer(part.person_ids, "<u4")]
        return frozenset(names.get(each, ("person_id", str(each))) for each in ids)


async def head_of_identity(channel: grpc.aio.Channel) -> str:
    """A token that covers everything identity has said, in both lanes."""
    parts = IdentityChangesStub(channel).ExportPersons(identity_changes.ExportPersonsRequest())
    return [part.revision.token async for part in parts][-1]


async def head_of_tagging(channel: grpc.aio.Channel) -> str:
    parts = TaggingChangesStub(channel).ExportTagIndex(tagging_changes.ExportTagIndexRequest())
    return [part.progress.through.token async for part in parts][-1]


async def history_gone(watch: Any) -> bool:
    """Whether a watch is refused because what follows its cursor is not kept any more."""
    try:
        await watch.read()
    except grpc.aio.AioRpcError as error:
        return reason_of(error).reason == "HISTORY_GONE"
    finally:
        watch.cancel()
    return False


@pytest.fixture(scope="module")
def expected(shared: SuiteProcess) -> dict[str, View]:
    """What a suite that was left alone holds after each chapter."""

    async def live(suite: SuiteProcess) -> dict[str, View]:
        teller = Teller(suite)
        await teller.prepare()
        found = {}
        for name in CHAPTERS:
            await teller.tell(name)
            found[name] = await teller.view()
        return found

    suite = tenant_of(shared, "alone")
    apply_catalogue(suite)
    return asyncio.run(live(suite))


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteProcess]:
    """Keeps changes for two seconds."""
    kept = {"HUAXIANG_CHANGELOG_KEEP_S": str(KEPT_S)}
    with suite_process(tmp_path_factory.mktemp("short"), "--no-sandbox", environment=kept) as suite:
        apply_catalogue(suite)
        yield suite


def same(found: View, expected: View) -> None:
    assert found.persons == expected.persons
    assert found.values == expected.values
    assert found.members == expected.members


def bootstraps(suite: SuiteProcess, service: str) -> int:
    return sum(line["event"] == "bootstrapped" for line in suite.log(service))


async def test_a_worthwhile_story(expected: dict[str, View]) -> None:
    """Or the comparisons would compare nothing."""
    assert all(expected["first"].members.values())
    assert any(len(person) == 3 for person in expected["first"].persons)
    assert len({str(view) for view in expected.values()}) == len(CHAPTERS)


async def test_tagging_stopped_past_retention(suite: SuiteProcess, expected: dict[str, View]) -> None:
    teller = Teller(suite)
    await teller.prepare()
    await teller.tell("first")
    same(await teller.view(), expected["first"])
    before = bootstraps(suite, "tagging"), bootstraps(suite, "segments")
    async with suite.service_channel("identity") as channel:
        stopped_at = await head_of_identity(channel)
        with suite.left_dead("tagging"):
            await teller.tell("second")
            after = identity_changes.WatchRequest(after=revision_pb2.Revision(token=stopped_at))
            stub = IdentityChangesStub(channel)
            await until(lambda: history_gone(stub.Watch(after)), "identity has trimmed")
    same(await teller.view(), expected["second"])
    assert bootstraps(suite, "tagging") > before[0]
    assert bootstraps(suite, "segments") > before[1], "tagging's new epoch asks those to its right to follow"


async def test_segments_stopped_past_retention(suite: SuiteProcess, expected: dict[str, View]) -> None:
    teller = Teller(suite)
    before = bootstraps(suite, "segments")
    async with suite.service_channel("tagging") as channel:
        stopped_at = await head_of_tagging(channel)
        with suite.left_dead("segments"):
            await teller.tell("third")
            after = tagging_changes.WatchRequest(after=revision_pb2.Revision(token=stopped_at))
            stub = TaggingChangesStub(channel)
            await until(lambda: history_gone(stub.Watch(after)), "tagging has trimmed")
    same(await teller.view(), expected["third"])
    assert bootstraps(suite, "segments") > before


async def test_identity_put_back_from_a_copy(
    suite: SuiteProcess, expected: dict[str, View], tmp_path: Path
) -> None:
    """Persons are those of the copy again, and ids that consumers have seen are not given to others. What tagging knows
    of their behaviour it keeps: that store was not put back."""
    teller = Teller(suite)
    copy_of(suite.folder.data / "identity", tmp_path / "copy")
    lost = await teller.tell("fourth")
    lost_token = teller.token
    same(await teller.view(), expected["fourth"])
    suite.stop()
    put_back(tmp_path / "copy", suite.folder.data / "identity")
    suite.start()
    async with suite.channel("identity") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await PersonServiceStub(channel).ResolveIdentifiers(
                person_pb.ResolveIdentifiersRequest(
                    identifiers=[identifier_pb2.Identifier(namespace="member_id", value="m-0")],
                    consistency=fresh(lost_token),
                )
            )
    assert reason_of(refused.value).reason == "REVISION_FOREIGN"
    assert (await teller.view()).persons == expected["third"].persons
    again = await teller.tell("fourth")
    assert again - lost
    assert min(again - lost) > max(lost)
    assert (await teller.view()).persons == expected["fourth"].persons


async def test_records_sent_again_after_a_restore_count_again(
    suite: SuiteProcess, expected: dict[str, View]
) -> None:
    same(await Teller(suite).view(), expected["fourth"])


def copy_of(store: Path, copy: Path) -> None:
    """Of a store that serves: what it had committed at one moment."""
    copy.mkdir()
    with (
        closing(sqlite3.connect(store / DATABASE)) as serving,
        closing(sqlite3.connect(copy / DATABASE)) as copied,
    ):
        serving.backup(copied)
    for file in store.iterdir():
        if not file.name.startswith(DATABASE):
            shutil.copy(file, copy)


def put_back(copy: Path, store: Path) -> None:
    """As a restore is done: the files, then a new epoch."""
    shutil.rmtree(store)
    shutil.copytree(copy, store)
    database = Database.open(f"sqlite:///{store / DATABASE}")
    database.write_now(Changelog("identity").new_epoch)
    database.close_now()
