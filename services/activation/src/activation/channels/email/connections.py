"""Connections to one mail server: opened when there is something to send, and kept for what comes next."""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiosmtplib
from aiosmtplib import errors as smtp

from activation.channels.email.conversation import Conversation, Phase, Reply, Said

CONNECT_TIMEOUT_S = 10.0
IDLE_S = 60.0
"""Machine time for which a connection is kept; servers hang up after some minutes."""
MAILS_PER_CONNECTION = 1_000
MAX_CONNECTIONS = 16
TLS_PORT, STARTTLS_PORT = 465, 587


@dataclass(frozen=True, slots=True)
class Door:
    """A mail server and how to get in: smtps://host (TLS from the start) or smtp://host (STARTTLS, which must be there;
    on this machine itself no TLS at all)."""

    host: str
    port: int
    tls: bool
    starttls: bool
    username: str
    password: str = field(repr=False)
    name: str
    """What we call ourselves."""
    ca_file: str = ""

    @classmethod
    def at(cls, url: str, username: str, password: str, name: str, ca_file: str) -> "Door":
        """Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.username is not None:
            raise ValueError("base_url: is not like smtp://host:587 or smtps://host:465")
        tls = parts.scheme == "smtps"
        port = parts.port or (TLS_PORT if tls else STARTTLS_PORT)
        starttls = not tls and not _is_here(parts.hostname)
        return cls(parts.hostname, port, tls, starttls, username, password, name, ca_file)


class ClosedError(Exception):
    """No connection came about, so nothing was sent. `said` is what the server answered; None when it did not."""

    def __init__(self, reason: str, said: Said | None = None) -> None:
        super().__init__(reason)
        self.said = said


class UnfitError(ClosedError):
    """The server does not offer what the account demands: TLS or a login."""


class Connections:
    """At most `limit` at once, each with one batch at a time."""

    def __init__(self, door: Door, limit: int = MAX_CONNECTIONS) -> None:
        self._door = door
        self._gate = asyncio.Semaphore(limit)
        self._kept: list[tuple[float, Conversation]] = []
        self._tls: ssl.SSLContext | None = None

    async def take(self) -> tuple[Conversation, bool]:
        """A connection to be given back, and whether it is new. Raises ClosedError."""
        await self._gate.acquire()
        try:
            while self._kept:
                since_s, kept = self._kept.pop()
                if kept.stands and time.monotonic() - since_s < IDLE_S:
                    return kept, False
                kept.close()
            return await self._open(), True
        except BaseException:
            self._gate.release()
            raise

    def give_back(self, conversation: Conversation) -> None:
        """Keeps it when it is still of use."""
        self._gate.release()
        if conversation.stands and conversation.mails < MAILS_PER_CONNECTION:
            self._kept.append((time.monotonic(), conversation))
        else:
            conversation.close()

    def close(self) -> None:
        while self._kept:
            self._kept.pop()[1].close()

    async def _open(self) -> Conversation:
        door = self._door
        secure = door.tls or door.starttls
        if secure and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context, cafile=door.ca_file or None)
        client = aiosmtplib.SMTP(
            hostname=door.host,
            port=door.port,
            username=door.username or None,
            password=door.password or None,
            local_hostname=door.name,
            use_tls=door.tls,
            start_tls=door.starttls,
            timeout=CONNECT_TIMEOUT_S,
            tls_context=self._tls if secure else None,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (smtp.SMTPException, OSError) as error:
            client.close()
            raise _closed(error) from error
        assert isinstance(client.transport, asyncio.Transport)  # it is connected
        return Conversation(client.transport, pipelining=client.supports_extension("pipelining"))


def _closed(error: Exception) -> ClosedError:
    """What a connection that did not come about means."""
    if isinstance(error, smtp.SMTPAuthenticationError):
        return ClosedError("REFUSED", Said(Phase.AUTH, Reply(error.code, error.message)))
    if isinstance(error, smtp.SMTPResponseException) and error.code > 0:
        return ClosedError("REFUSED", Said(Phase.CONNECT, Reply(error.code, error.message)))
    return ClosedError("NOT_CONNECTED") if isinstance(error, OSError) else UnfitError("SERVER_UNFIT")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
