"""How changes are written into the changelog: a port, so that use cases know no wire format."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from identity.domain.bulk_rows import NewPersons
from identity.domain.person import Person
from identity.domain.record import ResolvedEvent
from identity.domain.settings import TenantSettings


class ChangeKind(StrEnum):
    """The kinds of changelog entries."""

    EVENT = "event"
    PERSON = "person"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a published person says that decides over messages to it; `time_zone` as stated, empty when nobody does."""

    time_zone: str = ""
    birth_date: dt.date | None = None
    no_profiling: bool = False


class Encoding(Protocol):
    """Deterministic: equal arguments give equal bytes."""

    def event(self, event: ResolvedEvent) -> bytes:
        """The payload of an event."""
        ...

    def person(self, person: Person) -> bytes:
        """The payload of a person without its version."""
        ...

    def new_persons(self, persons: NewPersons) -> list[bytes]:
        """`person` of each of many persons of one shape."""
        ...

    def traits(self, person: bytes) -> Traits:
        """What the payload of a person says of these; nothing of an empty one."""
        ...

    def versioned(self, person: bytes, version: int) -> bytes:
        """The payload of a person with its version."""
        ...

    def settings(self, settings: TenantSettings) -> bytes:
        """The payload of settings."""
        ...
