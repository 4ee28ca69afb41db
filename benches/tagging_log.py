"""identity's changes from a prepared log: the same protocol on the same wire, without the work of finding persons.

Watch sends what was fed to a lane in messages of up to 500 changes, as fast as its reader takes them, and a heartbeat
each second, as identity does. There is no history before the log: a consumer has to come with its cursor.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from huaxiang.identity.v1 import change_pb2, change_service_pb2
from huaxiang.identity.v1 import tenant_settings_service_pb2 as settings_pb2
from servicekit.progress import Progress
from servicekit.revision import LANES, Lane, Revision

EPOCH = "0" * 15 + "1"
BATCH = 500
HEARTBEAT_S = 1.0
SERVICE = "huaxiang.identity.v1.ChangeService"


@dataclass
class PreparedLog:
    """Encoded changes that wait for their reader, by lane. Positions are given by who feeds."""

    waiting: dict[Lane, deque[tuple[int, bytes]]] = field(
        default_factory=lambda: {each: deque() for each in LANES}
    )
    sent: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    """How many changes of each lane went out."""
    through: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    """The last position that went out."""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def feed(self, lane: Lane, changes: Sequence[tuple[int, bytes]]) -> None:
        """Adds (position, encoded change) in order."""
        self.waiting[lane].extend(changes)
        async with self.news:
            self.news.notify_all()

    async def watch(self, request: change_service_pb2.WatchRequest, context: Any) -> AsyncIterator[bytes]:
        """Encoded WatchResponses."""
        lane = Lane(request.lane)
        waiting = self.waiting[lane]
        while True:
            if not waiting:
                async with self.news:
                    try:
                        await asyncio.wait_for(self.news.wait_for(lambda: bool(waiting)), HEARTBEAT_S)
                    except TimeoutError:
                        yield self._message(lane, b"")
                        continue
            taken = [waiting.popleft() for _ in range(min(BATCH, len(waiting)))]
            self.sent[lane] += len(taken)
            self.through[lane] = taken[-1][0]
            yield self._message(lane, b"".join(change for _, change in taken))

    def _message(self, lane: Lane, changes: bytes) -> bytes:
        through = Revision("identity", EPOCH, 1, 1).at(lane, max(self.through[lane], 1))
        rest = change_service_pb2.WatchResponse(lane=int(lane), progress=Progress(through, ()).to_proto())  # type: ignore[arg-type]
        return changes + rest.SerializeToString()


def encoded(change: change_pb2.Change) -> bytes:
    """A change as it stands in a WatchResponse."""
    return change_service_pb2.WatchResponse(changes=[change]).SerializeToString()


@asynccontextmanager
async def serving_log(log: PreparedLog) -> AsyncIterator[int]:
    """Yields the port."""
    server = grpc.aio.server(options=[("grpc.max_send_message_length", 64 * 1024**2)])
    methods: dict[str, Any] = {
        "Watch": grpc.unary_stream_rpc_method_handler(
            log.watch, change_service_pb2.WatchRequest.FromString, None
        ),
        "AcknowledgeChanges": grpc.unary_unary_rpc_method_handler(_nothing, None, None),
    }
    settings: dict[str, Any] = {
        "GetTenantSettings": grpc.unary_unary_rpc_method_handler(
            _settings, None, settings_pb2.GetTenantSettingsResponse.SerializeToString
        )
    }
    privacy: dict[str, Any] = {
        "ListUnconfirmedErasures": grpc.unary_unary_rpc_method_handler(_nothing, None, None)
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, methods),
            grpc.method_handlers_generic_handler("huaxiang.identity.v1.TenantSettingsService", settings),
            grpc.method_handlers_generic_handler("huaxiang.identity.v1.PrivacyService", privacy),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def _nothing(request: bytes, context: Any) -> bytes:
    return b""


async def _settings(request: bytes, context: Any) -> settings_pb2.GetTenantSettingsResponse:
    return settings_pb2.GetTenantSettingsResponse(revision=Revision("identity", EPOCH, 1, 1).to_proto())
