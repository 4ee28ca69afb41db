"""Settles what is not known: by the provider's key, by asking the provider, or by giving up honestly."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from activation.app.campaigns import Account, key_about
from activation.channels import port
from activation.channels.wire import WireRequest
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Batch, BatchState, Move
from activation.store.ports import BatchStore, CampaignStore, DeliveryLedger, KeyMaker
from servicekit.clock import Clock
from sqlalchemy import Connection

WINDOW_SHARE = 0.8
"""A provider's key is trusted for this share of its window."""
ABSENCES_NEEDED = 2
"""So often in a row the provider must not know a message before it may be sent again."""


class Way(Enum):
    """How a batch can be settled now."""

    RESUBMIT = "resubmit"
    ASK = "ask"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Timings:
    """On the suite's clock. `poll_s` lies between two questions about one batch."""

    settle_s: float | None = None
    poll_s: float = 600.0
    no_receipt_s: float = 72 * 3_600.0


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A batch to settle, with the bytes that were or were not sent."""

    batch: Batch
    wire: WireRequest | None
    way: Way


class Resolving:
    """The transactions around a resolver's calls."""

    def __init__(
        self,
        store: CampaignStore,
        ledger: DeliveryLedger,
        batches: BatchStore,
        keys: KeyMaker,
        clock: Clock,
        accounts: Mapping[str, Account],
        timings: Timings,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._batches = batches
        self._keys = keys
        self._clock = clock
        self._accounts = accounts
        self._timings = timings

    def due(self, connection: Connection, limit: int) -> list[Unresolved]:
        """Batches to settle now, each with the way that its channel allows."""
        return [
            unresolved
            for batch in self._batches.to_resolve(connection, self._clock.now(), limit)
            if (unresolved := self._unresolved(connection, batch)) is not None
        ]

    def asked(self, connection: Connection, batch_id: str, findings: Sequence[port.Finding]) -> None:
        """Stores what the provider knows of a batch. Rows that it does not know in two answers in a row were not sent:
        they are READY again."""
        batch = self._batches.get(connection, batch_id)
        if batch is None or batch.state is not BatchState.UNKNOWN:
            return
        now = self._clock.now()
        open_rows = self._open(connection, batch_id)
        moves: list[Move] = []
        absent: list[str] = []
        unanswered = False
        for finding in findings:
            if finding.delivery_id not in open_rows:
                continue
            if finding.found is port.Found.SENT:
                moves.append(
                    Move(finding.delivery_id, _sent_state(finding.status), finding.code, accepted=True)
                )
            elif finding.found is port.Found.ABSENT:
                absent.append(finding.delivery_id)
            else:
                unanswered = True
        absences = batch.absences if unanswered or not absent else batch.absences + 1
        if absent and absences >= ABSENCES_NEEDED:
            moves += [Move(delivery_id, DeliveryState.READY, "not sent", due=now) for delivery_id in absent]
            absent = []
        self._ledger.move(connection, batch.tenant, moves, now)
        done = not absent and not unanswered
        look = now + dt.timedelta(seconds=self._timings.poll_s)
        self._batches.put(
            connection,
            replace(
                batch,
                state=BatchState.DONE if done else BatchState.UNKNOWN,
                absences=absences,
                next_look=look,
            ),
        )

    def resubmitted(self, connection: Connection, batch_id: str, outcomes: Sequence[port.Outcome]) -> None:
        """Stores the answer to a second submission of the same bytes: only ACCEPTED settles anything."""
        batch = self._batches.get(connection, batch_id)
        if batch is None or batch.state is not BatchState.UNKNOWN:
            return
        now = self._clock.now()
        open_rows = self._open(connection, batch_id)
        moves = [
            Move(
                outcome.delivery_id,
                DeliveryState.ACCEPTED,
                message_id=outcome.message_id or None,
                accepted=True,
            )
            for outcome in outcomes
            if outcome.verdict is port.Verdict.ACCEPTED and outcome.delivery_id in open_rows
        ]
        self._ledger.move(connection, batch.tenant, moves, now)
        done = len(moves) == len(open_rows)
        account = self._accounts[batch.account]
        pause_s = min(self._timings.poll_s, (account.caps.idempotency_window_s or 600.0) / 20)
        look = now + dt.timedelta(seconds=pause_s)
        state = BatchState.DONE if done else BatchState.UNKNOWN
        self._batches.put(connection, replace(batch, state=state, next_look=look))

    def give_up(self, connection: Connection, batch_id: str) -> None:
        """Ends rows whose outcome stays unknown: ABANDONED, counted, never sent a second time."""
        batch = self._batches.get(connection, batch_id)
        if batch is None or batch.state is not BatchState.UNKNOWN:
            return
        moves = [
            Move(delivery_id, DeliveryState.ABANDONED, "outcome unknown")
            for delivery_id in self._open(connection, batch_id)
        ]
        self._ledger.move(connection, batch.tenant, moves, self._clock.now())
        self._batches.put(connection, replace(batch, state=BatchState.DONE))

    # -------------------------------------------------------------------------------------------- parts

    def _unresolved(self, connection: Connection, batch: Batch) -> Unresolved | None:
        account = self._accounts.get(batch.account)
        if account is None:
            return None  # taken out of the configuration: its batches wait
        wire = self._wire(connection, batch)
        return Unresolved(batch, wire, self._way(account, batch, wire))

    def _way(self, account: Account, batch: Batch, wire: WireRequest | None) -> Way:
        caps = account.caps
        if wire is None:
            return Way.GIVE_UP
        match caps.idempotency:
            case port.Idempotency.QUERYABLE:
                return Way.ASK
            case port.Idempotency.REPLACING:
                return Way.RESUBMIT
            case port.Idempotency.KEYED:
                window = dt.timedelta(seconds=(caps.idempotency_window_s or 0.0) * WINDOW_SHARE)
                in_time = self._clock.now() < batch.submitted_at + window
                return Way.RESUBMIT if in_time else Way.GIVE_UP
            case _:
                return Way.GIVE_UP

    def _wire(self, connection: Connection, batch: Batch) -> WireRequest | None:
        sealed_key = self._store.key(connection, batch.tenant, batch.campaign_id)
        if sealed_key is None or batch.sealed_wire is None:
            return None
        about = key_about(batch.tenant, batch.campaign_id)
        return WireRequest.load(self._keys.open_under(sealed_key, batch.sealed_wire, about))

    def _open(self, connection: Connection, batch_id: str) -> list[str]:
        """Rows of the batch that no receipt has settled meanwhile."""
        rows = self._ledger.of_batch(connection, batch_id)
        return [row.delivery_id for row in rows.values() if row.state is DeliveryState.UNKNOWN]


def _sent_state(status: port.ReceiptStatus | None) -> DeliveryState:
    match status:
        case port.ReceiptStatus.DELIVERED:
            return DeliveryState.DELIVERED
        case port.ReceiptStatus.FAILED:
            return DeliveryState.UNDELIVERED
        case _:
            return DeliveryState.ACCEPTED
