"""Mails as they cross the wire, one behind the other: the media type application/batch-SMTP of RFC 2442.

Without the EHLO and QUIT around them, which belong to a connection.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

CONTENT_TYPE = "application/batch-SMTP"
END = b"\r\n.\r\n"
_MAIL, _RCPT, _DATA = b"MAIL FROM:<", b"RCPT TO:<", b"DATA\r\n"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail with its envelope."""

    sender: bytes
    """Where it comes back to when it cannot be delivered."""
    recipient: bytes = field(repr=False)
    content: bytes = field(repr=False)
    """Header and body; ends with a line's end, and no line begins with a dot."""

    @property
    def commands(self) -> tuple[bytes, bytes, bytes]:
        """MAIL, RCPT and DATA, each a whole line."""
        return _MAIL + self.sender + b">\r\n", _RCPT + self.recipient + b">\r\n", _DATA


def write(mails: Iterable[Mail]) -> bytes:
    """Raises ValueError for a content that would have to be changed on the wire."""
    parts: list[bytes] = []
    for mail in mails:
        if not mail.content.endswith(b"\r\n") or b"\n." in mail.content or mail.content.startswith(b"."):
            raise ValueError("the content does not end with a line or has a line that begins with a dot")
        parts += (*mail.commands, mail.content, b".\r\n")
    return b"".join(parts)


def read(batch: bytes) -> list[Mail]:
    """The mails that `write` wrote, equal. Raises ValueError."""
    mails, start = [], 0
    while start < len(batch):
        sender, start = _argument(batch, start, _MAIL)
        recipient, start = _argument(batch, start, _RCPT)
        if not batch.startswith(_DATA, start):
            raise ValueError("no DATA behind an envelope")
        start += len(_DATA)
        end = batch.find(END, start)
        if end < 0:
            raise ValueError("a mail without an end")
        mails.append(Mail(sender, recipient, batch[start : end + 2]))
        start = end + len(END)
    return mails


def _argument(batch: bytes, start: int, command: bytes) -> tuple[bytes, int]:
    end = batch.find(b">\r\n", start)
    if end < 0 or not batch.startswith(command, start):
        raise ValueError(f"no {command[:4].decode()} where one should be")
    return batch[start + len(command) : end], end + 3
