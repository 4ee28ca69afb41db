"""What keeping, erasing and proving ask of a store; contracts as in ports.py: bound to one transaction, blocking, a
tenant never sees another's rows. Kms alone is bound to nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from identity.domain.audit_chain import AuditRow, ChainedRow, ChainEnd
from identity.domain.consents import Address
from identity.store.privacy_rows import ErasureRow, JournalledErasure, Removed, Scrubbed


class Kms(Protocol):
    """Holds the keys that texts are sealed with. Pure: equal arguments give equal bytes. A key management service
    implements it with its keyed hashes (generate MAC), so that its own keys never leave it."""

    @property
    def newest(self) -> int:
        """The id of the key that new texts are sealed with."""
        ...

    @property
    def key_ids(self) -> tuple[int, ...]:
        """The ids of all keys, 1 to 65,535, ascending."""
        ...

    def sealing_key(self, key_id: int, tenant: str) -> bytes:
        """32 bytes; differ by key and tenant. Raises KeyMissing."""
        ...

    def check(self, key_id: int) -> bytes:
        """16 bytes that tell a key from another and nothing else of it. Raises KeyMissing."""
        ...


class Audit(Protocol):
    """Who saw or changed personal data: only grows, one chain per tenant (domain/audit_chain.py)."""

    def add(self, tenant: str, row: AuditRow) -> ChainedRow:
        """Adds a row at the chain's end. Writers of a tenant take turns until their transactions end."""
        ...

    def end(self, tenant: str) -> ChainEnd:
        """The chain's end as it is kept beside the rows."""
        ...

    def page(
        self,
        tenant: str,
        after: int,
        limit: int,
        *,
        action: str = "",
        subject: str = "",
        person_ids: Collection[int] = (),
    ) -> Sequence[ChainedRow]:
        """Rows with a higher sequence, ascending; only those of an action, a subject and about any of some persons when
        given: that reads the whole chain."""
        ...


class Erasures(Protocol):
    """Persons who were erased, and the tombstones of what they were known by."""

    def last(self, tenant: str) -> int:
        """The highest erasure id, 0 for none. Grows with every erasure of the tenant."""
        ...

    def add(self, tenant: str, row: ErasureRow, tombstones: Iterable[bytes]) -> None:
        """Adds an erasure; a tombstone that stands already stays."""
        ...

    def update(self, tenant: str, row: ErasureRow) -> None:
        """Replaces an erasure's row."""
        ...

    def get(self, tenant: str, erasure_id: int) -> ErasureRow | None:
        """An erasure, None when there is none."""
        ...

    def of_person(self, tenant: str, person_id: int) -> ErasureRow | None:
        """The erasure of a person id, ids that stood for the person included; None when it was not erased."""
        ...

    def page(self, tenant: str, after: int, limit: int) -> Sequence[ErasureRow]:
        """Erasures with a higher id, ascending."""
        ...

    def unscrubbed(self, limit: int) -> Sequence[tuple[str, ErasureRow]]:
        """Erasures of all tenants whose `scrubbed_us` is 0, by tenant and id."""
        ...

    def tombstoned(self, tenant: str, tombstones: Collection[bytes]) -> set[bytes]:
        """Those of the tombstones that stand."""
        ...

    def tombstones(self, tenant: str, erasure_id: int) -> Sequence[bytes]:
        """The tombstones of an erasure, ascending."""
        ...

    def confirm(self, tenant: str, erasure_id: int, service: str, time_us: int) -> None:
        """Stores that a service has erased what it holds; the first time stays."""
        ...

    def confirmations(self, tenant: str, erasure_ids: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        """When each service confirmed, by erasure; those without any are left out."""
        ...

    def unconfirmed(
        self, service: str, after: tuple[str, int], limit: int
    ) -> Sequence[tuple[str, ErasureRow]]:
        """Erasures of all tenants that a service has not confirmed, behind a tenant and id, by tenant and id."""
        ...


class Forgetting(Protocol):
    """Removes what is kept of keys, wherever it is."""

    def remove(self, tenant: str, key_ids: Collection[int], own: Collection[Address]) -> Removed:
        """Removes the keys themselves, their evidence, attributes and contact points, and the consents at their
        addresses, stated at them or `own` (what they are themselves), that no other key states."""
        ...

    def clear_persons(self, tenant: str, person_ids: Collection[int]) -> None:
        """Leaves of those ids that they were born and nothing else: no redirect, no keyed hash."""
        ...

    def scrub(
        self, tenant: str, key_ids: Collection[int], person_ids: Collection[int], place: str
    ) -> Scrubbed:
        """Looks at the next part of what only a scan finds (the ledger, the changelog), from `place` on ("" for the
        beginning), and removes records and entries that speak of the keys or persons, but for a person's last entry."""
        ...


class Journal(Protocol):
    """Erasures kept apart from the store: what a store that was put back from a backup compares itself with. Bound to
    no transaction."""

    def append(self, erasures: Sequence[JournalledErasure]) -> None:
        """Returns when they will survive a power cut."""
        ...

    def read(self) -> Sequence[JournalledErasure]:
        """Every erasure, the first written first. Raises JournalDamaged."""
        ...
