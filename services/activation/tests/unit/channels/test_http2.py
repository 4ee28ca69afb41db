"""Certainly not sent, or perhaps: servers that misbehave in HTTP/2's own ways."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from activation.channels import http2
from activation.channels.http2 import Http2Client
from activation.channels.transport import HttpReply, NotSentError, UnansweredError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import NoAvailableStreamIDError

Answer = Callable[[H2Connection, int, bytes], None]
"""(connection, stream, body of the request) -> whatever the server does about it."""


@dataclass
class Meeting:
    """A client and the peers that it has met."""

    client: Http2Client
    peers: list["Peer"] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """A whole request has arrived."""


class Peer(asyncio.Protocol):
    """Speaks HTTP/2 and answers whole requests as told."""

    def __init__(self, answer: Answer, meeting: Meeting) -> None:
        self._answer = answer
        self._meeting = meeting
        self._h2 = H2Connection(H2Configuration(client_side=False))
        self._bodies: dict[int, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._meeting.peers.append(self)
        self._h2.initiate_connection()
        self.transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            if isinstance(event, RequestReceived):
                self._bodies[event.stream_id] = b""
            elif isinstance(event, DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._bodies[event.stream_id] += event.data
            elif isinstance(event, StreamEnded):
                self._answer(self._h2, event.stream_id, self._bodies[event.stream_id])
                self._meeting.asked.set()
        self.transport.write(self._h2.data_to_send())


def say(connection: H2Connection, stream: int, body: bytes) -> None:
    connection.send_headers(stream, [(":status", "200"), ("length", str(len(body)))], end_stream=True)


def refuse(connection: H2Connection, stream: int, _: bytes) -> None:
    connection.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def break_off(connection: H2Connection, stream: int, _: bytes) -> None:
    connection.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def keep_silent(connection: H2Connection, stream: int, _: bytes) -> None:
    pass


def say_nothing_of_a_status(connection: H2Connection, stream: int, _: bytes) -> None:
    connection.send_headers(stream, [(":status", "nonsense")], end_stream=True)


def say_bytes(connection: H2Connection, stream: int, _: bytes) -> None:
    connection.send_headers(stream, [(b":status", b"200"), (b"odd", b"\xff\xfe")], end_stream=True)


def say_much(connection: H2Connection, stream: int, _: bytes) -> None:
    connection.send_headers(stream, [(":status", "200")])
    for _ in range(2):
        connection.send_data(stream, b"x" * 16_384)


@contextlib.asynccontextmanager
async def served(
    answer: Answer, tls: ssl.SSLContext | None = None, trusting: ssl.SSLContext | None = None
) -> AsyncIterator[Meeting]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(answer, meeting), "127.0.0.1", 0, ssl=tls)
    scheme, port = "http" if tls is None else "https", server.sockets[0].getsockname()[1]
    meeting = Meeting(Http2Client(f"{scheme}://localhost:{port}", trusting))
    try:
        yield meeting
    finally:
        await meeting.client.close()
        for peer in meeting.peers:
            peer.transport.abort()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def serving(certificate: Path, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(list(protocols))
    return context


async def send(client: Http2Client, body: bytes = b"x", timeout_s: float = 60.0) -> HttpReply:
    return await client.send("POST", "/", {"a": "b"}, body, timeout_s)


async def test_all_requests_go_over_one_connection():
    async with served(say) as meeting:
        client = meeting.client
        replies = await asyncio.gather(*(send(client) for _ in range(300)))
        assert {(each.status, each.headers["length"]) for each in replies} == {(200, "1")}
        assert len(meeting.peers) == 1


async def test_a_body_larger_than_the_window_arrives_whole():
    async with served(say) as meeting:
        assert (await send(meeting.client, b"x" * 300_000)).headers["length"] == "300000"


async def test_headers_may_be_any_bytes():
    async with served(say_bytes) as meeting:
        assert (await send(meeting.client)).headers == {"odd": "ÿþ"}


async def test_a_connection_whose_streams_are_used_up_is_left(monkeypatch):
    async with served(say) as meeting:
        await send(meeting.client)
        first = H2Connection.get_next_available_stream_id
        left = iter([NoAvailableStreamIDError()])

        def number(connection: H2Connection) -> int:
            for error in left:
                raise error
            return first(connection)

        monkeypatch.setattr(H2Connection, "get_next_available_stream_id", number)
        assert (await send(meeting.client)).status == 200
        assert len(meeting.peers) == 2


async def test_a_refused_stream_was_certainly_not_looked_at():
    async with served(refuse) as meeting:
        with pytest.raises(NotSentError):
            await send(meeting.client)


@pytest.mark.parametrize(("answer", "reason"), [(break_off, "CUT"), (say_nothing_of_a_status, "UNREADABLE")])
async def test_whatever_happens_to_a_stream_that_was_taken_may_have_been_done(answer, reason):
    async with served(answer) as meeting:
        with pytest.raises(UnansweredError) as raised:
            await send(meeting.client)
        assert raised.value.reason == reason


async def test_after_silence_the_next_request_takes_a_new_connection(monkeypatch):
    """Time is up when the provider has the request and keeps silent."""
    made, timeout = [], asyncio.timeout

    def noted(delay_s: float | None) -> asyncio.Timeout:
        made.append(timeout(delay_s))
        return made[-1]

    monkeypatch.setattr(asyncio, "timeout", noted)
    async with served(keep_silent) as meeting:
        for connections in (1, 2):
            meeting.asked.clear()
            request = asyncio.create_task(send(meeting.client))
            await meeting.asked.wait()
            made[-1].reschedule(asyncio.get_running_loop().time())
            with pytest.raises(UnansweredError) as raised:
                await request
            assert (raised.value.reason, len(meeting.peers)) == ("TIMEOUT", connections)


async def test_an_answer_that_is_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(http2, "MAX_ANSWER_BYTES", 20_000)
    async with served(say_much) as meeting:
        with pytest.raises(UnansweredError) as raised:
            await send(meeting.client)
        assert raised.value.reason == "UNREADABLE"


async def test_a_connection_that_is_cut_leaves_the_request_in_doubt():
    async with served(keep_silent) as meeting:
        request = asyncio.create_task(send(meeting.client))
        await meeting.asked.wait()
        meeting.peers[0].transport.abort()
        with pytest.raises(UnansweredError) as raised:
            await request
        assert raised.value.reason == "CUT"


async def test_a_client_that_closes_leaves_its_requests_in_doubt():
    async with served(keep_silent) as meeting:
        request = asyncio.create_task(send(meeting.client))
        await meeting.asked.wait()
        await meeting.client.close()
        with pytest.raises(UnansweredError):
            await request


@pytest.mark.parametrize("words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64, b""])
async def test_who_speaks_no_http2_was_not_sent_anything(words):
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        client = Http2Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(NotSentError):
            await send(client)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_nobody_listens(scheme, unused_tcp_port):
    with pytest.raises(NotSentError):
        await send(Http2Client(f"{scheme}://127.0.0.1:{unused_tcp_port}"))


async def test_inside_tls_http2_is_chosen_by_alpn(certificate):
    trusting = ssl.create_default_context(cafile=certificate)
    async with served(say, serving(certificate, "h2"), trusting) as meeting:
        replies = await asyncio.gather(*(send(meeting.client) for _ in range(3)))
        assert {each.status for each in replies} == {200}
        assert len(meeting.peers) == 1


async def test_whom_nobody_vouches_for_is_not_sent_anything(certificate):
    async with served(say, serving(certificate, "h2")) as meeting:
        with pytest.raises(NotSentError):
            await send(meeting.client)
        assert not meeting.asked.is_set()


async def test_who_does_not_choose_http2_is_not_sent_anything(certificate):
    trusting = ssl.create_default_context(cafile=certificate)
    async with served(say, serving(certificate, "http/1.1"), trusting) as meeting:
        with pytest.raises(NotSentError):
            await send(meeting.client)
        assert not meeting.asked.is_set()


async def test_a_connection_silent_for_long_is_left(monkeypatch):
    async with served(say) as meeting:
        for connections, idle_s in ((1, 300.0), (1, 300.0), (2, -1.0)):
            monkeypatch.setattr(http2, "IDLE_S", idle_s)
            await send(meeting.client)
            assert len(meeting.peers) == connections


async def test_no_tls_there():
    async with served(say) as meeting:
        with pytest.raises(NotSentError):
            await send(Http2Client(f"https://localhost:{meeting.client._port}"))
