"""Answers that are encoded already: added to a server so that nothing serialises them again."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import grpc

Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]


class _Recorder:
    """Takes what the generated code would add to a server."""

    def __init__(self) -> None:
        self.service = ""
        self.handlers: Handlers = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None: ...

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        self.service = service
        self.handlers = handlers


def adding_encoded(
    add: Callable[[Any, Any], None], encoded: Collection[str]
) -> Callable[[object, Any], None]:
    """`add`, the generated function, for a servicer whose named rpcs answer bytes or messages."""

    def add_to_server(servicer: object, server: Any) -> None:
        recorder = _Recorder()
        add(servicer, recorder)
        handlers = {
            name: _passing_bytes(handler) if name in encoded else handler
            for name, handler in recorder.handlers.items()
        }
        generic = grpc.method_handlers_generic_handler(recorder.service, handlers)
        server.add_generic_rpc_handlers((generic,))
        server.add_registered_method_handlers(recorder.service, handlers)

    return add_to_server


def _passing_bytes(handler: Any) -> Any:
    serialize = handler.response_serializer

    def encode(answer: Any) -> bytes:
        return answer if isinstance(answer, bytes) else bytes(serialize(answer))

    return handler._replace(response_serializer=encode)
