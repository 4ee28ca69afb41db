"""A no-op rpc for any of the suite's servers: what a call costs before it does anything."""

from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message_factory
from huaxiang.type.v1 import right_pb2
from servicekit.server import Service

NOOP = "/huaxiang.bench.v1.NoopService/Noop"


def noop_service(right: str) -> Service:
    """huaxiang.bench.v1.NoopService/Noop: takes nothing, does nothing, answers nothing."""
    file = descriptor_pb2.FileDescriptorProto(
        name="huaxiang/bench/v1/noop.proto",
        package="huaxiang.bench.v1",
        syntax="proto3",
        dependency=["google/protobuf/empty.proto", "huaxiang/type/v1/right.proto"],
    )
    method = file.service.add(name="NoopService").method.add(
        name="Noop", input_type=".google.protobuf.Empty", output_type=".google.protobuf.Empty"
    )
    method.options.Extensions[right_pb2.right] = right
    pool = descriptor_pool.Default()
    pool.Add(file)
    message_factory.GetMessages([file], pool=pool)

    async def noop(request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def add(servicer: Any, server: Any) -> None:
        handler = grpc.unary_unary_rpc_method_handler(
            noop, empty_pb2.Empty.FromString, empty_pb2.Empty.SerializeToString
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("huaxiang.bench.v1.NoopService", {"Noop": handler}),)
        )

    return Service(pool.FindServiceByName("huaxiang.bench.v1.NoopService"), add, object())
