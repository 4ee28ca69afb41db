"""What the ports take and give: frozen rows, times in microseconds since 1970."""

from dataclasses import dataclass, field
from typing import NamedTuple

from identity.domain.consents import Address
from identity.domain.groups import LinkKey
from identity.domain.linking import Standing
from identity.domain.person_ids import IdBlocks


@dataclass(frozen=True, slots=True)
class Counters:
    """A tenant's next numbers."""

    next_key_id: int = 1
    next_ingest_sequence: int = 1
    blocks: IdBlocks = field(default_factory=IdBlocks)


class KnownRecord(NamedTuple):
    """What the ledger says of a record that came before."""

    digest: bytes
    anchor_key_id: int


class LedgerRow(NamedTuple):
    """A record as evidence; `key_ids` in the order they were stated, blocked ones included."""

    source: str
    record_id: str
    digest: bytes
    time_us: int
    anchor_key_id: int
    key_ids: tuple[int, ...]


class KeyRow(NamedTuple):
    """A key with what is derived of it: 0 is no person, no id born with it."""

    key_id: int
    namespace: str
    scope: str
    hash: bytes
    standing: Standing = Standing.LINKING
    person_id: int = 0
    born_person_id: int = 0

    def link_key(self) -> LinkKey:
        """What linking knows of it."""
        return LinkKey(self.key_id, self.namespace, self.scope, self.hash)


class EdgeRow(NamedTuple):
    """Two keys seen in one record: `low` < `high`; the first such record's source and time."""

    low: int
    high: int
    source: str
    time_us: int


class Sighting(NamedTuple):
    """When and how often one source stated a key."""

    key_id: int
    source: str
    first_us: int
    last_us: int
    records: int


class PersonRow(NamedTuple):
    """A person id: its birth, the id it stands for (0 = itself), and what was published of it, where and
    how.
    """

    person_id: int
    birth_key_id: int
    birth_hash: int
    redirect_person_id: int
    version: int
    lane: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class ContactPointRow:
    """An address stated at a key; `sealed` opens with the vault."""

    key_id: int
    address: Address
    sealed: bytes
    stated_us: int


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """Settings as JSON with their etag."""

    settings: str
    etag: str
