"""The provider's door: SMTP, spoken by aiosmtpd."""

import asyncio
import logging
import re
import weakref
from collections.abc import Sequence
from typing import Any, Protocol

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.exchange import Cut, Exchange
from sandbox.provider import Call
from sandbox.smtp.settings import MailAccount, SmtpSettings

HOSTNAME = "sandbox.invalid"
SENDER, RECIPIENT, USERNAME = "mail-from", "rcpt-to", "username"
"""Parts of the envelope, as headers of the call."""
GOES_DOWN = 421
LIBRARY_LOG = "mail.log"
"""Warns of a deprecation in the library itself, once for each connection."""
MAX_UNREAD_BYTES = 16 * 1024 * 1024
"""Of one content."""
_ADDRESS = re.compile(r"<([^<>\s]+@[^<>\s]+)>(.*)")
_STUFFED = re.compile(rb"(?m)^\.")


class MailServer(Protocol):
    """Whose door it is."""

    settings: SmtpSettings

    def account(self, username: str, password: str) -> MailAccount | None: ...


class QuickSmtp(SMTP):
    """The library's protocol, but for two things that take it most of a millisecond for each mail: addresses, and
    contents line by line. How long lines are, the provider looks at itself."""

    line_length_limit = MAX_UNREAD_BYTES

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the library's name
        if arg or self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = b""
        while content != b".\r\n" and not content.endswith(b"\r\n.\r\n"):
            content += await self._reader.readuntil(b".\r\n")
        self.envelope.original_content = _STUFFED.sub(b"", content.removesuffix(b".\r\n"))
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(status)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        found = _ADDRESS.fullmatch(arg)
        return (found.group(1), found.group(2)) if found else super()._getaddr(arg)


class SmtpDoor:
    """Every connection to one mail server."""

    def __init__(self, provider: MailServer, exchange: Exchange) -> None:
        self._provider = provider
        self._exchange = exchange
        self._open: weakref.WeakSet[SMTP] = weakref.WeakSet()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Serve; returns the bound port. Raises OSError when it is taken."""
        logging.getLogger(LIBRARY_LOG).setLevel(logging.ERROR)
        self._server = await asyncio.get_running_loop().create_server(self._greet, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for each in list(self._open):
            if isinstance(each.transport, asyncio.Transport):
                each.transport.abort()
        await asyncio.sleep(0)

    def _greet(self) -> SMTP:
        smtp = QuickSmtp(
            self,
            data_size_limit=self._provider.settings.max_bytes,
            hostname=HOSTNAME,
            ident="sandbox",
            auth_require_tls=False,
            authenticator=self._log_in,
            loop=asyncio.get_running_loop(),
        )
        self._open.add(smtp)
        return smtp

    def _log_in(
        self, _: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        known = isinstance(login, LoginPassword) and self._provider.account(
            login.login.decode(), login.password.decode()
        )
        return AuthResult(success=bool(known), handled=False, auth_data=login)

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, _: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> Sequence[str]:
        session.host_name = hostname
        more = ["250-PIPELINING"] if self._provider.settings.pipelining else []
        return [*responses[:1], *more, "250-ENHANCEDSTATUSCODES", *responses[1:]]

    async def handle_MAIL(  # noqa: N802
        self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 log in first"
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._provider.settings.people.knows(address):
            return "550 5.1.1 there is no such mailbox"
        if envelope.rcpt_tos:
            return "452 4.5.3 one recipient a mail"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        login = session.auth_data
        headers = {
            SENDER: envelope.mail_from or "",
            RECIPIENT: envelope.rcpt_tos[0],
            USERNAME: login.login.decode() if isinstance(login, LoginPassword) else "",
        }
        content = envelope.original_content or b""
        served = await self._exchange.serve(Call("MAIL", "", "", headers, content))
        if isinstance(served, Cut):
            await asyncio.sleep(served.hold_s)
            return await _hang_up(smtp)
        if "Content-Type" in served.headers:  # not an answer that SMTP knows
            return served.body.decode("latin-1").encode("ascii", "replace").decode()
        if served.status == GOES_DOWN:
            asyncio.get_running_loop().call_soon(smtp._writer.close)
        return f"{served.status} {served.body.decode()}"


async def _hang_up(smtp: SMTP) -> str:
    """Cut the connection; what serves it is cancelled thereby."""
    if isinstance(smtp.transport, asyncio.Transport):
        smtp.transport.abort()
    await asyncio.Event().wait()
    raise AssertionError("a cut connection is served")
