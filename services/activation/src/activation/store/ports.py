"""What the use cases need of the store. Every method takes the connection of the caller's transaction; times are the
suite's unless a name says machine. Rows that a method changes are locked until the transaction ends."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from activation.domain.campaign import Campaign, State
from activation.domain.delivery import Delivery, DeliveryState
from activation.domain.ledger import Batch, BatchState, Claim, Held, Move, Planned, Report, Step
from sqlalchemy import Connection


class CampaignStore(Protocol):
    """Campaigns by (tenant, campaign_id)."""

    def get(
        self, connection: Connection, tenant: str, campaign_id: str, *, lock: bool = False
    ) -> Campaign | None:
        """One campaign; `lock` keeps it from changing until the transaction ends."""
        ...

    def page(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Campaign]:
        """In order of campaign_id, after one."""
        ...

    def in_state(self, connection: Connection, states: Collection[State]) -> list[Campaign]:
        """Of all tenants, oldest start first."""
        ...

    def add(self, connection: Connection, campaign: Campaign, sealed_key: bytes) -> None:
        """Stores a new campaign with its sealed key."""
        ...

    def put(self, connection: Connection, campaign: Campaign) -> None:
        """Replaces a stored campaign; the key stays."""
        ...

    def key(self, connection: Connection, tenant: str, campaign_id: str) -> bytes | None:
        """The sealed key; None once it is destroyed."""
        ...

    def tenants(self, connection: Connection) -> list[str]:
        """Every tenant that has a campaign."""
        ...

    def destroy_key(self, connection: Connection, tenant: str, campaign_id: str) -> None:
        """Makes every request built for the campaign unreadable for good, and drops them."""
        ...


class DeliveryLedger(Protocol):
    """The rows. Every move writes a step of history in the same transaction, claims excepted."""

    def plan(
        self, connection: Connection, campaign: Campaign, members: Sequence[Planned], now: dt.datetime
    ) -> int:
        """Adds a row per member, HOLDOUT or READY; a member that has one keeps it. Returns how many are new."""
        ...

    def claim(
        self, connection: Connection, account: str, limit: int, now: dt.datetime, lease_until_ms: int
    ) -> list[Claim]:
        """Takes rows that are due, of one running campaign of the account, and raises their fences. Rows that another
        transaction holds are passed over. `lease_until_ms` is machine time. Rows marked alone come alone."""
        ...

    def release_expired(self, connection: Connection, machine_ms: int, now: dt.datetime) -> int:
        """Gives back claims whose lease has ended: nothing of them was sent. Returns how many."""
        ...

    def assign(
        self, connection: Connection, claims: Mapping[str, tuple[str, int]], tenant: str
    ) -> frozenset[str]:
        """Sets (dest_hash, birth_key_id) of claimed rows; returns those whose address another row of the same campaign
        has, which stay without."""
        ...

    def held(self, connection: Connection, tenant: str, delivery_ids: Collection[str]) -> dict[str, Held]:
        """The rows as they are, locked."""
        ...

    def of_batch(self, connection: Connection, batch_id: str) -> dict[str, Held]:
        """The rows of a batch, locked, by delivery_id."""
        ...

    def find(
        self, connection: Connection, account: str, key: str, message_id: str, dest_hashes: Mapping[str, str]
    ) -> list[tuple[str, Held]]:
        """(tenant, row) that a receipt is about: of the batch with this key, or with this message id, and with the
        address hash of its tenant in `dest_hashes`."""
        ...

    def submit(
        self,
        connection: Connection,
        tenant: str,
        delivery_ids: Sequence[str],
        batch_id: str,
        now: dt.datetime,
    ) -> None:
        """Writes rows down as being sent, in a batch; counts the attempt."""
        ...

    def move(self, connection: Connection, tenant: str, moves: Sequence[Move], now: dt.datetime) -> None:
        """Changes rows that the transaction holds."""
        ...

    def clicked(self, connection: Connection, tenant: str, delivery_id: str, now: dt.datetime) -> None:
        """Notes the first click."""
        ...

    def expire(
        self, connection: Connection, campaign: Campaign, state: DeliveryState, now: dt.datetime
    ) -> int:
        """Moves every unsent row of a campaign to EXPIRED or CANCELLED. Returns how many."""
        ...

    def silent(
        self, connection: Connection, account: str, accepted_before: dt.datetime, limit: int
    ) -> list[tuple[str, Held]]:
        """(tenant, row) of accepted rows that no receipt came for, locked."""
        ...

    def open_counts(self, connection: Connection, tenant: str, campaign_id: str) -> tuple[int, int]:
        """(rows that are still to be sent or in a worker's hands, rows that are not terminal)."""
        ...

    def report(self, connection: Connection, tenant: str, campaign_id: str) -> Report:
        """Counts a campaign's rows."""
        ...

    def page(
        self,
        connection: Connection,
        tenant: str,
        campaign_id: str,
        state: DeliveryState | None,
        after_person_id: int,
        limit: int,
    ) -> list[Delivery]:
        """Rows in order of person_id."""
        ...

    def history(
        self, connection: Connection, tenant: str, campaign_id: str, person_id: int
    ) -> tuple[Delivery, list[Step]] | None:
        """A person's row with its steps, oldest first; None when there is none."""
        ...


class BatchStore(Protocol):
    """Requests to providers."""

    def add(self, connection: Connection, batch: Batch) -> None:
        """Stores a batch before it is sent."""
        ...

    def get(self, connection: Connection, batch_id: str) -> Batch | None:
        """One batch, locked."""
        ...

    def put(self, connection: Connection, batch: Batch) -> None:
        """Replaces a stored batch."""
        ...

    def overdue(self, connection: Connection, machine_ms: int, limit: int) -> list[Batch]:
        """SUBMITTING batches past their deadline."""
        ...

    def to_resolve(self, connection: Connection, now: dt.datetime, limit: int) -> list[Batch]:
        """UNKNOWN batches whose next look is due, of all accounts."""
        ...

    def count(self, connection: Connection, state: BatchState) -> int:
        """How many batches are in a state."""
        ...


@dataclass(frozen=True, slots=True)
class StoredCallback:
    """A callback as it came, sealed."""

    receipt_id: str
    account: str
    received_at: dt.datetime
    sealed: bytes = field(repr=False)
    tries: int = 0


class ReceiptInbox(Protocol):
    """Callbacks that wait to be applied, and what was applied."""

    def add(self, connection: Connection, callback: StoredCallback) -> None:
        """Stores a callback before the provider is answered."""
        ...

    def due(self, connection: Connection, now: dt.datetime, limit: int) -> list[StoredCallback]:
        """Callbacks to apply, oldest first, locked; those that another transaction holds are passed over."""
        ...

    def done(self, connection: Connection, receipt_id: str) -> None:
        """Removes an applied callback."""
        ...

    def later(self, connection: Connection, receipt_id: str, next_try: dt.datetime) -> None:
        """Puts a callback off: what it is about is not known yet."""
        ...

    def first(self, connection: Connection, account: str, dedupe_key: str, now: dt.datetime) -> bool:
        """Notes that a receipt is applied; false when it was before."""
        ...


class Outbox(Protocol):
    """Records on their way to identity, sealed."""

    def add(self, connection: Connection, tenant: str, sealed_records: Sequence[bytes]) -> None:
        """Stores records in the transaction that they follow from."""
        ...

    def oldest(self, connection: Connection, limit: int) -> list[tuple[int, str, bytes]]:
        """(number, tenant, sealed record), oldest first."""
        ...

    def remove(self, connection: Connection, numbers: Sequence[int]) -> None:
        """Removes records that identity has acknowledged."""
        ...

    def count(self, connection: Connection) -> int:
        """How many wait."""
        ...


class KeyMaker(Protocol):
    """Seals personal data. `about` binds what is sealed to its place: it opens nowhere else."""

    def seal(self, plain: bytes, about: str) -> bytes:
        """Under the service's own key."""
        ...

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises an error when it was sealed under another secret or is damaged."""
        ...

    def new_campaign_key(self, about: str) -> bytes:
        """A fresh key, sealed."""
        ...

    def seal_under(self, sealed_key: bytes, plain: bytes, about: str) -> bytes:
        """Under a campaign's key."""
        ...

    def open_under(self, sealed_key: bytes, sealed: bytes, about: str) -> bytes:
        """Raises an error as `open` does."""
        ...

    def address_hash(self, tenant: str, channel: str, address: str) -> str:
        """Equal for equal addresses of a tenant and channel; of no use elsewhere."""
        ...


class TokenBucket(Protocol):
    """Calls per second of an account, shared by all workers on the store."""

    def take(self, connection: Connection, account: str, per_second: int, machine_ms: int) -> int:
        """Takes one call; returns 0 when it may go now, else after how many milliseconds to ask again. A restart never
        refills it."""
        ...
