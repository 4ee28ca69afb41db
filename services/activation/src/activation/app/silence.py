"""Accepted rows that no receipt comes for: the provider is asked where it can be, then they are NO_RECEIPT."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activation.app.accounts import Account, key_about
from activation.app.telling import DELIVERED, FAILED, Telling, Told
from activation.channels import port
from activation.channels.wire import WireRequest
from activation.domain.campaign import Campaign
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Batch, Held, Move
from activation.store.ports import BatchStore, CampaignStore, DeliveryLedger, KeyMaker, Unreadable
from servicekit.clock import Clock
from sqlalchemy import Connection

ROWS_PER_CAMPAIGN = 2_000
BATCHES_AT_ONCE = 5
"""Of a campaign, held opened in memory; the rest has its turn when these are asked about."""
ASKED_FOR = 2
"""A provider that gives no answer is asked until so many times the time without receipt has passed."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A batch of which some receipts are overdue, with the bytes to ask by."""

    batch: Batch
    wire: WireRequest


class Silence:
    """The transactions around the questions."""

    def __init__(
        self,
        store: CampaignStore,
        ledger: DeliveryLedger,
        batches: BatchStore,
        telling: Telling,
        accounts: Mapping[str, Account],
        keys: KeyMaker,
        clock: Clock,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._batches = batches
        self._telling = telling
        self._accounts = accounts
        self._keys = keys
        self._clock = clock

    def any_overdue(self, connection: Connection, campaign: Campaign) -> bool:
        """Whether receipts are overdue."""
        account = self._accounts.get(campaign.draft.provider_account)
        return account is not None and bool(self._overdue(connection, campaign, account, 1))

    def end(self, connection: Connection, campaign: Campaign) -> list[Silent]:
        """Ends the silence of rows that nobody can be asked about; returns some batches to ask about,
        the longest silent first."""
        account = self._accounts.get(campaign.draft.provider_account)
        if account is None:
            return []
        overdue = self._overdue(connection, campaign, account, ROWS_PER_CAMPAIGN)
        looked: set[str] = set()
        to_ask: dict[str, Silent] = {}
        for row in overdue:
            batch_id = row.batch_id or ""
            if batch_id not in looked and len(to_ask) < BATCHES_AT_ONCE:
                looked.add(batch_id)
                silent = self._silent(connection, campaign, account, batch_id)
                to_ask |= {} if silent is None else {batch_id: silent}
        mute = looked - to_ask.keys()
        self._no_receipt(
            connection, campaign.tenant, [row.delivery_id for row in overdue if (row.batch_id or "") in mute]
        )
        return list(to_ask.values())

    def asked(self, connection: Connection, silent: Silent, findings: Sequence[port.Finding]) -> None:
        """Stores what the provider says of a batch's overdue rows. Without an answer they are asked about again."""
        batch, account = silent.batch, self._accounts[silent.batch.account]
        now, timings = self._clock.now(), account.timings
        rows = self._ledger.of_batch(connection, batch.batch_id)
        moves: list[Move] = []
        told: list[Told] = []
        ended: list[str] = []
        waits: dict[str, dt.datetime] = {}
        for finding in findings:
            row = rows.get(finding.delivery_id)
            if row is None or row.state is not DeliveryState.ACCEPTED:
                continue
            age = now - batch.submitted_at
            if finding.status is not None:
                delivered = finding.status is port.ReceiptStatus.DELIVERED
                state = DeliveryState.DELIVERED if delivered else DeliveryState.UNDELIVERED
                reason = "" if delivered else finding.code
                moves.append(Move(row.delivery_id, state, reason, accepted=True))
                event, key = DELIVERED if delivered else FAILED, f"asked {row.delivery_id}"
                told.append(Told(row, event, key, now, reason))
            elif finding.found is port.Found.UNANSWERED and age < dt.timedelta(
                seconds=ASKED_FOR * timings.no_receipt_s
            ):
                since = timings.poll_s - timings.no_receipt_s
                waits[row.delivery_id] = now + dt.timedelta(seconds=since)
            else:
                ended.append(row.delivery_id)
        self._ledger.move(connection, batch.tenant, moves, now)
        self._ledger.put_off(connection, batch.tenant, waits)
        self._no_receipt(connection, batch.tenant, ended)
        self._telling.tell(connection, account, batch.tenant, told)

    def _overdue(
        self, connection: Connection, campaign: Campaign, account: Account, limit: int
    ) -> list[Held]:
        before = self._clock.now() - dt.timedelta(seconds=account.timings.no_receipt_s)
        return self._ledger.silent(connection, campaign, before, limit)

    def _no_receipt(self, connection: Connection, tenant: str, delivery_ids: Sequence[str]) -> None:
        still = self._ledger.held(connection, tenant, delivery_ids)
        moves = [
            Move(row.delivery_id, DeliveryState.NO_RECEIPT)
            for row in still.values()
            if row.state is DeliveryState.ACCEPTED
        ]
        self._ledger.move(connection, tenant, moves, self._clock.now())

    def _silent(
        self, connection: Connection, campaign: Campaign, account: Account, batch_id: str
    ) -> Silent | None:
        if account.caps.idempotency is not port.Idempotency.QUERYABLE:
            return None
        batch = self._batches.get(connection, batch_id, lock=False)
        sealed_key = self._store.key(connection, campaign.tenant, campaign.campaign_id)
        if batch is None or batch.sealed_wire is None or sealed_key is None:
            return None
        about = key_about(campaign.tenant, campaign.campaign_id)
        try:
            opened = self._keys.open_under(sealed_key, batch.sealed_wire, about)
        except Unreadable:
            return None
        return Silent(batch, WireRequest.load(opened))
