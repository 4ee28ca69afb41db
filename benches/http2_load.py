"""A load generator for one unary gRPC call over cleartext HTTP/2, light enough to share the machine with its server.

It speaks just enough HTTP/2 for that: one prepared header block, flow control opened wide, PING and SETTINGS answered.
A call counts when its answer carried a message; calls that were refused are told apart.
"""

import asyncio
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
WIDE = 2**31 - 1
GRPC_PREFIX = 5


@dataclass
class Load:
    """What came of it. `latencies_ms` of the calls that counted, `refused` those without a message."""

    seconds: float
    latencies_ms: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def calls_per_s(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


async def load(
    port: int,
    path: str,
    key: str,
    messages: Sequence[bytes],
    *,
    seconds: float,
    connections: int = 4,
    in_flight: int = 16,
    calls: int | None = None,
) -> Load:
    """Calls `path` with the messages in turn, `in_flight` at a time on each connection, so long or so many calls."""
    bodies = [_frame(DATA, END_STREAM, 0, b"\0" + struct.pack(">I", len(each)) + each) for each in messages]
    shared = _Shared(bodies, calls)
    block = _headers(path, key, port)
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: _Connection(shared, block, in_flight), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(each.ready for each in opened)), 10)
    started = time.perf_counter()
    shared.until = started + seconds
    for each in opened:
        each.start()
    await asyncio.wait_for(asyncio.gather(*(each.idle for each in opened)), seconds + 30)
    took = time.perf_counter() - started
    for each in opened:
        each.transport.close()
    return Load(took, shared.latencies_ms, shared.refused)


class _Shared:
    """What the connections of one load have in common."""

    def __init__(self, bodies: Sequence[bytes], calls: int | None) -> None:
        self.bodies = bodies
        self.left = calls
        self.next = 0
        self.until = 0.0
        self.latencies_ms: list[float] = []
        self.refused = 0

    def body(self) -> bytes | None:
        """The next one; None when it is over."""
        if self.left is not None:
            if self.left == 0:
                return None
            self.left -= 1
        elif time.perf_counter() >= self.until:
            return None
        self.next = (self.next + 1) % len(self.bodies)
        return self.bodies[self.next]


class _Connection(asyncio.Protocol):
    def __init__(self, shared: _Shared, block: bytes, in_flight: int) -> None:
        self._shared = shared
        self._headers = _frame(HEADERS, END_HEADERS, 0, block)
        self._in_flight = in_flight
        self._stream = -1
        self._calls: dict[int, list[float]] = {}
        self._buffer = b""
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.idle: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        wide = struct.pack(">HI", INITIAL_WINDOW_SIZE, WIDE)
        self.transport.write(PREFACE + _frame(SETTINGS, 0, 0, wide))
        self.transport.write(_frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDE - 65_535)))

    def start(self) -> None:
        """Sends the first calls."""
        out = [part for _ in range(self._in_flight) for part in self._call()]
        self.transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        view, at, out = self._buffer, 0, []
        while len(view) - at >= 9:
            length = int.from_bytes(view[at : at + 3], "big")
            if len(view) - at < 9 + length:
                break
            kind, flags = view[at + 3], view[at + 4]
            stream = int.from_bytes(view[at + 5 : at + 9], "big")
            out += self._frame(kind, flags, stream, view[at + 9 : at + 9 + length])
            at += 9 + length
        self._buffer = view[at:]
        if out:
            self.transport.write(b"".join(out))

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.ready, self.idle):
            if not future.done():
                future.set_exception(ConnectionError("the server closed the connection"))

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> list[bytes]:
        """What to send in answer."""
        if kind == DATA:
            self._calls[stream][1] += len(payload)
        elif kind == SETTINGS and not flags & ACK:
            if not self.ready.done():
                self.ready.set_result(None)
            return [_frame(SETTINGS, ACK, 0, b"")]
        elif kind == PING and not flags & ACK:
            return [_frame(PING, ACK, 0, payload)]
        elif kind == GOAWAY:
            raise ConnectionError(f"the server goes away: {payload[8:]!r}")
        if stream and flags & END_STREAM and kind in (DATA, HEADERS):
            started, size = self._calls.pop(stream)
            if size >= GRPC_PREFIX:
                self._shared.latencies_ms.append((time.perf_counter() - started) * 1_000)
            else:
                self._shared.refused += 1
            return self._call()
        return []

    def _call(self) -> list[bytes]:
        body = self._shared.body()
        if body is None:
            if not self._calls and not self.idle.done():
                self.idle.set_result(None)
            return []
        self._stream += 2
        number = struct.pack(">I", self._stream)
        self._calls[self._stream] = [time.perf_counter(), 0]
        head = self._headers
        return [head[:5], number, head[9:], body[:5], number, body[9:]]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _headers(path: str, key: str, port: int) -> bytes:
    """HPACK literals without indexing: the same bytes for every call."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": f"127.0.0.1:{port}",
        "te": "trailers",
        "content-type": "application/grpc",
        "authorization": f"Bearer {key}",
    }
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields.items())


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) >= 127:
        raise ValueError("a header longer than 126 bytes")
    return bytes((len(raw),)) + raw
