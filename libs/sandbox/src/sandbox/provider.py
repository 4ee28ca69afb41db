"""What every provider's stand-in is to the server."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from urllib.parse import unquote_plus

from sandbox.carrier import Carrier
from sandbox.clock import Clock
from sandbox.effects import EffectLog
from sandbox.faults import Rule
from sandbox.memory import Memory
from sandbox.reports import Courier, Report, Reports


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came over the wire."""

    method: str
    path: str
    """Without the query."""
    raw_query: str
    """Still percent-encoded, as the client sent it."""
    headers: Mapping[str, str]
    """Names in lower case; values as sent, trimmed."""
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return decode_form(self.raw_query)

    @property
    def digest(self) -> str:
        """SHA-256 of query and body, hex."""
        return hashlib.sha256(self.raw_query.encode() + b"\x00" + self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the provider."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, content: object, headers: Mapping[str, str] | None = None) -> "Reply":
        body = json.dumps(content, ensure_ascii=False).encode()
        return cls(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


class Refusal(Exception):
    """The answer to a request that the provider will not fulfil. Raised before anything is sent."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Desk:
    """What a provider works with. Everything written is part of the transaction of the request."""

    clock: Clock
    memory: Memory
    carrier: Carrier
    log: EffectLog
    reports: Reports

    def owe(self, provider: str, name: object, reports: list[Report]) -> None:
        """Queue the reports that one message causes; `name` is its effect or whatever else is its own."""
        for report in reports:
            self.reports.owe(provider, str(name), report)


class Provider(Protocol):
    """One provider behind one port of the sandbox."""

    name: str

    @property
    def courier(self) -> Courier:
        """How its reports are pushed."""
        ...

    def action(self, call: Call) -> str:
        """The name of what is asked, for faults and effects; "unknown" when there is no such thing."""
        ...

    def handle(self, call: Call) -> Reply:
        """Verify and do what is asked, inside one transaction.

        Raises Refusal for everything that the provider would not do, CutShortError when the fault plan breaks
        it in the middle. In both cases what was remembered and sent until then is kept; any other exception
        undoes it.
        """
        ...

    def broken(self, status: int) -> Reply:
        """The provider's answer when it fails inside."""
        ...

    def throttled(self, rule: Rule) -> Reply:
        """The provider's answer to too many requests, with Retry-After."""
        ...

    def recipients(self, call: Call) -> int:
        """Between how many messages the provider may break; 0 = the request is done whole or not at all."""
        ...

    def expire_tokens(self) -> None:
        """Make every token handed out so far invalid."""
        ...


@runtime_checkable
class Acting(Protocol):
    """A provider whose people can be let act, other than in answer to a message."""

    def act(self, asked: Mapping[str, object]) -> None:
        """Let a person do something now, inside one transaction; the customer is told. Raises ActUnknownError."""
        ...


class ActUnknownError(ValueError):
    """The act cannot be done; the message says why."""


def decode_form(raw: str) -> dict[str, str]:
    """Decode a query or form body; of a repeated name the last counts."""
    pairs = (pair.partition("=") for pair in raw.split("&") if pair)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
