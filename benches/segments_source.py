"""A tagging that exports the bench's people once, and then only says that nothing happens."""
# ruff: noqa: N802  # rpc names are the contract's

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from multiprocessing.connection import Connection as Pipe

import grpc
import numpy as np
import numpy.typing as npt
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from huaxiang.tagging.v1 import change_service_pb2 as pb
from huaxiang.tagging.v1.change_service_pb2_grpc import (
    ChangeServiceServicer,
    add_ChangeServiceServicer_to_server,
)
from servicekit.progress import Progress
from servicekit.revision import Revision

from benches.segments_people import LISTS, SIZES, People, people

TENANT = "t1"
AUDIENCE = "audience"
"""The tag of a tenth of the people."""
PROGRESS = Progress(Revision("tagging", "0" * 16, 1, 1))
BLOCK = 1 << 16
PERSONS_PER_MESSAGE = 5_000
SCALE = 10_000


class Source(ChangeServiceServicer):
    """Everybody is known; person 0 is nobody."""

    def __init__(self, crowd: People) -> None:
        self._crowd: People | None = crowd

    async def ExportTagIndex(
        self, request: pb.ExportTagIndexRequest, context: object
    ) -> AsyncIterator[pb.ExportTagIndexResponse]:
        if self._crowd is None:
            raise RuntimeError("the people have been exported once")
        yield pb.ExportTagIndexResponse(
            tenant=TENANT,
            day=change_pb2.DayRolled(day=20_000, time_zone="Asia/Shanghai", week_start=1),
            tags=[_tag(name, base, several=several) for name, base, several in _names()],
        )
        for first in range(1, self._crowd.persons, PERSONS_PER_MESSAGE):
            ids = range(first, min(first + PERSONS_PER_MESSAGE, self._crowd.persons))
            yield pb.ExportTagIndexResponse(tenant=TENANT, persons=map(_person, ids))
        for block in _blocks(self._crowd):
            yield pb.ExportTagIndexResponse(tenant=TENANT, blocks=[block])
        self._crowd = None
        yield pb.ExportTagIndexResponse(progress=PROGRESS.to_proto())

    async def Watch(self, request: pb.WatchRequest, context: object) -> AsyncIterator[pb.WatchResponse]:
        while True:
            yield pb.WatchResponse(lane=request.lane, progress=PROGRESS.to_proto())
            await asyncio.sleep(1)


def serve_source(pipe: Pipe, seed: int) -> None:
    """A process: tells its port, how many persons there are, and how many in the audience; serves until it is ended."""
    serve(pipe, seed, Source)


def serve(pipe: Pipe, seed: int, source_of: Callable[[People], Source]) -> None:
    """The same with another source."""
    asyncio.run(_serve(pipe, seed, source_of))


async def _serve(pipe: Pipe, seed: int, source_of: Callable[[People], Source]) -> None:
    server = grpc.aio.server()
    crowd = people(seed)
    add_ChangeServiceServicer_to_server(source_of(crowd), server)
    pipe.send((server.add_insecure_port("127.0.0.1:0"), crowd.persons - 1, int(crowd.audience[1:].sum())))
    del crowd
    await server.start()
    await server.wait_for_termination()


def _names() -> Iterator[tuple[str, int, bool]]:
    """(tag, base type, several values?)"""
    for each in range(80):
        yield f"b{each}", tag_pb2.BASE_TYPE_BOOL, False
    yield AUDIENCE, tag_pb2.BASE_TYPE_BOOL, False
    for each in range(len(SIZES)):
        yield f"c{each}", tag_pb2.BASE_TYPE_TEXT, False
    for each in range(10):
        yield f"n{each}", tag_pb2.BASE_TYPE_NUMBER, False
    for each in range(len(LISTS)):
        yield f"m{each}", tag_pb2.BASE_TYPE_TEXT, True


def _tag(name: str, base: int, *, several: bool) -> tag_pb2.Tag:
    type_ = tag_pb2.ValueType(base=base, multi_valued=several)
    definition = tag_pb2.TagDefinition(tag_id=name, value_type=type_, update=tag_pb2.TAG_UPDATE_STREAM)
    return tag_pb2.Tag(definition=definition)


def _person(person_id: int) -> change_pb2.PersonChange:
    return change_pb2.PersonChange(
        person_id=person_id,
        version=1,
        state=change_pb2.UNIVERSE_STATE_KNOWN,
        birth_hash=person_id * 0x9E3779B97F4A7C15 % 2**64,
    )


def _blocks(crowd: People) -> Iterator[change_pb2.ValueBlock]:
    for place, mask in enumerate(crowd.bools):
        yield from _column(f"b{place}", mask)
    yield from _column(AUDIENCE, crowd.audience)
    for place, categories in enumerate(crowd.categories):
        yield from _column(f"c{place}", categories, SIZES[place])
    for place, numbers in enumerate(crowd.numbers):
        yield from _column(f"n{place}", numbers, scale=SCALE)
    for place, (ends, values) in enumerate(crowd.lists):
        yield from _list_column(f"m{place}", ends, values, LISTS[place])


def _column(
    name: str, codes: npt.NDArray[np.generic], texts: int = 0, scale: int = 1
) -> Iterator[change_pb2.ValueBlock]:
    for block, first in enumerate(range(0, len(codes), BLOCK)):
        some = codes[first : first + BLOCK].astype("<i8") * scale
        counts = np.ones(len(some), "<u2")
        yield _block(name, block, counts, some, texts)


def _list_column(
    name: str, ends: npt.NDArray[np.int64], values: npt.NDArray[np.uint8], texts: int
) -> Iterator[change_pb2.ValueBlock]:
    counts = np.diff(ends, prepend=0).astype("<u2")
    for block, first in enumerate(range(0, len(ends), BLOCK)):
        start = int(ends[first - 1]) if first else 0
        end = int(ends[min(first + BLOCK, len(ends)) - 1])
        yield _block(name, block, counts[first : first + BLOCK], values[start:end].astype("<i8"), texts)


def _block(
    name: str, block: int, counts: npt.NDArray[np.uint16], codes: npt.NDArray[np.int64], texts: int
) -> change_pb2.ValueBlock:
    """All its persons, but not person 0."""
    offsets = np.arange(len(counts), dtype="<u2")
    if block == 0:
        offsets, codes, counts = offsets[1:], codes[int(counts[0]) :], counts[1:]
    dictionary = [
        change_pb2.DictionaryEntry(code=code, text=f"v{code}") for code in range(texts if block == 0 else 0)
    ]
    return change_pb2.ValueBlock(
        column=name,
        block=block,
        offsets=offsets.tobytes(),
        counts=counts.tobytes(),
        codes=codes.tobytes(),
        dictionary=dictionary,
    )
