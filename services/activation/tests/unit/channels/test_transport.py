"""Certainly not sent, or perhaps: raw sockets that misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from activation.channels.transport import HttpReply, NotSentError, Transport, UnansweredError

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind: Good\r\n\r\nok"


@contextlib.asynccontextmanager
async def server(answer: bytes | None, *, stall: bool = False) -> AsyncIterator[str]:
    """`stall`: what was answered well once is answered so, and then nothing more comes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in (OK, answer) if stall else (answer,):
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
            if said:
                writer.write(said)
                await writer.drain()
        if stall:
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport() as opened:
        yield opened


async def send(transport: Transport, url: str, timeout_s: float = 60.0) -> HttpReply:
    return await transport.send("POST", url, {"Content-Type": "text/plain"}, b"x", timeout_s)


async def test_a_complete_answer(transport):
    async with server(OK) as url:
        assert await send(transport, url) == HttpReply(200, {"content-length": "2", "x-kind": "Good"}, b"ok")


async def test_redirects_are_answers(transport):
    async with server(b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n") as url:
        assert (await send(transport, url)).status == 302


async def test_nobody_listens(transport, unused_tcp_port):
    with pytest.raises(NotSentError):
        await send(transport, f"http://127.0.0.1:{unused_tcp_port}/")


async def test_no_such_name(transport):
    with pytest.raises(NotSentError):
        await send(transport, "http://nobody.invalid/")


async def test_no_tls_there(transport):
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    listening = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with listening:
        with pytest.raises(NotSentError):
            await send(transport, f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/")


@pytest.mark.parametrize(
    ("answer", "stall", "reason"),
    [
        (None, False, "CUT"),
        (None, True, "TIMEOUT"),
        (OK[:-1], True, "TIMEOUT"),
        (OK[:-1], False, "UNREADABLE"),
        (b"garbage\r\n\r\n", False, "UNREADABLE"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, False, "UNREADABLE"),
    ],
)
async def test_whatever_happens_after_the_connection_may_have_been_done(transport, answer, stall, reason):
    async with server(answer, stall=stall) as url:
        if stall:
            await send(transport, url)  # the line stands: all the time goes to the answer
        with pytest.raises(UnansweredError) as raised:
            await send(transport, url, 0.3 if stall else 60.0)
    assert raised.value.reason == reason
