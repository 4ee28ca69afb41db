"""kill -9 of segments at random moments under live load: whoever is a member then is so by what was told, and a damaged
file is told anew."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from huaxiang.segments.v1 import membership_service_pb2, segment_pb2, segment_service_pb2
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceStub
from huaxiang.segments.v1.segment_service_pb2_grpc import SegmentServiceStub
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from huaxiang.type.v1 import revision_pb2
from segments_tagging import FakeTagging, day_told, person_told, tag_told, values_told
from servicekit.principal import key_entry
from servicekit.revision import Lane, Revision
from servicekit.testing.processes import ServiceProcess
from servicekit.testing.servers import SERVICE_KEY, serving

KILLS = 50 if os.environ.get("HUAXIANG_PROOF") == "1" else 10
PERSONS = [*range(1, 60), *range(65_500, 65_560), *range(200_000, 200_020)]
GONE = -1
"""The state of a person who was erased."""
DAY = 20_543
ADMIN = "admin-key"
TEN = 100_000
TAGS = 4
Values = Mapping[str, Any]
SEGMENTS: dict[str, tuple[str, Callable[[Values], bool]]] = {
    "rich": ("points >= 10", lambda has: has.get("points", -1) >= TEN),
    "unknown": ("points IS UNKNOWN", lambda has: "points" not in has),
    "local": ("city IN ('上海', '北京')", lambda has: has.get("city") in {"上海", "北京"}),
    "elsewhere": (
        "NOT city = '上海' AND is_vip",
        lambda has: has.get("city") != "上海" and has.get("is_vip", False),
    ),
    "keen": ("likes HAS ANY ('护肤', '零食')", lambda has: bool({"护肤", "零食"} & {*has.get("likes", ())})),
    "both": (
        "(points < 10 OR likes HAS ALL ('护肤')) AND city IS KNOWN",
        lambda has: (has.get("points", TEN) < TEN or "护肤" in has.get("likes", ())) and "city" in has,
    ),
    "inner": (
        "IN SEGMENT 'rich' AND NOT is_vip",
        lambda has: has.get("points", -1) >= TEN and not has.get("is_vip"),
    ),
}


class Load:
    """What tagging tells, and what is true by it."""

    def __init__(self, tagging: FakeTagging, draw: random.Random) -> None:
        self._tagging, self._draw = tagging, draw
        self.values: dict[int, dict[str, Any]] = {each: {} for each in PERSONS}
        self._versions = dict.fromkeys(PERSONS, 1)
        self.erased: set[int] = set()
        self.last = self._told(
            day_told(DAY),
            *(person_told(each) for each in PERSONS),
            tag_told("points", tag_pb2.BASE_TYPE_NUMBER),
            tag_told("city", tag_pb2.BASE_TYPE_TEXT, "上海", "北京", "a", "b"),
            tag_told("is_vip", tag_pb2.BASE_TYPE_BOOL),
            tag_told("likes", tag_pb2.BASE_TYPE_TEXT, "female", "male", "护肤", "零食", multi_valued=True),
        )

    def round(self) -> None:
        """Some transactions: single values, packed blocks, somebody who goes or comes back."""
        for _ in range(4):
            told = [self._single() for _ in range(15)]
            self._told(*told)
        self._block()
        self._move(self._draw.choice(PERSONS))

    def _value(self, tag: str) -> Any:
        if self._draw.random() < 0.15:
            return None
        match tag:
            case "points":
                return self._draw.choice([0, 5_000, 99_999, 100_000, self._draw.randrange(10**9)])
            case "is_vip":
                return self._draw.random() < 0.5
            case "city":
                return self._draw.choice(["上海", "北京", "a", "b"])
            case _:
                return tuple(
                    sorted(self._draw.sample(["female", "male", "护肤", "零食"], self._draw.randint(1, 3)))
                )

    def _single(self) -> change_pb2.Change:
        person = self._draw.choice(PERSONS)
        tag = self._draw.choice(["points", "city", "is_vip", "likes"])
        value = self._value(tag)
        self._has(person, tag, value)
        return values_told(person, **{tag: value})

    def _block(self) -> None:
        tag = self._draw.choice(["points", "is_vip"])
        block = self._draw.choice([0, 1, 3])
        inside = [each for each in PERSONS if each >> 16 == block]
        values = {each: self._value(tag) for each in self._draw.sample(inside, min(10, len(inside)))}
        for person, value in values.items():
            self._has(person, tag, value)
        self._after(self._tagging.tell_block(tag, values), Lane.BULK)

    def _has(self, person: int, tag: str, value: Any) -> None:
        self.values[person].pop(tag, None)
        if value is not None:
            self.values[person][tag] = value

    def _move(self, person: int) -> None:
        self._versions[person] += 1
        self.erased ^= {person}
        state = change_pb2.UNIVERSE_STATE_ERASED if person in self.erased else change_pb2.UNIVERSE_STATE_KNOWN
        self._told(person_told(person, self._versions[person], state))

    def _told(self, *changes: change_pb2.Change) -> Revision:
        return self._after(self._tagging.tell(*changes), Lane.LIVE)

    def _after(self, said: Revision, lane: Lane) -> Revision:
        before = getattr(self, "last", None)
        self.last = (
            said
            if before is None
            else before.merge(Revision(said.service, said.epoch).at(lane, said.position(lane)))
        )
        return self.last

    @property
    def exported(self) -> int:
        """How often tagging told all anew."""
        return self._tagging.exported

    def by_referee(self) -> dict[str, list[int]]:
        """The members of every segment, person by person."""
        living = [each for each in PERSONS if each not in self.erased]
        return {
            name: [each for each in living if holds(self.values[each])]
            for name, (_, holds) in SEGMENTS.items()
        }


class Segments(ServiceProcess):
    """A process of segments beside a tagging that lives on."""

    def __init__(self, folder: Path, tagging: str) -> None:
        (folder / "service.key").write_text(SERVICE_KEY)
        settings = {
            "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
            "HUAXIANG_TAGGING_TARGET": tagging,
            "HUAXIANG_IDENTITY_TARGET": "127.0.0.1:1",
        }
        keys = [key_entry(ADMIN, tenant="t1", subject="admin", roles=["admin"])]
        command = (str(Path(__file__).parents[1] / "killed_segments.py"),)
        super().__init__(command, folder, keys, "HUAXIANG_SEGMENTS_PORT", settings)
        self.columns = self.data / "segments" / "columns"

    async def create(self) -> None:
        for name, (rule, _) in SEGMENTS.items():
            segment = segment_pb2.Segment(segment_id=name, rule=rule)
            request = segment_service_pb2.CreateSegmentRequest(segment=segment)
            await self.call(SegmentServiceStub, "CreateSegment", request, key=ADMIN)

    async def members(self, after: Revision) -> dict[str, list[int]]:
        """Of the standing segments; of whole evaluations the counts are the same."""
        consistency = revision_pb2.Consistency(at_least_as_fresh=after.to_proto())
        request = membership_service_pb2.CheckMembershipRequest(
            person_ids=PERSONS, segment_ids=SEGMENTS, consistency=consistency
        )
        found = await self.call(MembershipServiceStub, "CheckMembership", request, key=ADMIN)
        rows = [(each.person_id, list(each.members)) for each in found.persons]
        members = {
            name: [person for person, inside in rows if person and inside[place]]
            for place, name in enumerate(SEGMENTS)
        }
        for name, (rule, _) in SEGMENTS.items():
            asked = segment_service_pb2.PreviewSegmentRequest(rule=rule, consistency=consistency)
            whole = await self.call(SegmentServiceStub, "PreviewSegment", asked, key=ADMIN)
            assert whole.count == len(members[name]), name
        return members


@asynccontextmanager
async def segments_beside(folder: Path) -> AsyncIterator[tuple[Segments, Load]]:
    tagging = FakeTagging(folder)
    (folder / "tagging").mkdir()
    load = Load(tagging, random.Random(11))
    async with serving(tagging.services(), folder / "tagging", name="tagging") as server:
        process = Segments(folder, server.target)
        try:
            process.start()
            await process.create()
            load.round()
            assert await process.members(load.last) == load.by_referee()
            await until(lambda: len(list(process.columns.glob("*.column"))) >= TAGS)
            yield process, load
        finally:
            process.kill()
    await tagging.database.close()


async def test_kills_at_random_moments_change_no_members(threads: object, tmp_path: Path) -> None:
    draw = random.Random(5)
    async with segments_beside(tmp_path) as (process, load):
        for number in range(KILLS):
            load.round()
            if number % 5:  # every fifth dies while it starts
                assert await process.members(load.last) == load.by_referee(), number
            load.round()
            await asyncio.sleep(draw.uniform(0, 0.3))
            process.kill()
            process.start()
        assert await process.members(load.last) == load.by_referee()
        await until(lambda: len(list(process.columns.iterdir())) == TAGS)
        assert process.kill(signal.SIGTERM) == 0


async def test_a_flipped_bit_in_a_file_is_named_and_its_column_told_anew(
    threads: object, tmp_path: Path
) -> None:
    async with segments_beside(tmp_path) as (process, load):
        assert process.kill(signal.SIGTERM) == 0
        damaged, exported = {each.name for each in process.columns.iterdir()}, load.exported
        for path in process.columns.iterdir():
            content = np.fromfile(path, np.uint8)
            content[np.flatnonzero(content)[-1]] ^= 16
            content.tofile(path)
        load.round()
        process.start()
        assert await process.members(load.last) == load.by_referee()
        assert load.exported > exported
        said = "".join(each for each in process.log.read_text().splitlines() if "is damaged" in each)
        assert {each for each in damaged if each in said} == damaged
        await until(lambda: damaged.isdisjoint(each.name for each in process.columns.iterdir()))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # a process has no event for it
            await asyncio.sleep(0.02)
