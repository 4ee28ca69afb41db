"""Read your own write through two chained services, over gRPC."""

import asyncio

import toy_proto as pb
from huaxiang.type.v1 import revision_pb2
from servicekit.consumer import Consumer
from servicekit.testing.servers import serving
from toy import ToyServicer, ToySink, ToyStore, consuming, toy_service, toy_source


async def test_a_write_on_the_left_is_read_two_services_to_the_right(tmp_path, database_url):
    left = ToyStore.open(database_url, "toy")
    middle = ToyStore.open(f"sqlite:///{tmp_path}/middle.db", "middle", {"toy": ("toy",)})
    right = ToyStore.open(f"sqlite:///{tmp_path}/right.db", "right", {"middle": ("middle", "toy")})
    stores = [left, middle, right]
    async with (
        serving([toy_service(ToyServicer(left))], tmp_path / "1") as left_server,
        serving([toy_service(ToyServicer(middle))], tmp_path / "2") as middle_server,
        serving([toy_service(ToyServicer(right))], tmp_path / "3") as right_server,
        consuming(Consumer("toy", toy_source(left_server.connect(), "toy"), ToySink(middle, "toy", "toy"))),
        consuming(
            Consumer(
                "middle", toy_source(middle_server.connect(), "middle"), ToySink(right, "middle", "middle")
            )
        ),
    ):
        write = pb.ToyStub(left_server.connect())
        read = pb.ToyStub(right_server.connect())
        for number in range(30):
            put = await write.PutItem(
                pb.PutItemRequest(name=f"n{number % 7}", value=number, lane=1 + number % 2)
            )
            got = await read.GetItem(
                pb.GetItemRequest(
                    name=f"n{number % 7}",
                    consistency=revision_pb2.Consistency(at_least_as_fresh=put.revision),
                )
            )
            assert got.value == number
    await asyncio.gather(*(store.database.close() for store in stores))
