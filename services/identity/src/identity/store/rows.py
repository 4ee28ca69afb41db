"""What the ports take and give: frozen rows, times in microseconds since 1970."""

from dataclasses import dataclass, field
from typing import NamedTuple

from identity.domain.consents import Address
from identity.domain.groups import LinkKey
from identity.domain.linking import Standing
from identity.domain.person_ids import IdBlocks
from identity.store.linking_rows import Mark


@dataclass(frozen=True, slots=True)
class Counters:
    """A tenant's next numbers, and the version of its linking policy: 0 is the built-in one."""

    next_key_id: int = 1
    next_ingest_sequence: int = 1
    blocks: IdBlocks = field(default_factory=IdBlocks)
    policy_version: int = 0


class KnownRecord(NamedTuple):
    """What the ledger says of a record that came before."""

    digest: bytes
    anchor_key_id: int


class LedgerRow(NamedTuple):
    """A record as evidence; `key_ids` in the order they were stated, blocked ones included. `link_kind` is that of
    the record; bit n of `verified` says whether the n-th identifier was."""

    source: str
    record_id: str
    digest: bytes
    time_us: int
    anchor_key_id: int
    key_ids: tuple[int, ...]
    link_kind: int = 0
    verified: int = 0


class KeyRow(NamedTuple):
    """A key with what is derived of it: 0 is no person, no id born with it. `marks` are identity.store's Mark."""

    key_id: int
    namespace: str
    scope: str
    hash: bytes
    standing: Standing = Standing.LINKING
    person_id: int = 0
    born_person_id: int = 0
    marks: int = 0

    @property
    def placeholder(self) -> bool:
        """Whether it is one of the built-in placeholders: those have no evidence and no person."""
        return self.standing is Standing.BLOCKED and not self.marks & Mark.BLOCKED

    @property
    def derived(self) -> tuple[Standing, int, int]:
        """What linking says of it, beside its marks."""
        return self.standing, self.person_id, self.born_person_id

    def link_key(self) -> LinkKey:
        """What linking knows of it."""
        return LinkKey(self.key_id, self.namespace, self.scope, self.hash, bool(self.marks & Mark.BLOCKED))


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
