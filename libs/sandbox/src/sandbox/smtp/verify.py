"""What a mail must be: whole, of plain lines, with the header fields that receivers ask bulk senders for."""

import binascii
import quopri
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime

import dkim

from sandbox.provider import Refusal, Reply

MAX_LINE_BYTES = 998
ONE_CLICK = "List-Unsubscribe=One-Click"
_ONCE = ("from", "to", "subject", "date", "message-id", "mime-version")
_URL = re.compile(r"<https://[^<>\s]+>")
_MESSAGE_ID = re.compile(r"<(([^<>@\s]+)@[^<>@\s]+)>")
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_FOLD = re.compile(r"\r\n(?=[ \t])")
Fields = Mapping[str, Sequence[str]]
"""Every value of a field, by its name in lower case."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What a person gets to see, and what it is known by."""

    message_id: str
    """Without its brackets."""
    key: str
    """What stands before its @."""
    subject: str
    text: str = field(repr=False)
    marketing: bool
    """It can be unsubscribed with one click."""


def refuse(code: int, text: str) -> Refusal:
    return Refusal(Reply(code, text.encode()))


def read_mail(content: bytes, dkim_keys: Mapping[str, str]) -> Mail:
    """The mail, or a refusal. Written anew because Python's own reader takes two milliseconds for a mail."""
    if not content.isascii() or max(map(len, content.split(b"\r\n"))) > MAX_LINE_BYTES:
        raise refuse(554, "5.6.0 a line is too long or not ASCII")
    fields, body = _entity(content.decode())
    for name in _ONCE:
        if len(fields.get(name, ())) != 1:
            raise refuse(550, f"5.6.0 {name} must be there once")
    found = _MESSAGE_ID.fullmatch(fields["message-id"][0])
    if found is None:
        raise refuse(550, "5.6.0 the Message-ID is none")
    try:
        parsedate_to_datetime(fields["date"][0])
        subject = str(make_header(decode_header(fields["subject"][0])))
        text = _plain_text(fields, body)
    except (ValueError, LookupError):
        raise refuse(550, "5.6.0 the date, the subject or the text cannot be read") from None
    if dkim_keys:
        _verify_dkim(content, dkim_keys)
    return Mail(found.group(1), found.group(2), subject, text, _one_click(fields))


def _entity(text: str) -> tuple[Fields, str]:
    """A header's fields, unfolded, and what stands below it."""
    head, _, body = text.partition("\r\n\r\n")
    fields: dict[str, list[str]] = {}
    for line in _FOLD.sub("", head).split("\r\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    return fields, body


def _plain_text(fields: Fields, body: str) -> str:
    """The text of the first plain part. Raises ValueError and LookupError."""
    kind = fields.get("content-type", ["text/plain"])[0]
    if kind.lower().startswith("multipart/"):
        boundary = _BOUNDARY.search(kind)
        if boundary is None or f"--{boundary.group(1)}--" not in body:
            raise ValueError("no boundary, or no end")
        parts = body.split(f"--{boundary.group(1)}")[1:-1]
        return _plain_text(*_entity(parts[0].removeprefix("\r\n")))
    if not kind.lower().startswith("text/plain"):
        raise ValueError("no plain text")
    encoding = fields.get("content-transfer-encoding", ["7bit"])[0].lower()
    if encoding == "base64":
        raw = binascii.a2b_base64(body)
    else:
        raw = quopri.decodestring(body.encode()) if encoding == "quoted-printable" else body.encode()
    return raw.decode().replace("\r\n", "\n").removesuffix("\n")


def _one_click(fields: Fields) -> bool:
    """RFC 8058: both fields or none; and the URL is HTTPS."""
    posts = fields.get("list-unsubscribe-post")
    if posts is None:
        return False
    urls = fields.get("list-unsubscribe", [""])
    if posts != [ONE_CLICK] or len(urls) != 1 or not _URL.search(urls[0]):
        raise refuse(550, "5.7.1 List-Unsubscribe-Post without an HTTPS URL in List-Unsubscribe")
    return True


def _verify_dkim(content: bytes, keys: Mapping[str, str]) -> None:
    signature = dkim.DKIM(content)
    try:
        holds = signature.verify(dnsfunc=lambda name, **_: keys.get(name.decode().rstrip("."), "").encode())
    except dkim.DKIMException:
        holds = False
    listed = (signature.signature_fields or {}).get(b"h", b"")
    signed = {name.strip().lower() for name in listed.decode().split(":")}
    lists = {name for name in ("list-unsubscribe", "list-unsubscribe-post") if f"\n{name}:" in _head(content)}
    if not holds or not {"from", "date", "message-id", *lists} <= signed:
        raise refuse(550, "5.7.20 no DKIM signature holds and covers the header")


def _head(content: bytes) -> str:
    return "\n" + content.partition(b"\r\n\r\n")[0].decode().lower()
