"""What is said on one SMTP connection, several commands at a time where the server lets us (RFC 2920).

A mail is certainly not sent until the dot behind its content is written; from then on only the reply tells.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from activation.channels.email.batch_smtp import Mail

MAX_REPLY_BYTES = 64 * 1024
START_INPUT, GOES_DOWN = 354, 421
DOT = b".\r\n"
RESET = b"RSET\r\n"
_LINE = re.compile(rb"(\d{3})([ -]?)(.*)")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |$)")


class Phase(StrEnum):
    """What a reply answers."""

    CONNECT = "CONNECT"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "END"
    """The dot: all that was asked before was granted."""


@dataclass(frozen=True, slots=True)
class Reply:
    code: int
    text: str = field(repr=False)
    """May quote the address."""

    @property
    def good(self) -> bool:
        return 200 <= self.code < 400

    @property
    def done(self) -> bool:
        """More than good: nothing further is wanted."""
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463), such as 5.1.1; empty when there is none."""
        found = _ENHANCED.match(self.text)
        return found.group() if found else ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the server said last about one mail."""

    phase: Phase
    reply: Reply


class LostError(Exception):
    """The connection is gone; `reason` is CUT or UNREADABLE."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Progress:
    """How far a batch has come; holds also when the conversation ends in the middle."""

    mails: list[Mail]
    said: dict[int, Said] = field(default_factory=dict)
    """By place in `mails`."""
    place: int = 0
    """The mail that is spoken of."""
    dotted: bool = False
    """Its dot is written and nothing was said of it since."""
    stopped: Said | None = None
    """The server goes down before the mail at `place`; that holds for those behind it as well."""

    def note(self, said: Said) -> None:
        """The last word about the mail at `place`."""
        self.said[self.place] = said
        self.place += 1
        self.dotted = False


class Conversation(asyncio.Protocol):
    """One connection. One batch at a time."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool) -> None:
        """`transport` has been greeted, secured and logged in; from here on what comes is read here."""
        transport.set_protocol(self)
        self._transport = transport
        self._pipelining = pipelining
        self._buffer = b""
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lost = ""
        self.mails = 0
        """Sent or refused so far."""

    @property
    def stands(self) -> bool:
        """The line is open, and nothing was said on it that nobody asked for."""
        return not self._lost and not self._replies and not self._transport.is_closing()

    async def send(self, progress: Progress) -> None:
        """Send the mails from `progress.place` on. Ends with the last, or with `progress.stopped`. Raises LostError.

        The next mail's envelope goes out right behind the dot of the one before."""
        ahead = reset = False
        while progress.place < len(progress.mails):
            mail = progress.mails[progress.place]
            commands = (RESET, *mail.commands) if reset else mail.commands
            replies = await self._ask(commands, written=ahead)
            if reset and replies[0].good:
                replies = replies[1:]
            said = _refusal(replies)
            reset = replies[-1].code != START_INPUT
            ahead = False
            if not reset:
                ahead = self._content(progress) if said is None else self._nothing()
                end = Said(Phase.END, await self._reply())
                said = said or end
            assert said is not None  # either a refusal, or input was asked for and ended
            self.mails += 1
            if said.reply.code == GOES_DOWN and said.phase is not Phase.END:
                progress.stopped = said
                self.abort()
                return
            progress.note(said)
            if said.reply.code == GOES_DOWN:
                self.abort()
                raise LostError("CUT")

    def close(self) -> None:
        """Take leave, without waiting for the answer."""
        if not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    def abort(self) -> None:
        """Drop the line; what was not written yet never will be."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if self._lost:
                break  # behind what is no reply nothing can be told apart
            self._take(line.rstrip(b"\r"))
        if len(self._buffer) + sum(map(len, self._lines)) > MAX_REPLY_BYTES:
            self._lose("UNREADABLE")
        self._wake()

    def eof_received(self) -> bool:
        self._lose("CUT")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lose("CUT")

    def _content(self, progress: Progress) -> bool:
        """Write a mail's content with its dot, and the next one's envelope; whether there was one to write."""
        if self._lost or self._transport.is_closing():
            raise LostError(
                self._lost or "CUT"
            )  # nothing can be written any more, so the mail is in no doubt
        following = progress.mails[progress.place + 1 : progress.place + 2] if self._pipelining else ()
        progress.dotted = True
        self._transport.write(b"".join((progress.mails[progress.place].content, DOT, *_commands(following))))
        return bool(following)

    def _nothing(self) -> bool:
        """The server waits for a content, although it refused all whom it could be for."""
        self._transport.write(DOT)
        return False

    async def _ask(self, commands: Sequence[bytes], *, written: bool) -> list[Reply]:
        """The replies to commands, one at least: none once the server goes down, and without pipelining none behind the
        first refusal."""
        if self._pipelining and not written:
            self._transport.write(b"".join(commands))
        replies: list[Reply] = []
        for command in commands:
            if not self._pipelining:
                self._transport.write(command)
            replies.append(await self._reply())
            if replies[-1].code == GOES_DOWN or not (self._pipelining or replies[-1].good):
                break
        return replies

    async def _reply(self) -> Reply:
        while not self._replies:
            if self._lost:
                raise LostError(self._lost)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._replies.popleft()

    def _take(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None:
            self._lose("UNREADABLE")
            return
        code, more, text = found.groups()
        self._lines.append(text.decode("utf-8", "replace"))
        if more != b"-":
            self._replies.append(Reply(int(code), " ".join(self._lines)))
            self._lines = []

    def _lose(self, reason: str) -> None:
        self._lost = self._lost or reason
        self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _refusal(replies: Sequence[Reply]) -> Said | None:
    """The first of the replies to MAIL, RCPT and DATA that is no consent."""
    for phase, reply in zip((Phase.MAIL, Phase.RCPT, Phase.DATA), replies, strict=False):
        if not reply.good or (phase is Phase.DATA and reply.code != START_INPUT):
            return Said(phase, reply)
    return None


def _commands(mails: Sequence[Mail]) -> Sequence[bytes]:
    return [command for mail in mails for command in mail.commands]
