"""Settles what is not known: by the provider's key, by asking the provider, or by giving up honestly."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from activation.app.accounts import Account, key_about
from activation.app.claiming import Claimed
from activation.app.submitting import Submitting
from activation.channels import port
from activation.channels.wire import WireRequest
from activation.domain.campaign import SENDS, Campaign, State
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Batch, BatchState, Claim, Held, Move
from activation.store.ports import BatchStore, CampaignStore, DeliveryLedger, KeyMaker, Unreadable
from servicekit.clock import Clock
from sqlalchemy import Connection

WINDOW_SHARE = 0.8
"""A provider's key is trusted for this share of its window."""
TRIES_PER_WINDOW = 20
"""At least so often the same bytes are submitted again while the window lasts."""


Allowed = Callable[[Connection, Campaign, Sequence[Held]], bool]
"""Whether a request to these rows may be submitted again; asked last in the transaction that writes it down."""


class Way(Enum):
    """How a batch can be settled now."""

    RESUBMIT = "resubmit"
    ASK = "ask"
    GIVE_UP = "give up"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A batch to settle, with the bytes that were or were not sent, by asking or by submitting them again."""

    batch: Batch
    campaign: Campaign
    wire: WireRequest
    way: Way


class Resolving:
    """The transactions around a resolver's calls."""

    def __init__(
        self,
        store: CampaignStore,
        ledger: DeliveryLedger,
        batches: BatchStore,
        submitting: Submitting,
        accounts: Mapping[str, Account],
        keys: KeyMaker,
        clock: Clock,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._batches = batches
        self._submitting = submitting
        self._accounts = accounts
        self._keys = keys
        self._clock = clock

    def due(self, connection: Connection, limit: int) -> list[str]:
        """Ids of batches to look at now. Those of an account that is configured no more wait."""
        if not self._accounts:
            return []
        return self._batches.to_resolve(connection, sorted(self._accounts), self._clock.now(), limit)

    def recover(self, connection: Connection) -> int:
        """After a crash: submissions without a result past their deadline become UNKNOWN; answers how many."""
        return self._submitting.recover(connection)

    def in_time(self, batch: Batch) -> bool:
        """Whether a second submission may still begin, asked right before the first byte leaves."""
        return self._submitting.in_time(batch)

    def to_permit(self, connection: Connection, batch_id: str) -> Claimed | None:
        """Whom a batch would be submitted to again, so that identity can be asked of them first. None when it would
        not. Holds the rows."""
        batch = self._batches.get(connection, batch_id, lock=False)
        campaign = None if batch is None else self._store.get(connection, batch.tenant, batch.campaign_id)
        if batch is None or campaign is None or self._way(batch, campaign) is not Way.RESUBMIT:
            return None
        rows = self._open(connection, batch_id)
        return Claimed(
            campaign, b"", tuple(Claim(each.delivery_id, each.person_id, each.fence) for each in rows)
        )

    def begin(self, connection: Connection, batch_id: str, allowed: Allowed) -> Unresolved | None:
        """Decides how a batch is settled. A second submission is written down first, under the campaign's lock as the
        first was: after a pause none begins. One that is not `allowed` now waits until it is, or it is given up when
        the provider's key or the campaign's time has run out. None when nothing is to be asked of the provider."""
        known = self._batches.get(connection, batch_id, lock=False)
        if known is None:
            return None
        campaign = self._store.get(connection, known.tenant, known.campaign_id, lock=True)
        batch = self._batches.get(connection, batch_id)
        now = self._clock.now()
        if campaign is None or batch is None or batch.state is not BatchState.UNKNOWN:
            return None
        if batch.next_look is not None and batch.next_look > now:
            return None  # another worker has it
        open_rows = self._open(connection, batch_id)
        wire = self._wire(connection, batch)
        way = self._way(batch, campaign)
        if not open_rows:
            self._batches.put(connection, self._submitting.done(batch))
            return None
        if way is Way.GIVE_UP or wire is None:
            self._give_up(connection, batch, [row.delivery_id for row in open_rows])
            return None
        if way is Way.RESUBMIT and not allowed(connection, campaign, open_rows):
            way = Way.WAIT
        later = replace(batch, next_look=now + self._pause(batch))
        if way is Way.RESUBMIT:
            later = replace(later, state=BatchState.SUBMITTING, deadline_ms=self._submitting.deadline_ms())
        self._batches.put(connection, later)
        return None if way is Way.WAIT else Unresolved(later, campaign, wire, way)

    def asked(self, connection: Connection, unresolved: Unresolved, findings: Sequence[port.Finding]) -> None:
        """Stores what the provider knows of a batch. Rows that it does not know in enough answers in a row were not
        sent: they are READY again. What it knows is ACCEPTED; whether it arrived, the receipt says."""
        batch = self._batches.get(connection, unresolved.batch.batch_id)
        if batch is None or batch != unresolved.batch:
            return
        now = self._clock.now()
        open_rows = {row.delivery_id for row in self._open(connection, batch.batch_id)}
        found = {each.delivery_id: each.found for each in findings if each.delivery_id in open_rows}
        named = {each.delivery_id: each.message_id for each in findings}
        sent = [row for row, what in found.items() if what is port.Found.SENT]
        absent = [row for row, what in found.items() if what is port.Found.ABSENT]
        unanswered = len(found) - len(sent) - len(absent)
        moves = [
            Move(row, DeliveryState.ACCEPTED, message_id=named[row] or None, accepted=True) for row in sent
        ]
        absences = batch.absences + (1 if absent and not unanswered else 0)
        if absences >= self._accounts[batch.account].timings.polls:
            moves += [Move(row, DeliveryState.READY, "not sent", due=now) for row in absent]
            absent = []
        self._ledger.move(connection, batch.tenant, moves, now)
        if absent or unanswered:
            self._batches.put(connection, replace(batch, absences=absences))
        else:
            self._batches.put(connection, self._submitting.done(batch))

    def resubmitted(
        self, connection: Connection, unresolved: Unresolved, outcomes: Sequence[port.Outcome]
    ) -> None:
        """Stores the answer to a second submission of the same bytes: only ACCEPTED settles anything."""
        batch = self._batches.get(connection, unresolved.batch.batch_id)
        self._submitting.accept(connection, unresolved.batch.batch_id, outcomes)
        if batch is None or batch != unresolved.batch:
            return
        if self._open(connection, batch.batch_id):
            self._batches.put(connection, replace(batch, state=BatchState.UNKNOWN))
        else:
            self._batches.put(connection, self._submitting.done(batch))

    # -------------------------------------------------------------------------------------------- parts

    def _give_up(self, connection: Connection, batch: Batch, rows: Sequence[str]) -> None:
        """Ends rows whose outcome stays unknown: ABANDONED, counted, never sent a second time."""
        moves = [Move(row, DeliveryState.ABANDONED, "outcome unknown") for row in rows]
        self._ledger.move(connection, batch.tenant, moves, self._clock.now())
        self._batches.put(connection, self._submitting.done(batch))

    def _way(self, batch: Batch, campaign: Campaign) -> Way:
        caps = self._accounts[batch.account].caps
        if caps.idempotency is port.Idempotency.QUERYABLE:
            return Way.ASK
        if caps.idempotency is port.Idempotency.NONE:
            return Way.GIVE_UP
        if caps.idempotency is port.Idempotency.KEYED:
            window = dt.timedelta(seconds=(caps.idempotency_window_s or 0.0) * WINDOW_SHARE)
            if self._clock.now() >= batch.submitted_at + window:
                return Way.GIVE_UP
        if campaign.expire_time is not None and self._clock.now() >= campaign.expire_time:
            return Way.GIVE_UP
        if campaign.state in SENDS:
            return Way.RESUBMIT
        return Way.WAIT if campaign.state is State.PAUSED else Way.GIVE_UP

    def _pause(self, batch: Batch) -> dt.timedelta:
        account = self._accounts[batch.account]
        window_s = account.caps.idempotency_window_s
        poll_s = account.timings.poll_s
        return dt.timedelta(seconds=poll_s if window_s is None else min(poll_s, window_s / TRIES_PER_WINDOW))

    def _wire(self, connection: Connection, batch: Batch) -> WireRequest | None:
        sealed_key = self._store.key(connection, batch.tenant, batch.campaign_id)
        if sealed_key is None or batch.sealed_wire is None:
            return None
        about = key_about(batch.tenant, batch.campaign_id)
        try:
            return WireRequest.load(self._keys.open_under(sealed_key, batch.sealed_wire, about))
        except Unreadable:
            return None

    def _open(self, connection: Connection, batch_id: str) -> list[Held]:
        """Rows of the batch that no receipt has settled meanwhile."""
        rows = self._ledger.of_batch(connection, batch_id)
        return [row for row in rows.values() if row.state is DeliveryState.UNKNOWN]
