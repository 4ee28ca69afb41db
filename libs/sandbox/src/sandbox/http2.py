"""The door of a provider that speaks HTTP/2: every stream is a request of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from sandbox.exchange import Cut, Exchange
from sandbox.provider import Call, Reply

CONNECTION = ":connection"
"""The name under which a call tells its connection, among the headers; no client can send it."""


@dataclass(frozen=True, slots=True)
class Streams:
    """How many requests a connection may have under way."""

    most: int = 1_000
    untrusted: int = 1_000
    """Until an answer proves that the customer is one."""
    proves: Callable[[Reply], bool] = field(default=lambda reply: True)


class Http2Door:
    """Listens without TLS, with prior knowledge. In production the same is spoken inside TLS, chosen by ALPN."""

    def __init__(self, exchange: Exchange, streams: Streams) -> None:
        self._exchange = exchange
        self._streams = streams
        self._numbers = count(1)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def listen(self, host: str, port: int) -> int:
        """Serve from now on; returns the bound port. Raises OSError when it cannot be bound."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, port, reuse_address=True)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.gather(
            *(task for each in self._connections for task in each.tasks), return_exceptions=True
        )

    def _connection(self) -> "_Connection":
        connection = _Connection(self._exchange, self._streams, str(next(self._numbers)), self._connections)
        self._connections.add(connection)
        return connection


@dataclass(slots=True)
class _Request:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


class _Connection(asyncio.Protocol):
    """One customer's connection."""

    def __init__(
        self, exchange: Exchange, streams: Streams, name: str, open_ones: "set[_Connection]"
    ) -> None:
        self._exchange = exchange
        self._streams = streams
        self._name = name
        self._open_ones = open_ones
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._h2.local_settings = Settings(
            client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: streams.untrusted}
        )
        self._trusted = streams.untrusted == streams.most
        self._requests: dict[int, _Request] = {}
        self._transport: asyncio.Transport | None = None
        self._going = False
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except (ProtocolError, UnicodeDecodeError):
            self._flush()
            self.abort()
            return
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._open_ones.discard(self)

    def abort(self) -> None:
        """Cut without a word, as a server that dies."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                names = {str(name).lower(): str(value).strip() for name, value in event.headers}
                self._requests[event.stream_id] = _Request({**names, CONNECTION: self._name})
            case DataReceived():
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._requests[event.stream_id].body += event.data
            case StreamReset():
                self._requests.pop(event.stream_id, None)
            case StreamEnded():
                task = asyncio.create_task(self._serve(event.stream_id))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def _serve(self, stream_id: int) -> None:
        request = self._requests[stream_id]
        path, _, query = request.headers.get(":path", "").partition("?")
        call = Call(request.headers.get(":method", ""), path, query, request.headers, bytes(request.body))
        served = await self._exchange.serve(call)
        if isinstance(served, Cut):
            await self._cut(stream_id, served)
        elif self._transport is not None and self._requests.pop(stream_id, None) is not None:
            self._write(stream_id, served)
        if self._going and not self._requests and self._transport is not None:
            self._transport.close()

    async def _cut(self, stream_id: int, cut: Cut) -> None:
        if cut.hold_s:
            await asyncio.sleep(cut.hold_s)
        if cut.go_away and self._transport is not None:
            self._requests.pop(stream_id, None)
            self._go_away(stream_id)
        else:
            self.abort()

    def _go_away(self, stream_id: int) -> None:
        """This stream and all later ones were not looked at; earlier ones still get their answers."""
        frame = GoAwayFrame(0)
        frame.last_stream_id = max(
            (each for each in self._requests if each < stream_id), default=max(stream_id - 2, 0)
        )
        self._going = True
        if self._transport is not None:
            self._transport.write(frame.serialize())

    def _write(self, stream_id: int, reply: Reply) -> None:
        headers = [(":status", str(reply.status))]
        headers += [(name.lower(), value) for name, value in reply.headers.items()]
        self._h2.send_headers(stream_id, headers, end_stream=not reply.body)
        if reply.body:
            self._h2.send_data(stream_id, reply.body, end_stream=True)
        if not self._trusted and self._streams.proves(reply):
            self._trusted = True
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self._streams.most})
        self._flush()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._h2.data_to_send())
