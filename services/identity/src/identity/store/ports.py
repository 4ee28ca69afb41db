"""What the use cases need of a store. Every port is bound to one transaction: what it writes becomes visible
with the commit and vanishes with a rollback. All calls block; all are batches, empty ones included. Numbers
of parameters are not limited by the caller. A tenant never sees another's rows.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from servicekit.changelog import Entry, Head, StoredEntry
from servicekit.revision import Lane, Revision

from identity.domain.attributes import AttributeStatement
from identity.domain.consents import Address, Channel, Consent
from identity.domain.evidence import Evidence
from identity.domain.record import Identifier, StatedAddress
from identity.store.bulk_ports import BulkRows, Imports
from identity.store.column_ports import LinkingColumns
from identity.store.linking_ports import Conflicts, Marks, Merges, Operations, Policies, ProbableLinks
from identity.store.matching.ports import MatchStores
from identity.store.privacy_ports import Audit, Erasures, Forgetting
from identity.store.rows import (
    ContactPointRow,
    Counters,
    KeyRow,
    KnownRecord,
    LedgerRow,
    PersonRow,
    Sighting,
    StoredSettings,
)

RecordKey = tuple[str, str]
"""(source, record_id)"""
Pair = tuple[int, int]
"""Two keys: (low, high) with low < high."""


class Tenants(Protocol):
    """The tenants and their counters."""

    def lock(self, tenant: str, epoch: str) -> Counters:
        """The counters, after making this transaction the tenant's only writer until it ends.

        A tenant seen for the first time starts at 1. When the store's epoch has changed since the last call
        (a restore), the open id blocks are abandoned. Waits for other writers, bounded by the store's lock
        time-out.
        """
        ...

    def save(self, tenant: str, counters: Counters) -> None:
        """Stores the counters of a locked tenant."""
        ...

    def all(self) -> Sequence[str]:
        """Every tenant, in order of name."""
        ...


class Ledger(Protocol):
    """The records that entered: only grows."""

    def known(self, tenant: str, records: Collection[RecordKey]) -> Mapping[RecordKey, KnownRecord]:
        """Those of the given records that are in the ledger."""
        ...

    def add(self, tenant: str, rows: Iterable[LedgerRow]) -> None:
        """Adds records that are not in the ledger."""
        ...


class Keys(Protocol):
    """Identifiers and what is derived of them."""

    def find(self, tenant: str, hashes: Collection[bytes]) -> Mapping[bytes, int]:
        """The key ids of those hashes that have one."""
        ...

    def rows(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, KeyRow]:
        """The rows of those keys that exist."""
        ...

    def of_persons(self, tenant: str, person_ids: Collection[int]) -> Mapping[int, Sequence[KeyRow]]:
        """The keys of each person, ascending; persons without keys are left out."""
        ...

    def add(self, tenant: str, rows: Iterable[tuple[KeyRow, bytes]]) -> None:
        """Adds new keys, each with its sealed identifier."""
        ...

    def update(self, tenant: str, rows: Iterable[KeyRow]) -> None:
        """Stores standing, person and born person of existing keys."""
        ...

    def sealed(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, bytes]:
        """The sealed identifiers of keys."""
        ...


class Edges(Protocol):
    """What is known of two keys together; built-in placeholders have no edges."""

    def between(self, tenant: str, pairs: Collection[Pair]) -> Mapping[Pair, Evidence]:
        """The evidence of those pairs that are stored, sources included."""
        ...

    def stars(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, Mapping[int, Evidence]]:
        """The evidence of each key by the other key, sources left out; keys seen alone are left out."""
        ...

    def save(self, tenant: str, edges: Mapping[Pair, Evidence], new: Collection[Pair]) -> None:
        """Inserts the pairs that are `new` and replaces the evidence of the others."""
        ...


class Sightings(Protocol):
    """When and by whom keys were stated."""

    def observe(self, tenant: str, sightings: Iterable[Sighting]) -> None:
        """Widens the stored times and adds to the counts; at most one row per key and source."""
        ...

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Sequence[Sighting]:
        """By key, then source."""
        ...


class Persons(Protocol):
    """Every person id ever born."""

    def rows(self, tenant: str, person_ids: Collection[int]) -> Mapping[int, PersonRow]:
        """The rows of those ids that exist."""
        ...

    def save(self, tenant: str, rows: Iterable[PersonRow]) -> None:
        """Inserts or replaces rows by person id; a birth never changes."""
        ...

    def redirecting_to(self, tenant: str, person_id: int) -> Sequence[int]:
        """The ids that stand for this one, ascending."""
        ...

    def merged_birth_keys(self, tenant: str, person_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
        """The birth keys of the ids that stand for each of these, ascending; who has none is left out."""
        ...

    def latest_version(self, tenant: str, person_ids: Collection[int], lane: Lane) -> int:
        """The highest version among those of the persons that were published in this lane last; 0 for
        none.
        """
        ...

    def page(self, tenant: str, after: int, limit: int) -> Sequence[PersonRow]:
        """Rows with a higher person id, ascending."""
        ...


class Attributes(Protocol):
    """What sources say about persons, kept at keys."""

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, Sequence[AttributeStatement]]:
        """The statements at each key; keys without any are left out."""
        ...

    def save(self, tenant: str, statements: Iterable[tuple[int, AttributeStatement]]) -> None:
        """Inserts or replaces by key, name and source."""
        ...


class ContactPoints(Protocol):
    """Addresses, kept at keys."""

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Mapping[int, Sequence[ContactPointRow]]:
        """The addresses at each key; keys without any are left out."""
        ...

    def keys_at(self, tenant: str, addresses: Collection[Address]) -> set[int]:
        """The keys at which any of the addresses is stated."""
        ...

    def save(self, tenant: str, rows: Iterable[ContactPointRow]) -> None:
        """Inserts or replaces by key and address."""
        ...


class Consents(Protocol):
    """Permissions given and taken back, kept at addresses: only grows."""

    def at(self, tenant: str, addresses: Collection[Address]) -> Mapping[Address, Sequence[Consent]]:
        """Every statement at each address; addresses without any are left out."""
        ...

    def add(self, tenant: str, statements: Iterable[tuple[RecordKey, Consent]]) -> None:
        """Adds statements, each with the record that made it; one that is stored already stays."""
        ...


class Settings(Protocol):
    """The tenants' settings."""

    def get(self, tenant: str) -> StoredSettings | None:
        """The stored settings, None when there are none."""
        ...

    def put(self, tenant: str, settings: StoredSettings) -> None:
        """Stores them."""
        ...


class Acknowledgements(Protocol):
    """How far consumers have stored the changes."""

    def advance(self, consumer: str, through: Revision) -> None:
        """Stores the greater of what is stored and `through`, per lane; a new epoch starts over."""
        ...

    def get(self, consumer: str) -> Revision | None:
        """What is stored, None for nothing."""
        ...


class Changes(Protocol):
    """The changelog (servicekit.changelog) of this transaction."""

    def head(self) -> Head:
        """The end of the changelog."""
        ...

    def append(self, lane: Lane, entries: Sequence[Entry]) -> Revision:
        """Appends any number of entries; called once and last, but for rows that need the entries' positions."""
        ...

    def kept(self, kind: str, tenant: str) -> Iterator[StoredEntry]:
        """Every entry of a kind and tenant that is still kept, in order of position."""
        ...


@dataclass(frozen=True)
class Stores:
    """The ports of one transaction."""

    tenants: Tenants
    ledger: Ledger
    keys: Keys
    edges: Edges
    marks: Marks
    conflicts: Conflicts
    operations: Operations
    probable_links: ProbableLinks
    merges: Merges
    columns: LinkingColumns
    matching: MatchStores
    policies: Policies
    sightings: Sightings
    persons: Persons
    attributes: Attributes
    contact_points: ContactPoints
    consents: Consents
    settings: Settings
    audit: Audit
    erasures: Erasures
    forgetting: Forgetting
    acknowledgements: Acknowledgements
    imports: Imports
    bulk_rows: BulkRows
    changes: Changes


class Vault(Protocol):
    """Keyed hashes and sealed texts under keys derived per tenant and purpose. Pure but for sealing's
    nonce.
    """

    def identifier_hash(self, tenant: str, identifier: Identifier) -> bytes:
        """16 bytes; equal for equal namespace, scope and normal form."""
        ...

    def identifier_hashes(
        self, tenant: str, namespace: str, scope: str, values: Sequence[str | None]
    ) -> list[bytes | None]:
        """`identifier_hash` of each value of a column; None for None."""
        ...

    def address_hashes(
        self, tenant: str, channel: Channel, scope: str, addresses: Sequence[str | None]
    ) -> list[bytes | None]:
        """`address_hash` of each address of a column; None for None."""
        ...

    def address_hash(self, tenant: str, address: StatedAddress) -> bytes:
        """16 bytes; equal for equal channel, scope and address."""
        ...

    def birth_hash(self, tenant: str, identifier_hash: bytes) -> int:
        """64 bits, unsigned."""
        ...

    def birth_hashes(self, tenant: str, identifier_hashes: Sequence[bytes]) -> list[int]:
        """`birth_hash` of each hash of a column."""
        ...

    def seal_column(
        self, tenant: str, texts: Sequence[str | None], bound_to: Sequence[bytes | None]
    ) -> list[bytes | None]:
        """`seal` of each text of a column; None where either is None."""
        ...

    def seal(self, tenant: str, text: str, bound_to: bytes) -> bytes:
        """An authenticated ciphertext that opens only with the same `bound_to`."""
        ...

    def open(self, tenant: str, sealed: bytes, bound_to: bytes) -> str:
        """The sealed text. Raises VaultDamaged when the key or the ciphertext is not the one it was sealed
        with, KeyMissing when the key is not there any more.
        """
        ...

    def seal_bytes(self, tenant: str, content: bytes, bound_to: bytes) -> bytes:
        """As `seal`, of bytes."""
        ...

    def open_bytes(self, tenant: str, sealed: bytes, bound_to: bytes) -> bytes:
        """As `open`, of bytes."""
        ...

    @property
    def newest_key_id(self) -> int:
        """The key that `seal` uses."""
        ...

    def key_id_of(self, sealed: bytes) -> int:
        """The key that a text was sealed with. Raises VaultDamaged."""
        ...

    def is_sealed(self, content: bytes) -> bool:
        """Whether bytes are sealed rather than an encoded value (no value's encoding begins like a sealed one)."""
        ...

    def tombstone(self, tenant: str, hash_: bytes) -> bytes:
        """16 bytes for the hash of an identifier or address; says nothing of the hash without the secret."""
        ...
