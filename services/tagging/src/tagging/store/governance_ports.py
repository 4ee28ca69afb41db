"""What the governance of tags needs of the store. The conventions are those of ports.py; writers hold the tenant's
lock (`Tenants.lock`), so that steps of one tenant take turns."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection
from tagging.domain.definition import TagDefinition
from tagging.domain.governance.categories import Category
from tagging.domain.governance.life import HistoryEntry, TagLife, TagState
from tagging.domain.governance.naming import NamingRules
from tagging.domain.governance.requests import RequestState, TagRequest
from tagging.domain.governance.uses import TagUse


class TagLives(Protocol):
    """Where each tag stands, with its draft; deleted ones until they are purged."""

    def get(self, connection: Connection, tenant: str, tag_id: str) -> TagLife | None: ...

    def of(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> dict[str, TagLife]:
        """By tag; tags without a life are left out."""
        ...

    def page(
        self, connection: Connection, tenant: str, states: Collection[TagState], after: str, limit: int
    ) -> list[TagLife]:
        """In order of tag_id, beyond `after`: whose state or whose draft's state is one of these; with none, all
        that are not deleted."""
        ...

    def names(self, connection: Connection, tenant: str) -> list[str]:
        """Every tag with a life, in order; for suggestions."""
        ...

    def retired(self, connection: Connection, tenant: str) -> dict[str, str]:
        """Retired tag -> its replacement, "" for none; deleted ones are left out."""
        ...

    def drafts(self, connection: Connection, tenant: str) -> dict[str, TagLife]:
        """Those with a draft, deleted ones left out, in order."""
        ...

    def put(self, connection: Connection, tenant: str, lives: Collection[TagLife]) -> None:
        """Stores lives whole, new ones included."""
        ...

    def expired(self, connection: Connection, before: dt.datetime, limit: int) -> list[tuple[str, TagLife]]:
        """(tenant, life) of those deleted before then, the oldest first."""
        ...

    def remove(self, connection: Connection, tenant: str, tag_id: str) -> None:
        """The life and the draft."""
        ...


@dataclass(frozen=True, slots=True)
class TagVersion:
    """A definition that is or was in force; `reviewer` "": no review."""

    tag_id: str
    version: int
    definition: TagDefinition
    start_time: dt.datetime
    subject: str
    reviewer: str = ""


class TagVersions(Protocol):
    """The versions of every tag."""

    def get(self, connection: Connection, tenant: str, tag_id: str, version: int) -> TagVersion | None: ...

    def page(
        self, connection: Connection, tenant: str, tag_id: str, below: int | None, limit: int
    ) -> list[TagVersion]:
        """Newest first, of numbers below `below`."""
        ...

    def put(self, connection: Connection, tenant: str, version: TagVersion) -> None:
        """A new version; one that exists gets the definition and keeps the rest."""
        ...

    def remove(self, connection: Connection, tenant: str, tag_id: str) -> None:
        """All of a tag."""
        ...


class GovernanceHistory(Protocol):
    """Every step, append-only: no entry is ever changed or removed."""

    def append(self, connection: Connection, tenant: str, entries: Sequence[HistoryEntry]) -> None:
        """In order; each gets the tenant's next number."""
        ...

    def page(
        self, connection: Connection, tenant: str, tag_id: str, tag_request_id: str, after: int, limit: int
    ) -> list[HistoryEntry]:
        """Oldest first, of numbers above `after`. Of a tag: its own steps and all of the requests that it goes back
        to. "" is any."""
        ...


class TagRequests(Protocol):
    """Wishes for tags."""

    def get(self, connection: Connection, tenant: str, tag_request_id: str) -> TagRequest | None: ...

    def page(
        self,
        connection: Connection,
        tenant: str,
        states: Collection[RequestState],
        requester: str,
        before: int | None,
        limit: int,
    ) -> list[TagRequest]:
        """Newest first, of a sequence below `before`; no states are all, "" is any requester."""
        ...

    def open_count(self, connection: Connection, tenant: str) -> int: ...

    def next_sequence(self, connection: Connection, tenant: str) -> int: ...

    def put(self, connection: Connection, tenant: str, request: TagRequest) -> None:
        """Stores it whole, a new one included."""
        ...


class Categories(Protocol):
    """The tree of a tenant."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Category]:
        """By path, in order."""
        ...

    def put(self, connection: Connection, tenant: str, categories: Collection[Category]) -> None: ...

    def remove(self, connection: Connection, tenant: str, paths: Collection[str]) -> None: ...


class NamingRuleStore(Protocol):
    """One set of rules per tenant."""

    def get(self, connection: Connection, tenant: str) -> NamingRules:
        """Empty at first."""
        ...

    def put(self, connection: Connection, tenant: str, rules: NamingRules) -> None: ...


class TagUses(Protocol):
    """What consumers reported."""

    def all(self, connection: Connection, tenant: str) -> list[TagUse]:
        """Of every consumer, in order of consumer, kind and name."""
        ...

    def replace(self, connection: Connection, tenant: str, consumer: str, uses: Collection[TagUse]) -> None:
        """All that the consumer uses."""
        ...


class EventSources(Protocol):
    """Which systems send which events."""

    def of(self, connection: Connection, tenant: str, types: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Type -> sources: those of the latest EVENTS_LOOKED_AT events of the tenant, and of all before whose
        properties were surveyed, also of a source that is silent now."""
        ...


EVENTS_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class GovernanceStores:
    """The stores of governance, together."""

    lives: TagLives
    versions: TagVersions
    history: GovernanceHistory
    requests: TagRequests
    categories: Categories
    naming: NamingRuleStore
    uses: TagUses
    sources: EventSources
