"""What mail servers say, from the words on the wire to the verdict; and TLS, which everything is said through."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from activation.channels.email.channel import EmailAccount, EmailChannel
from activation.channels.port import Batch, Message, MessageClass, Scope, Target, Verdict
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

TIMEOUT_S = 60.0
RECIPIENT, CAMPAIGN, ACCOUNT = Scope.RECIPIENT, Scope.CAMPAIGN, Scope.ACCOUNT
RETRY, DEFER, REJECTED, UNKNOWN = Verdict.RETRY, Verdict.DEFER, Verdict.REJECTED, Verdict.UNKNOWN
MESSAGE = Message(MessageClass.TRANSACTIONAL, parameters={"subject": "s", "text": "t"})


class Server:
    """Says one thing at one point, and yes everywhere else."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.got: list[bytes] = []

    async def handle_MAIL(self, _: SMTP, session: Session, envelope: Envelope, address: str, options) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.says.get("MAIL", "250 Ok")

    async def handle_RCPT(self, _: SMTP, session: Session, envelope: Envelope, address: str, options) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.says.get("RCPT", "250 Ok")

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.append(envelope.original_content)
        return self.says.get("END", "250 Ok")


@asynccontextmanager
async def serving(handler: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    loop, made = asyncio.get_running_loop(), []

    def make() -> SMTP:
        made.append(SMTP(handler, hostname="mx.example", loop=loop))
        return made[-1]

    server = await loop.create_server(make, "127.0.0.1", 0, ssl=tls)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for each in made:
        if each.transport is not None:
            each.transport.abort()
    await asyncio.sleep(0)


def channel(url: str, **more: str) -> EmailChannel:
    return EmailChannel(EmailAccount("news@mail.example", **more), {}, lambda: datetime.now(UTC), url)


async def outcome(sending: EmailChannel):
    wire = sending.build(Batch("b", MESSAGE, (Target("d1", "d1", "a@b.example"),)))
    (said,) = await sending.submit(wire, TIMEOUT_S)
    await sending.close()
    return said


CASES = [
    ("MAIL", "550 5.7.1 sender refused", REJECTED, ACCOUNT, 0),
    ("MAIL", "552 5.3.4 too big", REJECTED, CAMPAIGN, 0),
    ("MAIL", "451 4.3.0 later", RETRY, None, 5),
    ("RCPT", "550 5.1.1 no such user", REJECTED, RECIPIENT, 0),
    ("RCPT", "550 no such user", REJECTED, RECIPIENT, 0),
    ("RCPT", "554 5.7.1 <a@b.example>: Relay access denied", REJECTED, ACCOUNT, 0),
    ("RCPT", "530 5.7.0 log in first", REJECTED, ACCOUNT, 0),
    ("RCPT", "550 5.7.26 unauthenticated mail is refused", REJECTED, ACCOUNT, 0),
    ("RCPT", "450 4.2.0 greylisted, try again in 10 minutes", RETRY, None, 600),
    ("RCPT", "451 4.7.1 come back in 20 seconds", RETRY, None, 300),
    ("RCPT", "452 4.2.2 the mailbox is full", DEFER, None, 3_600),
    ("RCPT", "421 4.7.0 too many", RETRY, None, 300),
    ("END", "554 5.7.1 spam", REJECTED, RECIPIENT, 0),
    ("END", "550 5.7.20 no DKIM", REJECTED, ACCOUNT, 0),
    ("END", "552 too big", REJECTED, CAMPAIGN, 0),
    ("END", "554 5.6.0 not MIME", REJECTED, CAMPAIGN, 0),
    ("END", "451 4.3.0 later", RETRY, None, 5),
    ("END", "421 4.7.28 too fast", RETRY, None, 60),
    ("END", "421 4.3.2 going down", UNKNOWN, None, 0),
    ("END", "299 what", Verdict.ACCEPTED, None, 0),
    ("END", "354 go on", UNKNOWN, None, 0),
]


async def test_what_a_server_says_and_what_it_means():
    handler, said = Server(), []
    async with serving(handler) as port:
        for phase, words, *_ in CASES:
            handler.says = {phase: words}
            said.append(await outcome(channel(f"smtp://127.0.0.1:{port}")))
    for (phase, words, verdict, scope, after_s), each in zip(CASES, said, strict=True):
        assert (each.verdict, each.scope, each.after_s) == (verdict, scope, after_s), (phase, words)
        assert "a@b.example" not in repr(each)


async def test_a_login_that_fails_is_the_accounts_fault():
    async with serving(Server()) as port:
        said = await outcome(channel(f"smtp://127.0.0.1:{port}", username="u", password="p"))
    assert (said.verdict, said.scope, said.reason) == (REJECTED, ACCOUNT, "SERVER_UNFIT")


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """A self-signed certificate of 127.0.0.1, with its key behind it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return file


async def test_mails_go_through_tls_to_servers_that_can_prove_who_they_are(authority):
    tls, handler = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Server()
    tls.load_cert_chain(authority)
    async with serving(handler, tls) as port:
        url = f"smtps://127.0.0.1:{port}"
        known = await outcome(channel(url, ca_file=str(authority)))
        unknown = await outcome(channel(url))
    assert known.verdict is Verdict.ACCEPTED
    assert (unknown.verdict, unknown.reason) == (RETRY, "NOT_CONNECTED")
    assert len(handler.got) == 1
