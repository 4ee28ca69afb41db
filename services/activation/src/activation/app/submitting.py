"""The second and third transaction of a submission: write it down before the first byte leaves; store what came of it.

What happens between them may be cut anywhere: a batch that stands as SUBMITTING past its deadline is UNKNOWN, and is
settled by resolving.py.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from activation.app.accounts import Account, Limits, key_about, message_of
from activation.app.campaigns import Campaigns
from activation.app.claiming import Addressed, Claimed, still_ours
from activation.channels import port
from activation.channels.wire import WireRequest
from activation.domain.campaign import SENDS, Campaign
from activation.domain.delivery import IN_HANDS, UNSENT, DeliveryState, retry_pause_s
from activation.domain.ledger import Batch, BatchState, Held, Move
from activation.store.ports import BatchStore, CampaignStore, DeliveryLedger, KeyMaker, ReceiptInbox
from servicekit.clock import Clock
from sqlalchemy import Connection

OVERDUE_PER_ROUND = 100
OPEN = frozenset({DeliveryState.SUBMITTING, DeliveryState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Built:
    """A request that is ready to be written down."""

    batch_id: str
    key: str
    wire: WireRequest
    digest: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """A batch that stands as SUBMITTING: send exactly this, and before its deadline."""

    batch: Batch
    wire: WireRequest


class Submitting:
    """Machine time governs deadlines, the suite's time everything else."""

    def __init__(
        self,
        campaigns: Campaigns,
        store: CampaignStore,
        ledger: DeliveryLedger,
        batches: BatchStore,
        inbox: ReceiptInbox,
        accounts: Mapping[str, Account],
        keys: KeyMaker,
        clock: Clock,
        limits: Limits,
        new_id: Callable[[], str],
    ) -> None:
        self._campaigns = campaigns
        self._store = store
        self._ledger = ledger
        self._batches = batches
        self._inbox = inbox
        self._accounts = accounts
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._new_id = new_id

    def build(
        self, account: Account, claimed: Claimed, rows: Sequence[Addressed], keys: Sequence[str]
    ) -> Built:
        """Makes the request; touches no store. `keys` are the provider's, when it gives them, one for the batch or one
        for each row. Raises whatever the channel does for rows that cannot be built."""
        campaign, batch_id = claimed.campaign, self._new_id()
        by_batch = account.caps.key_scope is port.KeyScope.BATCH
        batch_key = keys[0] if keys else batch_id
        targets = []
        for place, row in enumerate(rows):
            own = keys[place] if keys and not by_batch else row.claim.delivery_id
            targets.append(port.Target(row.claim.delivery_id, batch_key if by_batch else own, row.address))
        wire = account.channel.build(port.Batch(batch_key, message_of(campaign.draft), tuple(targets)))
        about = key_about(campaign.tenant, campaign.campaign_id)
        sealed = self._keys.seal_under(claimed.sealed_key, wire.dump(), about)
        return Built(batch_id, batch_key, wire, self._keys.fingerprint(wire.digest), sealed)

    def write(
        self,
        connection: Connection,
        account: Account,
        claimed: Claimed,
        built: Built,
        allowed: Callable[[Connection], bool],
    ) -> Written | None:
        """Writes the batch down as being sent. None when the campaign was paused, changed or has expired since the
        claim, a row is in other hands, or it is not `allowed` any more: then nothing may be sent. `claimed` holds the
        batch's rows alone."""
        tenant, campaign_id, epoch = (
            claimed.campaign.tenant,
            claimed.campaign.campaign_id,
            claimed.campaign.epoch,
        )
        stored = self._store.get(connection, tenant, campaign_id, lock=True)
        if stored is None or stored.epoch != epoch or not self._may_send(stored):
            return None
        if len(still_ours(connection, self._ledger, claimed)) != len(claimed.claims):
            return None
        if not allowed(connection):
            return None
        now = self._clock.now()
        batch = Batch(
            batch_id=built.batch_id,
            tenant=tenant,
            campaign_id=campaign_id,
            account=account.name,
            key=built.key,
            digest=built.digest,
            sealed_wire=built.sealed,
            state=BatchState.SUBMITTING,
            submitted_at=now,
            deadline_ms=self.deadline_ms(),
        )
        self._batches.add(connection, batch)
        ids = [claim.delivery_id for claim in claimed.claims]
        self._ledger.submit(connection, tenant, ids, built.batch_id, now)
        return Written(batch, built.wire)

    def unbuildable(self, connection: Connection, claimed: Claimed) -> None:
        """Rows whose request could not be made: each is tried alone, and who fails alone is refused."""
        ours = still_ours(connection, self._ledger, claimed)
        alone = len(claimed.claims) == 1
        now = self._clock.now()
        state = DeliveryState.REJECTED if alone else DeliveryState.RETRY_WAIT
        moves = [Move(claim.delivery_id, state, "unbuildable", due=now, alone=not alone) for claim in ours]
        self._ledger.move(connection, claimed.campaign.tenant, moves, now)

    def result(self, connection: Connection, batch: Batch, outcomes: Sequence[port.Outcome]) -> None:
        """Stores what the provider said of a submission. When the batch was declared UNKNOWN meanwhile, only ACCEPTED
        counts. Rows that a receipt has settled meanwhile only note that they were accepted."""
        stored = self._batches.get(connection, batch.batch_id)
        if stored is None:
            return
        if stored.state is not BatchState.SUBMITTING or stored.deadline_ms != batch.deadline_ms:
            self.accept(connection, batch.batch_id, outcomes)
            return
        now = self._clock.now()
        rows = self._ledger.of_batch(connection, batch.batch_id)
        said = {each.delivery_id: each for each in outcomes if each.delivery_id in rows}
        moves = [self._move_for(rows[each], batch, said[each]) for each in said if rows[each].state in OPEN]
        self._ledger.move(connection, batch.tenant, moves, now)
        self._note_settled(connection, batch.tenant, rows, said)
        self._hasten(connection, batch, outcomes)
        if any(each.verdict is port.Verdict.UNKNOWN for each in outcomes):
            settle_s = self._settle_s(batch.account)
            look = now + dt.timedelta(seconds=settle_s)
            self._batches.put(connection, replace(stored, state=BatchState.UNKNOWN, next_look=look))
        else:
            self._batches.put(connection, self.done(stored))
        self._stop_when_refused(connection, batch, outcomes)

    def accept(self, connection: Connection, batch_id: str, outcomes: Sequence[port.Outcome]) -> None:
        """Stores a second or late answer about a batch: ACCEPTED settles, everything else says nothing."""
        batch = self._batches.get(connection, batch_id)
        if batch is None:
            return
        rows = self._ledger.of_batch(connection, batch_id)
        said = {
            each.delivery_id: each
            for each in outcomes
            if each.delivery_id in rows and each.verdict is port.Verdict.ACCEPTED
        }
        moves = [
            Move(each, DeliveryState.ACCEPTED, message_id=said[each].message_id or None, accepted=True)
            for each in said
            if rows[each].state in OPEN | UNSENT | IN_HANDS
        ]
        self._ledger.move(connection, batch.tenant, moves, self._clock.now())
        settled = {each.delivery_id for each in moves}
        self._note_settled(
            connection, batch.tenant, {row: held for row, held in rows.items() if row not in settled}, said
        )
        self._hasten(connection, batch, outcomes)

    def recover(self, connection: Connection) -> int:
        """After a crash: submissions without a result past their deadline become UNKNOWN; answers how many."""
        now = self._clock.now()
        machine_ms = int(self._clock.machine_now().timestamp() * 1_000)
        overdue = self._batches.overdue(connection, machine_ms, OVERDUE_PER_ROUND)
        for batch in overdue:
            rows = self._ledger.of_batch(connection, batch.batch_id)
            moves = [
                Move(row.delivery_id, DeliveryState.UNKNOWN, "interrupted")
                for row in rows.values()
                if row.state is DeliveryState.SUBMITTING
            ]
            self._ledger.move(connection, batch.tenant, moves, now)
            settled = batch.submitted_at + dt.timedelta(seconds=self._settle_s(batch.account))
            look = max(now, settled)
            self._batches.put(connection, replace(batch, state=BatchState.UNKNOWN, next_look=look))
        return len(overdue)

    def done(self, batch: Batch) -> Batch:
        """The batch when nothing is unknown. Its bytes stay only where the provider can be asked for lost receipts."""
        account = self._accounts.get(batch.account)
        keeps = account is not None and account.caps.idempotency is port.Idempotency.QUERYABLE
        return replace(batch, state=BatchState.DONE, sealed_wire=batch.sealed_wire if keeps else None)

    def deadline_ms(self) -> int:
        """Of a submission that begins now; machine time."""
        now_ms = int(self._clock.machine_now().timestamp() * 1_000)
        return now_ms + int(2 * self._limits.submit_timeout_s * 1_000)

    def in_time(self, batch: Batch) -> bool:
        """Whether a submission that was written down may still begin: it must be over when others take it for lost. Ask
        right before the first byte leaves; a process may have slept."""
        now_ms = int(self._clock.machine_now().timestamp() * 1_000)
        return batch.deadline_ms - now_ms >= int(self._limits.submit_timeout_s * 1_000)

    # -------------------------------------------------------------------------------------------- parts

    def _may_send(self, campaign: Campaign) -> bool:
        expires = campaign.expire_time
        return campaign.state in SENDS and (expires is None or self._clock.now() < expires)

    def _settle_s(self, account: str) -> float:
        known = self._accounts.get(account)
        return known.settle_s if known is not None else 0.0

    def _move_for(self, row: Held, batch: Batch, outcome: port.Outcome) -> Move:
        match outcome.verdict:
            case port.Verdict.ACCEPTED:
                message_id = outcome.message_id or None
                return Move(row.delivery_id, DeliveryState.ACCEPTED, message_id=message_id, accepted=True)
            case port.Verdict.REJECTED if outcome.scope is port.Scope.RECIPIENT:
                return Move(row.delivery_id, DeliveryState.REJECTED, outcome.reason)
            case port.Verdict.UNKNOWN:
                return Move(row.delivery_id, DeliveryState.UNKNOWN, outcome.reason)
            case _:  # put off, to be tried again, or refused for a fault that is not this person's
                pause_s = retry_pause_s(outcome.after_s, row.attempts, batch.batch_id)
                due = self._clock.now() + dt.timedelta(seconds=0.0 if outcome.alone else pause_s)
                return Move(
                    row.delivery_id, DeliveryState.RETRY_WAIT, outcome.reason, due=due, alone=outcome.alone
                )

    def _note_settled(
        self,
        connection: Connection,
        tenant: str,
        rows: Mapping[str, Held],
        said: Mapping[str, port.Outcome],
    ) -> None:
        """A receipt was faster than the answer: the message id is still of use, for clicks."""
        accepted = {
            each: said[each].message_id
            for each in said
            if each in rows and rows[each].state not in OPEN and said[each].verdict is port.Verdict.ACCEPTED
        }
        self._ledger.note_accepted(connection, tenant, accepted, self._clock.now())

    def _hasten(self, connection: Connection, batch: Batch, outcomes: Sequence[port.Outcome]) -> None:
        """Receipts that came before their message's id was known need not wait any more."""
        message_ids = {each.message_id for each in outcomes if each.verdict is port.Verdict.ACCEPTED}
        self._inbox.hasten(connection, batch.account, message_ids, self._clock.now())

    def _stop_when_refused(
        self, connection: Connection, batch: Batch, outcomes: Sequence[port.Outcome]
    ) -> None:
        for outcome in outcomes:
            if outcome.scope in {port.Scope.CAMPAIGN, port.Scope.ACCOUNT}:
                about = "the message" if outcome.scope is port.Scope.CAMPAIGN else "the account"
                note = f"the provider refuses {about}: {outcome.reason}; mend it and resume"
                self._campaigns.stop_sending(connection, batch.tenant, batch.campaign_id, note)
                return
