"""What the use cases need of the store. Every method takes the connection of the caller's transaction; times are the
suite's unless a name says machine. Rows that a method changes are locked until the transaction ends."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from activation.domain.campaign import Campaign, Draft, State
from activation.domain.delivery import Delivery, DeliveryState
from activation.domain.ledger import (
    Batch,
    Claim,
    Counted,
    Decided,
    Held,
    Move,
    Planned,
    Report,
    Step,
    Waiting,
)
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

    def sending(self, connection: Connection, account: str) -> list[Campaign]:
        """Campaigns of the account whose rows may be submitted, of all tenants, oldest start first."""
        ...

    def under_way(self, connection: Connection) -> list[Campaign]:
        """Started or ended campaigns whose key is not destroyed: some row may not be terminal."""
        ...

    def add(self, connection: Connection, campaign: Campaign, sealed_key: bytes) -> bool:
        """Stores a new campaign with its sealed key; false when there is one with its id, which stays as it is."""
        ...

    def put(self, connection: Connection, campaign: Campaign) -> None:
        """Replaces a stored campaign; the key stays."""
        ...

    def drafts(self, connection: Connection, tenant: str, campaign_ids: Collection[str]) -> dict[str, Draft]:
        """What was stated of these campaigns; who is none of the tenant's is left out."""
        ...

    def key(self, connection: Connection, tenant: str, campaign_id: str) -> bytes | None:
        """The sealed key; None once it is destroyed."""
        ...

    def tenants(self, connection: Connection, account: str) -> list[str]:
        """Every tenant that has a campaign on the account."""
        ...

    def every_tenant(self, connection: Connection) -> list[str]:
        """Every tenant that ever had a campaign, in order."""
        ...

    def destroy_key(self, connection: Connection, tenant: str, campaign_id: str) -> None:
        """Makes every request built for the campaign unreadable for good, and drops them."""
        ...


class DeliveryLedger(Protocol):
    """The rows. Every move writes a step of history in the same transaction; a claim and its release leave none."""

    def plan(
        self, connection: Connection, campaign: Campaign, members: Sequence[Planned], now: dt.datetime
    ) -> int:
        """Adds a row per member, HOLDOUT or READY; a member that has one keeps it. Returns how many are new."""
        ...

    def settle(self, connection: Connection) -> None:
        """Lets the database know what it holds once many rows are new, so that it finds them by its indexes from the
        first claim on."""
        ...

    def any_due(self, connection: Connection, campaign: Campaign, now: dt.datetime) -> bool:
        """Whether a claim would take a row."""
        ...

    def claim(
        self, connection: Connection, campaign: Campaign, limit: int, now: dt.datetime, lease_until_ms: int
    ) -> list[Claim]:
        """Takes rows that are due, those that wait for another try first, and raises their fences; they count for
        nobody until they are decided. Rows that another transaction holds are passed over. `lease_until_ms` is machine
        time."""
        ...

    def release(self, connection: Connection, tenant: str, claims: Sequence[Claim], due: dt.datetime) -> None:
        """Gives back those of the claims that still hold: nothing of them was sent."""
        ...

    def release_expired(
        self, connection: Connection, campaign: Campaign, machine_ms: int, now: dt.datetime
    ) -> int:
        """Gives back claims whose lease has ended. Returns how many."""
        ...

    def holders(
        self, connection: Connection, campaign: Campaign, dest_hashes: Collection[str]
    ) -> dict[str, str]:
        """The campaign's rows, by address, that have one of these addresses. Hold the campaign's lock."""
        ...

    def counted(
        self, connection: Connection, tenant: str, birth_key_ids: Collection[int], since: dt.date
    ) -> list[Counted]:
        """Rows of all campaigns that count for the persons with these birth keys and a day from `since` on: those that
        may be or may have been sent. Hold the tenant's gate, so that none is added meanwhile."""
        ...

    def waiting(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int],
        campaign_ids: Collection[str],
        before: dt.datetime,
    ) -> list[Waiting]:
        """Rows of these campaigns, planned for these persons and due before a moment, that no decision lets through
        yet."""
        ...

    def decide(self, connection: Connection, tenant: str, decisions: Sequence[Decided]) -> None:
        """Stores decisions about claimed rows, each once. An address must not be another row's of the campaign; a row
        counts from now on when its decision has a day."""
        ...

    def held(self, connection: Connection, tenant: str, delivery_ids: Collection[str]) -> dict[str, Held]:
        """The rows as they are, locked."""
        ...

    def of_batch(self, connection: Connection, batch_id: str) -> dict[str, Held]:
        """The rows of a batch, locked, by delivery_id."""
        ...

    def owner(self, connection: Connection, account: str, key: str, message_id: str) -> str | None:
        """The tenant whose batch has this key or whose row has this message id; None when no row is known to."""
        ...

    def sent(
        self,
        connection: Connection,
        tenant: str,
        account: str,
        ref: tuple[str, str],
        dest_hashes: Collection[str],
    ) -> dict[str, Held]:
        """Rows by dest_hash, locked: of the batch with the key, or with the message id; `ref` is (key, message id)."""
        ...

    def of_message(self, connection: Connection, tenant: str, account: str, message_id: str) -> list[Held]:
        """Every row that the provider's message id stands for, locked."""
        ...

    def latest_to(self, connection: Connection, tenant: str, account: str, dest_hash: str) -> Held | None:
        """The row of the account that was submitted to the address last, locked."""
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
        """Changes rows that the transaction holds, in the order given. What turns out to have been sent after it was
        taken anew counts for the day on which that is known."""
        ...

    def note_accepted(
        self, connection: Connection, tenant: str, accepted: Mapping[str, str], now: dt.datetime
    ) -> None:
        """Sets the message ids (by delivery_id) of rows that the provider has accepted, whatever their state."""
        ...

    def clicked(
        self, connection: Connection, tenant: str, delivery_ids: Sequence[str], now: dt.datetime
    ) -> None:
        """Notes first clicks."""
        ...

    def expire(
        self, connection: Connection, campaign: Campaign, state: DeliveryState, now: dt.datetime, limit: int
    ) -> int:
        """Moves up to `limit` unsent rows of a campaign to EXPIRED or CANCELLED. Returns how many."""
        ...

    def silent(
        self, connection: Connection, campaign: Campaign, accepted_before: dt.datetime, limit: int
    ) -> list[Held]:
        """Accepted rows that wait for a receipt since before that moment, the oldest first."""
        ...

    def put_off(self, connection: Connection, tenant: str, waits: Mapping[str, dt.datetime]) -> None:
        """Sets, by delivery_id, since when accepted rows count as waiting for a receipt."""
        ...

    def has_any(
        self, connection: Connection, tenant: str, campaign_id: str, states: Collection[DeliveryState]
    ) -> bool:
        """Whether a campaign has a row in one of the states."""
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

    def get(self, connection: Connection, batch_id: str, *, lock: bool = True) -> Batch | None:
        """One batch; locked unless told otherwise."""
        ...

    def put(self, connection: Connection, batch: Batch) -> None:
        """Replaces a stored batch."""
        ...

    def overdue(self, connection: Connection, machine_ms: int, limit: int) -> list[Batch]:
        """SUBMITTING batches past their deadline."""
        ...

    def to_resolve(
        self, connection: Connection, accounts: Collection[str], now: dt.datetime, limit: int
    ) -> list[str]:
        """Ids of the accounts' UNKNOWN batches whose next look is due, the longest due first."""
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

    def any_due(self, connection: Connection, now: dt.datetime) -> bool:
        """Whether there is a callback to apply."""
        ...

    def due(self, connection: Connection, now: dt.datetime, limit: int) -> list[StoredCallback]:
        """Callbacks to apply, oldest first, locked; those that another transaction holds are passed over."""
        ...

    def done(self, connection: Connection, receipt_id: str) -> None:
        """Removes an applied callback."""
        ...

    def later(self, connection: Connection, receipt_id: str, next_try: dt.datetime, awaits: str) -> None:
        """Puts a callback off: what it is about is not known yet. `awaits` is the message id that it waits for, empty
        when there is none."""
        ...

    def hasten(
        self, connection: Connection, account: str, message_ids: Collection[str], now: dt.datetime
    ) -> None:
        """Callbacks that wait for one of the messages are due: whose they are is known now."""
        ...

    def first(
        self, connection: Connection, account: str, dedupe_keys: Collection[str], now: dt.datetime
    ) -> frozenset[str]:
        """Notes that receipts are applied; returns those that were not before. Hold the rows they are about."""
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


class Unreadable(Exception):
    """What was sealed cannot be opened: another master secret, or damaged bytes."""


class KeyMaker(Protocol):
    """Seals personal data. `about` binds what is sealed to its place: it opens nowhere else."""

    def seal(self, plain: bytes, about: str) -> bytes:
        """Under the service's own key."""
        ...

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises Unreadable."""
        ...

    def new_campaign_key(self, about: str) -> bytes:
        """A fresh key, sealed."""
        ...

    def seal_under(self, sealed_key: bytes, plain: bytes, about: str) -> bytes:
        """Under a campaign's key. Raises Unreadable."""
        ...

    def open_under(self, sealed_key: bytes, sealed: bytes, about: str) -> bytes:
        """Raises Unreadable."""
        ...

    def address_hash(self, tenant: str, channel: str, address: str) -> str:
        """Equal for equal addresses of a tenant and channel; of no use elsewhere."""
        ...

    def fingerprint(self, text: str) -> str:
        """Equal for equal texts. Keyed: a plain digest over an address can be turned back by trying all addresses."""
        ...


class TokenBucket(Protocol):
    """Calls per second of an account, shared by all workers on the store."""

    def take(
        self, connection: Connection, account: str, per_second: int, wanted: int, machine_ms: int
    ) -> tuple[int, int]:
        """(calls that may go now, after how many milliseconds to ask again when there is none).

        At most a tenth of a second's calls, at least one, are given at once and kept in store, so that no second sees
        noticeably more than `per_second`. A restart never refills it; a clock that goes back adds nothing.
        """
        ...


class Forgetting(Protocol):
    """Removes what points at erased persons."""

    def forget(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> bool:
        """Cancels the persons' deliveries that are not sent yet and removes from the others what leads back to an
        address or a provider's message, but for rows that are still being sent or whose outcome is unknown; whether
        none of those is left. Rows stay for the counts of their campaigns. Idempotent."""
        ...


class PersonDeliveries(Protocol):
    """What the ledger holds of persons."""

    def of_persons(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[dict[str, object]]:
        """A row per delivery as plain JSON, by campaign and person."""
        ...
