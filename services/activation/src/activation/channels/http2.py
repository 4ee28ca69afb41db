"""HTTP/2 to a provider over one connection that is kept, with the one distinction that matters: certainly not sent, or
perhaps.

A request is certainly not sent when no connection stood, when no stream was free in time, when the provider refused the
stream (RFC 9113, REFUSED_STREAM) or went away with a lower last stream (GOAWAY). Streams that it has begun end as it
says, also after GOAWAY.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import NoAvailableStreamIDError, ProtocolError
from h2.settings import SettingCodes, Settings
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from activation.channels.transport import (
    CONNECT_SHARE,
    CONNECT_TIMEOUT_S,
    MAX_ANSWER_BYTES,
    Deadline,
    HttpReply,
    NotSentError,
    UnansweredError,
)

CONFIGURATION = H2Configuration(
    client_side=True,
    header_encoding=None,  # bytes, whatever they are
    validate_outbound_headers=False,  # the channels write them, in lower case and ASCII
    normalize_outbound_headers=False,
    validate_inbound_headers=False,  # the status is looked at, the rest is only looked up
)
FRAME_HEADER_BYTES = 9
FAREWELL_S = 1.0
"""Machine seconds that a provider has to read it."""
IDLE_S = 300.0
"""A connection that has been silent for so long may be dead without anybody knowing: a new one is opened."""
TRIES = 2
"""Connections that a request is tried on, as long as it is certainly not sent."""


@dataclass(slots=True)
class _Stream:
    reply: "asyncio.Future[HttpReply]"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class Connection(asyncio.Protocol):
    """One connection and its streams; made by `Http2Client`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._h2 = H2Connection(CONFIGURATION)
        self._h2.local_settings = Settings(client=True, initial_values={SettingCodes.ENABLE_PUSH: 0})
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._streams: dict[int, _Stream] = {}
        self._changed = asyncio.Event()
        self.settled: asyncio.Future[None] = loop.create_future()
        """Done when the provider has said how many streams it allows."""
        self.ended = False
        """Takes no more requests; those under way go on."""
        self.lost = asyncio.Event()
        """Nothing of it is open any more."""
        self.used_s = time.monotonic()
        """When something was last read from it, or it was made; machine time."""

    # ------------------------------------------------------------------------------------ from asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Reads frame by frame: h2 takes GOAWAY for the end, and what follows it would be an error to it."""
        self._unread += data
        self.used_s = time.monotonic()
        try:
            while len(self._unread) >= FRAME_HEADER_BYTES:
                length = FRAME_HEADER_BYTES + int.from_bytes(self._unread[:3], "big")
                if len(self._unread) < length:
                    break
                frame = bytes(self._unread[:length])
                del self._unread[:length]
                for event in self._h2.receive_data(frame):
                    self._take(event)
        except ProtocolError:
            self._fail(UnansweredError("UNREADABLE"))
        self._flush()
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(UnansweredError("CUT"))
        self.lost.set()

    # ------------------------------------------------------------------------------------ for the client

    async def request(self, headers: Sequence[HeaderTuple], body: bytes, deadline: Deadline) -> HttpReply:
        """Raises NotSentError and UnansweredError."""
        await self._until(self._room_for_stream, deadline)
        try:
            stream_id = self._h2.get_next_available_stream_id()
        except NoAvailableStreamIDError:  # after a billion requests
            self.ended = True
            raise NotSentError("the connection is used up") from None
        stream = self._streams[stream_id] = _Stream(asyncio.get_running_loop().create_future())
        try:
            self._h2.send_headers(stream_id, headers)
            await self._send(stream_id, body, deadline)
            async with asyncio.timeout(deadline.left_s()):
                return await stream.reply
        except TimeoutError:
            self.ended = True  # the way may be dead: the next request takes a new connection
            raise UnansweredError("TIMEOUT") from None
        finally:
            self._leave(stream_id)

    async def close(self) -> None:
        """Ends the connection with a word of farewell; requests under way are cut."""
        self.ended = True
        if self._transport is None:
            return
        self._h2.close_connection()
        self._flush()
        self._transport.close()
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self.lost.wait()
        except TimeoutError:
            self._transport.abort()

    # ------------------------------------------------------------------------------------ parts

    def _room_for_stream(self) -> bool:
        if self.ended or self._transport is None:
            raise NotSentError("the provider closes the connection")
        return len(self._streams) < self._h2.remote_settings.max_concurrent_streams

    async def _send(self, stream_id: int, body: bytes, deadline: Deadline) -> None:
        """As much at a time as the provider has room for. A request that is not whole is none."""
        rest, stream = memoryview(body), self._streams[stream_id]

        def goes_on() -> bool:
            return stream.reply.done() or self._h2.local_flow_control_window(stream_id) > 0

        while True:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            part = rest[:room]
            rest = rest[len(part) :]
            if part or not rest:
                self._h2.send_data(stream_id, bytes(part), end_stream=not rest)
                self._flush()
            if not rest:
                return
            await self._until(goes_on, deadline)
            if stream.reply.done():
                return  # answered, or ended, before all was sent

    async def _until(self, holds: Callable[[], bool], deadline: Deadline) -> None:
        try:
            async with asyncio.timeout(deadline.left_s()):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NotSentError("the provider gave no room in time") from None

    def _take(self, event: Event) -> None:
        match event:
            case RemoteSettingsChanged():
                if not self.settled.done():
                    self.settled.set_result(None)
            case ConnectionTerminated():
                self._go_away(event.last_stream_id or 0)
            case ResponseReceived() if event.stream_id in self._streams:
                self._streams[event.stream_id].headers.update(_texts(event.headers))
            case DataReceived():
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._collect(event)
            case StreamEnded():
                self._end(event.stream_id)
            case StreamReset():
                refused = event.error_code == ErrorCodes.REFUSED_STREAM
                self._drop(event.stream_id, NotSentError("refused") if refused else UnansweredError("CUT"))

    def _collect(self, event: DataReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        stream.body += event.data
        if len(stream.body) > MAX_ANSWER_BYTES:
            self._h2.reset_stream(event.stream_id, ErrorCodes.CANCEL)
            self._drop(event.stream_id, UnansweredError("UNREADABLE"))

    def _end(self, stream_id: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is None or stream.reply.done():
            return
        status = stream.headers.pop(":status", "")
        if status.isdecimal():
            stream.reply.set_result(HttpReply(int(status), stream.headers, bytes(stream.body)))
        else:
            stream.reply.set_exception(UnansweredError("UNREADABLE"))

    def _go_away(self, last_stream_id: int) -> None:
        """Streams above the last were not looked at; the others go on, so h2 must not take this for the end."""
        self.ended = True
        self._h2.state_machine.state = ConnectionState.CLIENT_OPEN
        for stream_id in [each for each in self._streams if each > last_stream_id]:
            self._drop(stream_id, NotSentError("the provider went away"))

    def _drop(self, stream_id: int, error: NotSentError | UnansweredError) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None and not stream.reply.done():
            stream.reply.set_exception(error)

    def _fail(self, error: UnansweredError) -> None:
        self.ended = True
        if not self.settled.done():
            self.settled.set_exception(NotSentError("the connection ended before it began"))
            self.settled.exception()  # whoever has given up waiting must not be missed
        for stream_id in list(self._streams):
            self._drop(stream_id, error)
        self._changed.set()
        if self._transport is not None:
            self._transport.abort()

    def _leave(self, stream_id: int) -> None:
        """Nobody waits for the stream any more."""
        stream = self._streams.pop(stream_id)
        if stream.reply.done() and not stream.reply.cancelled():
            stream.reply.exception()  # asked for, so that it is not taken for one that was never looked at
        elif self._transport is not None:
            with contextlib.suppress(ProtocolError):  # it may have ended at this very moment
                self._h2.reset_stream(stream_id, ErrorCodes.CANCEL)
            self._flush()
        self._changed.set()
        if self.ended and not self._streams and self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._h2.data_to_send())


class Http2Client:
    """Requests to one origin, all over one connection; a new one is opened when that ends."""

    def __init__(self, base_url: str, tls: ssl.SSLContext | None = None) -> None:
        """https speaks TLS with ALPN h2, http speaks HTTP/2 at once (prior knowledge). `tls` says whom to trust; by
        default those whom the machine trusts."""
        origin = urlsplit(base_url)
        self._host = origin.hostname or ""
        self._secure = origin.scheme == "https"
        self._port = origin.port or (443 if self._secure else 80)
        self._authority = origin.netloc
        self._tls = tls
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._open_ones: set[Connection] = set()

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        passing: Collection[str] = (),
    ) -> HttpReply:
        """Send once; on a second connection only when the first has certainly not taken the request.

        Headers are in lower case; `passing` are those that no other request has, which would only drive the others out
        of what both sides remember. `timeout_s` (machine time) covers everything. Raises NotSentError and
        UnansweredError.
        """
        deadline = Deadline(timeout_s)
        asked = [
            HeaderTuple(":method", method),
            HeaderTuple(":scheme", "https" if self._secure else "http"),
            HeaderTuple(":authority", self._authority),
            NeverIndexedHeaderTuple(":path", path),
        ]
        asked += [
            NeverIndexedHeaderTuple(name, value) if name in passing else HeaderTuple(name, value)
            for name, value in headers.items()
        ]
        for left in reversed(range(TRIES)):
            connection = await self._open(deadline)
            try:
                return await connection.request(asked, body, deadline)
            except NotSentError:
                if not left or not connection.ended:
                    raise
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        """Ends the connection, and those that have ended but for requests under way."""
        await asyncio.gather(*(each.close() for each in self._open_ones))

    async def _open(self, deadline: Deadline) -> Connection:
        """The connection that is kept, or a new one. Raises NotSentError."""
        async with self._lock:
            if self._connection is not None and time.monotonic() - self._connection.used_s > IDLE_S:
                await self._connection.close()
            if self._connection is None or self._connection.ended:
                self._open_ones = {each for each in self._open_ones if not each.lost.is_set()}
                self._connection = await self._connect(deadline)
                self._open_ones.add(self._connection)
            return self._connection

    async def _connect(self, deadline: Deadline) -> Connection:
        loop = asyncio.get_running_loop()
        tls = self._context() if self._secure else None
        connection: Connection | None = None
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT_S, deadline.left_s() * CONNECT_SHARE)):
                transport, connection = await loop.create_connection(
                    Connection, self._host, self._port, ssl=tls
                )
                secured = transport.get_extra_info("ssl_object")
                if secured is not None and secured.selected_alpn_protocol() != "h2":
                    raise NotSentError("the server speaks no HTTP/2")
                await connection.settled
        except (OSError, TimeoutError, NotSentError) as error:
            if connection is not None:
                await connection.close()
            raise NotSentError(type(error).__name__) from error
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.set_alpn_protocols(["h2"])
        return self._tls


def _texts(headers: Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in headers}


def _text(header: str | bytes) -> str:
    return header if isinstance(header, str) else header.decode("latin-1")
