"""What portraits need of stores. Templates follow the conventions of ports.py; hot copies are no store: they may be
gone at any moment, and nothing but speed goes with them.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection
from tagging.domain.class_profile import ClassProfile
from tagging.domain.portrait_template import PortraitTemplate


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """`profile` is the one that was frozen last, whether it is of this very class and these tags or not."""

    template: PortraitTemplate
    update_time: dt.datetime
    profile: ClassProfile | None = None


class PortraitTemplates(Protocol):
    """Templates, and what is typical of their classes."""

    def all(self, connection: Connection, tenant: str) -> dict[str, StoredTemplate]:
        """In order of template_id."""
        ...

    def get(self, connection: Connection, tenant: str, template_id: str) -> StoredTemplate | None: ...

    def put(self, connection: Connection, tenant: str, template: PortraitTemplate, now: dt.datetime) -> None:
        """Stores it whole; the profile stays."""
        ...

    def delete(self, connection: Connection, tenant: str, template_id: str) -> bool:
        """With its profile; whether there was one. Idempotent."""
        ...

    def put_profile(
        self, connection: Connection, tenant: str, template_id: str, profile: ClassProfile
    ) -> None: ...

    def tenants(self, connection: Connection) -> list[str]:
        """Those with templates, in order."""
        ...


class CopySecrets(Protocol):
    """The secret that hot copies outside of this process are sealed with; all processes of a store share it."""

    def secret(self, connection: Connection) -> bytes | None:
        """32 bytes; None before the first was kept."""
        ...

    def keep(self, connection: Connection, secret: bytes) -> None:
        """Keeps the first; a later one changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Version:
    """The head of the changelog in the snapshot that a copy was read in."""

    epoch: str
    position: int


@dataclass(frozen=True, slots=True)
class HotCopy:
    """An encoded answer about one person as of a version."""

    version: Version
    payload: bytes


class CopiesUnavailable(Exception):
    """The place of the copies cannot be reached; the text names no copy."""


class HotCopies(Protocol):
    """Copies by tenant, person and shape (what was asked for, as 16 bytes): whatever was put last, or nothing.

    Whether a copy still holds is for the caller to tell by its version; an adapter may forget any copy at any time, and
    never alters one. Nothing blocks the event loop.
    """

    async def get(self, tenant: str, person_ids: Collection[int], shape: bytes) -> dict[int, HotCopy]:
        """person id -> its copy, for those that there is one of. Raises CopiesUnavailable."""
        ...

    async def put(self, tenant: str, shape: bytes, copies: Mapping[int, HotCopy]) -> None:
        """Raises CopiesUnavailable."""
        ...

    async def drop(self, tenant: str, person_ids: Collection[int]) -> None:
        """Forgets every copy of these persons. Raises CopiesUnavailable."""
        ...

    async def close(self) -> None:
        """Lets go of connections; the copies may outlive it."""
        ...


class NearCopies(Protocol):
    """Copies in this process: some that HotCopies gives, at once."""

    def one(self, tenant: str, person_id: int, shape: bytes) -> HotCopy | None: ...
