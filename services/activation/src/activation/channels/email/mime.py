"""A campaign's mail, written once; each recipient's is spliced from it.

Everything is 7-bit and no line begins with a dot: what is written here crosses every mail server as it is.
"""

import base64
import re
from collections import ChainMap
from collections.abc import Mapping
from email.utils import parseaddr

from activation.channels.email.templates import MailTemplate, Text

BOUNDARY = b"=_huaxiang"
"""Cannot stand in base64."""
LINE_CHARS = 76
WORD_BYTES = 39
"""Of an encoded word: 52 letters of base64 with 12 around them, behind a field's name."""
MAX_URL_CHARS = 900
"""Of the URL that unsubscribes: its header stays on one line, as folding breaks signatures elsewhere."""
UNSUBSCRIBE_URL = "unsubscribe_url"
"""The parameter that carries it; templates may show it as well."""
ADDRESS = re.compile(
    r"(?=.{3,254}$)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*"
)
URL = re.compile(r"https://[!-;=?-~]{1,900}")
_SPACES = re.compile(r"[\x00-\x20\x7f]+")
_PLAIN = re.compile(r"[\x20-\x7e]{0,900}")


class MissingValueError(ValueError):
    """The template names a parameter that nobody gives."""


class Sender:
    """Who mails come from."""

    def __init__(self, text: str) -> None:
        """`text` is like 华象商城 <news@example.com>. Raises ValueError."""
        name, self.address = parseaddr(text)
        if not ADDRESS.fullmatch(self.address):
            raise ValueError("sender: is not like Name <name@example.com>")
        self.domain = self.address.rpartition("@")[2]
        address = f"<{self.address}>" if name else self.address
        self.header = b" ".join([*([encoded(name)] if name else []), address.encode()])


class Skeleton:
    """One message of one sender."""

    def __init__(
        self, template: MailTemplate, sender: Sender, parameters: Mapping[str, str], *, marketing: bool
    ) -> None:
        """`parameters` hold for all recipients; recipients' own win over them."""
        self._parameters = parameters
        self._domain = sender.domain
        self._subject = _Subject(template.subject, parameters)
        self._text = _Body(Text(template.text), parameters)
        self._html = _Body(Text(template.html, markup=True), parameters) if template.html else None
        self._from = b"From: " + sender.header + b"\r\nTo: "
        bulk = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        self._one_click = bulk if marketing else b""
        self._names = {*self._subject.names, *self._text.names, *(self._html.names if self._html else ())}

    def missing(self, own: Mapping[str, str]) -> list[str]:
        """Names that neither the message nor the recipient gives, in order."""
        return sorted(self._names - self._parameters.keys() - own.keys())

    def mail(self, address: str, key: str, own: Mapping[str, str]) -> bytes:
        """Header and body for one recipient, without Date; the Message-ID is made of `key`. Raises
        MissingValueError."""
        if missing := self.missing(own):
            raise MissingValueError(f"the template wants {', '.join(missing)}")
        url = own.get(UNSUBSCRIBE_URL) or self._parameters.get(UNSUBSCRIBE_URL, "")
        lists = b"List-Unsubscribe: <" + url.encode() + b">\r\n" + self._one_click if url else b""
        head = (
            self._from,
            address.encode(),
            b"\r\nSubject: ",
            self._subject.encoded(own),
            b"\r\nMessage-ID: <",
            f"{key}@{self._domain}".encode(),
            b">\r\nMIME-Version: 1.0\r\n",
            lists,
        )
        return b"".join((*head, *self._content(own)))

    def _content(self, own: Mapping[str, str]) -> tuple[bytes, ...]:
        text = _part(b"plain", self._text.encoded(own))
        if self._html is None:
            return (text,)
        return (
            b'Content-Type: multipart/alternative; boundary="'
            + BOUNDARY
            + b'"\r\n\r\n--'
            + BOUNDARY
            + b"\r\n",
            text,
            b"--" + BOUNDARY + b"\r\n",
            _part(b"html", self._html.encoded(own)),
            b"--" + BOUNDARY + b"--\r\n",
        )


class _Body:
    """A text in base64: once for all recipients, or for each who has words of his own in it."""

    def __init__(self, text: Text, parameters: Mapping[str, str]) -> None:
        self._text = text
        self._parameters = parameters
        self.names = frozenset(text.names)
        self._for_all = self._encode(parameters) if self.names <= parameters.keys() else None

    def encoded(self, own: Mapping[str, str]) -> bytes:
        """Raises KeyError."""
        if self._for_all is not None and self.names.isdisjoint(own):
            return self._for_all
        return self._encode(ChainMap(dict(own), dict(self._parameters)))

    def _encode(self, values: Mapping[str, str]) -> bytes:
        lines = self._text.fill(values).replace("\r\n", "\n").replace("\r", "\n")
        ended = lines if lines.endswith("\n") else lines + "\n"
        return base64_lines(ended.replace("\n", "\r\n").encode("utf-8", "replace"))


class _Subject(_Body):
    """The same for a header."""

    def __init__(self, text: str, parameters: Mapping[str, str]) -> None:
        super().__init__(Text(text), parameters)

    def _encode(self, values: Mapping[str, str]) -> bytes:
        return encoded(self._text.fill(values))


def base64_lines(raw: bytes) -> bytes:
    """Base64 in lines of 76, each ended."""
    text = base64.b64encode(raw)
    lines = [text[start : start + LINE_CHARS] for start in range(0, len(text), LINE_CHARS)]
    return b"\r\n".join([*lines, b""])


def encoded(text: str) -> bytes:
    """A header's text: as it is when that is safe, else in encoded words (RFC 2047). White space becomes one space, so
    no text can begin another header."""
    shown = _SPACES.sub(" ", text).strip()
    if _PLAIN.fullmatch(shown) and "=?" not in shown:
        return shown.encode()
    words, word = [], b""
    for letter in shown:
        raw = letter.encode("utf-8", "replace")
        if len(word) + len(raw) > WORD_BYTES:
            words.append(word)
            word = b""
        word += raw
    words.append(word)
    return b"\r\n ".join(b"=?utf-8?B?" + base64.b64encode(each) + b"?=" for each in words)


def _part(kind: bytes, lines: bytes) -> bytes:
    head = b"Content-Type: text/" + kind + b"; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + lines
