"""Read your own write through two chained services, over gRPC."""

import asyncio
from contextlib import asynccontextmanager

import toy_proto as pb
from huaxiang.type.v1 import revision_pb2
from servicekit.consumer import Consumer
from servicekit.telemetry.context import TraceContext, within
from servicekit.telemetry.spans import Tracer, install
from servicekit.testing.servers import serving
from toy import ToyServicer, ToySink, ToyStore, consuming, toy_service, toy_source


class Collected(list):
    def export(self, span):
        self.append(span)

    def close(self):
        pass


@asynccontextmanager
async def chain(tmp_path, left_url):
    """toy -> middle -> right, each behind a real server; yields stubs of the left and the right one."""
    left = ToyStore.open(left_url, "toy")
    middle = ToyStore.open(f"sqlite:///{tmp_path}/middle.db", "middle", {"toy": ("toy",)})
    right = ToyStore.open(f"sqlite:///{tmp_path}/right.db", "right", {"middle": ("middle", "toy")})
    async with (
        serving([toy_service(ToyServicer(left))], tmp_path / "1") as left_server,
        serving([toy_service(ToyServicer(middle))], tmp_path / "2") as middle_server,
        serving([toy_service(ToyServicer(right))], tmp_path / "3") as right_server,
        consuming(Consumer("toy", toy_source(left_server.connect()), ToySink(middle, "toy", "toy"))),
        consuming(
            Consumer(
                "middle", toy_source(middle_server.connect(), "middle"), ToySink(right, "middle", "middle")
            )
        ),
    ):
        yield pb.ToyStub(left_server.connect()), pb.ToyStub(right_server.connect())
    for store in (left, middle, right):
        await store.database.close()


def fresh(name, revision):
    return pb.GetItemRequest(name=name, consistency=revision_pb2.Consistency(at_least_as_fresh=revision))


async def test_a_write_on_the_left_is_read_two_services_to_the_right(tmp_path, database_url):
    async with chain(tmp_path, database_url) as (write, read):
        for number in range(40):
            name = f"n{number % 7}"
            put = await write.PutItem(pb.PutItemRequest(name=name, value=number, lane=1 + number % 2))
            got = await read.GetItem(fresh(name, put.revision), timeout=20)
            assert got.value == number


async def test_it_is_read_however_many_write_at_once(tmp_path, sqlite_url):
    """20 clients, each with its own items and lanes taking turns, never see an older value than their own."""
    async with chain(tmp_path, sqlite_url) as (write, read):

        async def client(me):
            for number in range(8):
                put = await write.PutItem(
                    pb.PutItemRequest(name=f"c{me}", value=number, lane=1 + (me + number) % 2)
                )
                got = await read.GetItem(fresh(f"c{me}", put.revision), timeout=20)
                assert got.value == number

        await asyncio.gather(*(client(me) for me in range(20)))


async def test_one_trace_goes_through_the_whole_chain(tmp_path, sqlite_url):
    spans = Collected()
    async with chain(tmp_path, sqlite_url) as (write, read):
        put = await write.PutItem(pb.PutItemRequest(name="warm", value=1))
        await read.GetItem(fresh("warm", put.revision), timeout=20)
        install(Tracer(spans, ratio=0.0))
        try:
            with within(TraceContext("a" * 32, "b" * 16, sampled=True)):
                put = await write.PutItem(pb.PutItemRequest(name="traced", value=1))
            await read.GetItem(fresh("traced", put.revision), timeout=20)
        finally:
            install(Tracer())
    assert {span.trace.trace_id for span in spans} == {"a" * 32}
    by_id = {span.trace.span_id: span for span in spans}
    right = next(span for span in spans if span.attributes.get("huaxiang.consumer") == "middle")
    path = [right]
    while path[-1].parent_span_id in by_id:
        path.append(by_id[path[-1].parent_span_id])
    assert [span.kind for span in path] == ["consumer", "consumer", "server", "client"]
    assert path[-1].parent_span_id == "b" * 16
