"""IngestService's rpcs with requests as bytes: whoever prepares a message parses it, the event loop does not."""

from typing import Any

import grpc
from huaxiang.identity.v1 import ingest_service_pb2

SERVICE = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]


def add_to_server(servicer: Any, server: grpc.aio.Server) -> None:
    """What the generated function does, without deserializers."""
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "IngestEvents": grpc.unary_unary_rpc_method_handler(
            servicer.IngestEvents,
            response_serializer=ingest_service_pb2.IngestEventsResponse.SerializeToString,
        ),
        "IngestEventStream": grpc.stream_stream_rpc_method_handler(
            servicer.IngestEventStream,
            response_serializer=ingest_service_pb2.IngestEventStreamResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
