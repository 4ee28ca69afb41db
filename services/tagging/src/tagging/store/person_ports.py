"""What keeps files of who lives, and whose each key is. The conventions are those of ports.py."""

from typing import NamedTuple, Protocol

from sqlalchemy import Connection
from tagging.store.ports import LivingPersons, PersonIds


class HeldPersons(NamedTuple):
    """As of one snapshot. `change`: of the last statement in it; `may_object`: whose attributes name the objection, yes
    or no, ascending; `owners`: by key the person, 0 for none."""

    change: int
    persons: LivingPersons
    may_object: PersonIds
    owners: PersonIds


class PersonCopies(Protocol):
    """Files that hold everybody as of one moment. Those that take no connection block."""

    def due(self, connection: Connection, tenant: str, least_persons: int) -> bool:
        """Whether files are worth writing, of so many ids at least."""
        ...

    def held(self, connection: Connection, tenant: str) -> HeldPersons:
        """Everybody, as of the connection's snapshot."""
        ...

    def write(self, tenant: str, held: HeldPersons) -> str:
        """Writes and syncs files, and returns their name; nothing refers to it yet."""
        ...

    def name(self, connection: Connection, tenant: str, name: str, change: int) -> None:
        """Makes files count that hold everything up to a change."""
        ...

    def sweep(self, tenant: str, kept: str = "") -> None:
        """Removes, durably, all files of a tenant but those of a name. Not while some are written."""
        ...
