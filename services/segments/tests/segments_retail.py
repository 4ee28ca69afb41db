"""A retailer's 1,200 known persons over two blocks, whose values follow from their ids; and segments that know them."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from huaxiang.tagging.v1 import change_pb2, tag_pb2, value_service_pb2_grpc
from huaxiang.tagging.v1 import value_service_pb2 as values_pb
from segments.domain.packing import code_of
from segments.main import CALLED, Wiring, wire
from segments_tagging import FakeTagging, day_told, order_paid, person_told, persons_told, tag_told, value
from servicekit.client import connect
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.errors import StateConflict
from servicekit.server import Service
from servicekit.testing.servers import SERVICE_KEY, LocalServer, serving

NOW = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)
DAY = 20_543  # 2026-03-31
KEPT_SINCE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
MOVED = dt.datetime(2026, 3, 15, tzinfo=dt.UTC)
PAGE = 100
PERSONS = (*range(1, 1_001), *range(70_001, 70_201))
GONE = 5_000
"""An id that stands for person 2."""
CITIES = {"深圳": "广东", "广州": "广东", "杭州": "浙江", "广东": "", "浙江": ""}


def gender(person: int) -> str | None:
    return None if person % 10 == 9 else "female" if person % 2 == 0 else "male"


def city(person: int) -> str:
    place = person % 20
    return "深圳" if place < 9 else "广州" if place < 13 else "杭州" if place < 19 else "广东"


def vip(person: int) -> bool:
    """A fifth; nearly all of them women, most from Shenzhen."""
    return person % 20 in {0, 2, 4, 11}


def points(person: int) -> int | None:
    return None if person % 3 == 0 else person % 100 * 10_000


def interests(person: int) -> tuple[str, ...] | None:
    found = [each for each, every in (("护肤", 2), ("面膜", 4), ("零食", 5)) if person % every == 0]
    return tuple(found) or None


def birthday(person: int) -> dt.date:
    return dt.date(1970 + person % 40, 1 + person % 12, 1)


def last_seen(person: int) -> dt.datetime:
    return dt.datetime(2026, 3, 1 + person % 28, 17, 30, tzinfo=dt.UTC)


def illness(person: int) -> str:
    return "some" if person % 200 == 4 else "none"


def level(person: int) -> str | None:
    return None if person % 25 == 0 else "gold" if person % 4 == 0 else "silver"


def level_before(person: int) -> str | None:
    """Until MOVED; tagging keeps it since KEPT_SINCE."""
    if person % 35 == 0:
        return None
    return "gold" if person % 5 == 0 else level(person)


COLUMNS = {
    each.__name__: each
    for each in (gender, city, vip, points, interests, birthday, last_seen, illness, level)
}


def orders(person: int) -> int:
    return person % 7


class Past(value_service_pb2_grpc.ValueServiceServicer):
    """Tagging's kept versions of `level`."""

    async def ListValueChanges(  # noqa: N802  # the rpc's name
        self, request: values_pb.ListValueChangesRequest, context: object
    ) -> values_pb.ListValueChangesResponse:
        start = request.start_time.ToDatetime(dt.UTC)
        if start < KEPT_SINCE:
            raise NotKept(request.tag_id)
        assert not request.HasField("end_time")
        changed = [each for each in PERSONS if level_before(each) != level(each)] if start < MOVED else []
        first = int(request.page_token or 0)
        page = changed[first : first + PAGE]
        return values_pb.ListValueChangesResponse(
            changes=[
                values_pb.ValueChange(
                    person_id=each, old_value=value(level_before(each)), new_value=value(level(each))
                )
                for each in page
            ],
            next_page_token=str(first + PAGE) if first + PAGE < len(changed) else "",
            counts=values_pb.ValueChangeCounts(changed=len(changed)) if not first else None,
        )


class NotKept(StateConflict):
    domain = "tagging.huaxiang"
    reason = "VERSIONS_NOT_KEPT"

    def __init__(self, tag_id: str) -> None:
        super().__init__("not kept", tag_id=tag_id, kept_since=KEPT_SINCE.isoformat())


def values(column: str) -> dict[int, Any]:
    return {person: COLUMNS[column](person) for person in PERSONS}


@dataclass
class Retail:
    """A running suite; `server` serves segments."""

    tagging: FakeTagging
    wiring: Wiring
    server: LocalServer


@asynccontextmanager
async def retail(url: str, folder: Path, *beside: Service) -> AsyncIterator[Retail]:
    """`beside`: what else of tagging is served."""
    tagging = FakeTagging(folder)
    tagging.event_types = [order_paid()]
    tagging.columns["COUNT(order_paid)"] = {each: orders(each) * 10_000 for each in PERSONS}
    tagging.tell(
        day_told(DAY),
        *persons_told(PERSONS),
        person_told(GONE, state=change_pb2.UNIVERSE_STATE_REDIRECTED, redirect=2),
        tag_told("gender", tag_pb2.BASE_TYPE_TEXT, "female", "male"),
        _city_told(),
        tag_told("vip", tag_pb2.BASE_TYPE_BOOL),
        tag_told("points", tag_pb2.BASE_TYPE_NUMBER, by_runs=True),
        tag_told("interests", tag_pb2.BASE_TYPE_TEXT, "护肤", "面膜", "零食", multi_valued=True),
        tag_told("birthday", tag_pb2.BASE_TYPE_DATE, grade=tag_pb2.TAG_GRADE_PERSONAL),
        tag_told("last_seen", tag_pb2.BASE_TYPE_DATETIME),
        tag_told("level", tag_pb2.BASE_TYPE_TEXT, "gold", "silver"),
        tag_told(
            "illness",
            tag_pb2.BASE_TYPE_TEXT,
            "none",
            "some",
            grade=tag_pb2.TAG_GRADE_SENSITIVE,
            purpose="health",
        ),
    )
    async with AsyncExitStack() as stack:
        (folder / "tagging").mkdir()
        neighbour = await stack.enter_async_context(
            serving([*tagging.services(), _past(), *beside], folder / "tagging", name="tagging")
        )
        stack.push_async_callback(tagging.database.close)
        database = Database.open(url, synchronous="NORMAL")
        stack.push_async_callback(database.close)
        channel = connect(neighbour.target, key=SERVICE_KEY, services=CALLED)
        stack.push_async_callback(channel.close)
        wiring = await wire(database, channel, ManualClock(NOW))
        tasks = [asyncio.ensure_future(worker()) for worker in wiring.workers]
        try:
            async with asyncio.timeout(30):
                await _until(wiring, wiring.consumer.is_following)
                _tell_values(tagging)
                await _until(wiring, lambda: _told(wiring))
            yield Retail(
                tagging,
                wiring,
                await stack.enter_async_context(serving(wiring.services, folder, name="segments")),
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _until(wiring: Wiring, holds: Callable[[], bool]) -> None:
    while not holds():
        await wiring.board.commits.wait_beyond(wiring.board.commits.count, 0.05)


def _told(wiring: Wiring) -> bool:
    """Whether the last column of the last block has come."""
    index = wiring.board.current.tenant("t1").index
    return index.type_of("level") is not None and index.blocks("level") == [0, 1]


def _tell_values(tagging: FakeTagging) -> None:
    """After the bootstrap, which knows no texts but the vocabulary's."""
    for column in COLUMNS:
        for block in (0, 1):
            inside = {each: value for each, value in values(column).items() if each >> 16 == block}
            tagging.tell(change_pb2.Change(block=_block(column, block, inside)))


def _past() -> Service:
    return Service(
        values_pb.DESCRIPTOR.services_by_name["ValueService"],
        value_service_pb2_grpc.add_ValueServiceServicer_to_server,
        Past(),
    )


def _city_told() -> change_pb2.Change:
    told = tag_told("city", tag_pb2.BASE_TYPE_TEXT, *CITIES)
    for option in told.tag.tag.definition.value_type.options:
        option.parent = CITIES[option.value]
    return told


def _block(column: str, block: int, inside: Mapping[int, Any]) -> change_pb2.ValueBlock:
    """Texts have the same code in both blocks."""
    rows = {each: _elements(value) for each, value in sorted(inside.items())}
    texts = sorted(
        {each for value in values(column).values() for each in _elements(value) if isinstance(each, str)}
    )
    codes = [
        texts.index(each) if isinstance(each, str) else code_of(each) for row in rows.values() for each in row
    ]
    return change_pb2.ValueBlock(
        column=column,
        block=block,
        offsets=np.asarray([each & 0xFFFF for each in rows], "<u2").tobytes(),
        counts=np.asarray([len(row) for row in rows.values()], "<u2").tobytes(),
        codes=np.asarray(codes, "<i8").tobytes(),
        dictionary=[change_pb2.DictionaryEntry(code=code, text=text) for code, text in enumerate(texts)],
    )


def _elements(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)
