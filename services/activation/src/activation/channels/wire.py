"""What crosses the wire, on its way out and in, free of any provider."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

FORMAT = 1


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request without credentials, date and nonce, and the deliveries it stands for.

    It holds addresses: keep `dump` encrypted. repr shows neither body nor query.
    """

    action: str
    """The provider's name of the call."""
    method: str
    """Of HTTP. SMTP for mails: then path and query are empty, and the body is what crosses that wire (RFC 2442)."""
    path: str
    query: tuple[tuple[str, str], ...] = field(repr=False)
    """Decoded; in the order in which it is sent."""
    content_type: str
    body: bytes = field(repr=False)
    deliveries: tuple[str, ...]
    """delivery_id of each target, in the order of the body."""
    keys: tuple[str, ...]
    """Key of each target, in the same order."""

    @property
    def digest(self) -> str:
        """SHA-256 over everything that is sent, hex; equal for equal requests."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def dump(self) -> bytes:
        """For storage; `load` gives an equal request back."""
        return self._text().encode()

    @classmethod
    def load(cls, stored: bytes) -> "WireRequest":
        """Raises ValueError when the bytes are not those of `dump`."""
        content = json.loads(stored)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("not a stored wire request of this format")
        return cls(
            action=content["action"],
            method=content["method"],
            path=content["path"],
            query=tuple((name, value) for name, value in content["query"]),
            content_type=content["content_type"],
            body=base64.b64decode(content["body"]),
            deliveries=tuple(content["deliveries"]),
            keys=tuple(content["keys"]),
        )

    def _text(self) -> str:
        content = {
            "format": FORMAT,
            "action": self.action,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "content_type": self.content_type,
            "body": base64.b64encode(self.body).decode(),
            "deliveries": self.deliveries,
            "keys": self.keys,
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Callback:
    """A request that a provider made to us, kept as it came."""

    method: str
    raw_query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What the provider wants to hear."""

    status: int
    content_type: str
    body: bytes
