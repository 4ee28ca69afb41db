"""A call that is cancelled from elsewhere is a service away; the caller's own cancellation stays one."""

import asyncio
from contextlib import nullcontext

import grpc
import pytest
import toy_proto as pb
from servicekit.client import connect
from servicekit.telemetry import spans
from servicekit.telemetry.context import TraceContext, within
from servicekit.telemetry.spans import Tracer
from servicekit.testing.servers import SERVICE_KEY, serving
from toy import ToyServicer, ToyStore, toy_service

SAMPLED = TraceContext("a" * 32, "b" * 16, sampled=True)
FOR_T1 = (("huaxiang-tenant", "t1"),)


class EndingServicer(ToyServicer):
    """Answers late, or not at all."""

    def __init__(self, store):
        super().__init__(store)
        self.begun = asyncio.Event()

    async def GetItem(self, request, context):  # noqa: N802
        self.begun.set()
        if request.name == "cancelled":
            await context.abort(grpc.StatusCode.CANCELLED, "the server gave up")
        await asyncio.sleep(30)


@pytest.fixture
async def servicer(sqlite_url):
    store = ToyStore.open(sqlite_url)
    yield EndingServicer(store)
    store.database.close_now()


@pytest.fixture
async def server(servicer, tmp_path):
    async with serving([toy_service(servicer)], tmp_path) as running:
        yield running


@pytest.fixture(params=["untraced", "traced"])
def trace(request, monkeypatch):
    """Traced calls are watched to their end by the interceptor."""
    if request.param == "untraced":
        return nullcontext()

    class Nowhere:
        def export(self, span):
            pass

        def close(self):
            pass

    monkeypatch.setattr(spans, "_tracer", Tracer(Nowhere()))
    return within(SAMPLED)


def get(channel, name="late"):
    return pb.ToyStub(channel).GetItem(pb.GetItemRequest(name=name), metadata=FOR_T1)


async def test_a_closed_channel_ends_its_calls_as_unavailable(server, servicer, trace):
    channel = connect(server.target, key=SERVICE_KEY)

    async def wait():
        with trace:
            await get(channel)

    waiting = asyncio.ensure_future(wait())
    await servicer.begun.wait()
    await channel.close()
    with pytest.raises(grpc.aio.AioRpcError, match="from elsewhere") as error:
        await waiting
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_call_that_the_server_cancels_is_unavailable(server, trace):
    async with connect(server.target, key=SERVICE_KEY) as channel:
        with trace, pytest.raises(grpc.aio.AioRpcError) as error:
            await get(channel, "cancelled")
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_the_callers_own_cancellation_stays_one_and_ends_the_call(server, servicer, trace):
    async with connect(server.target, key=SERVICE_KEY) as channel:
        calls = []

        async def wait():
            with trace:
                calls.append(get(channel))
                await calls[0]

        waiting = asyncio.ensure_future(wait())
        await servicer.begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert waiting.cancelled()
        assert calls[0].cancelled()


async def test_a_time_limit_around_a_call_stays_a_time_limit(server, trace):
    async with connect(server.target, key=SERVICE_KEY) as channel:
        with trace, pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await get(channel)
