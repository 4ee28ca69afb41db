"""Receipts and replies: stored raw before the provider is answered, applied once, told to identity."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from activation.app.campaigns import Account
from activation.channels import port
from activation.channels.wire import Callback
from activation.domain.delivery import DeliveryState, after_receipt
from activation.domain.feedback import Feedback, record_id
from activation.domain.ledger import Held, Move
from activation.store.ports import DeliveryLedger, KeyMaker, Outbox, ReceiptInbox, StoredCallback
from servicekit.clock import Clock
from sqlalchemy import Connection

UNMATCHED_KEPT = dt.timedelta(days=7)
FIRST_RETRY_S = 2.0
MAX_RETRY_S = 3_600.0
INBOX_ABOUT = "receipts"
OUTBOX_ABOUT = "outbox"
_EVENTS = {
    port.InboundKind.OPT_OUT: "message_unsubscribed",
    port.InboundKind.REPLY: "message_replied",
    port.InboundKind.CLICK: "message_clicked",
}


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing a callback says, receipt or inbound alike."""

    dedupe_key: str
    key: str
    message_id: str
    address: str
    at: dt.datetime
    receipt: port.Receipt | None
    inbound: port.Inbound | None


@dataclass(frozen=True, slots=True)
class _Told:
    """What identity is told of one thing; the address only when its permission is taken back."""

    event_type: str
    dedupe_key: str
    at: dt.datetime
    reason: str
    withdrawn_address: str = ""


class Receipts:
    """`render_record` turns feedback into a serialized record of the front door."""

    def __init__(
        self,
        inbox: ReceiptInbox,
        outbox: Outbox,
        ledger: DeliveryLedger,
        keys: KeyMaker,
        clock: Clock,
        accounts: Mapping[str, Account],
        tenants: Callable[[Connection], Sequence[str]],
        render_record: Callable[[Feedback], bytes],
        new_id: Callable[[], str],
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._accounts = accounts
        self._tenants = tenants
        self._render_record = render_record
        self._new_id = new_id

    def store(self, connection: Connection, account: str, callback: Callback) -> None:
        """Keeps a callback as it came, sealed; when this has committed the provider may be answered."""
        sealed = self._keys.seal(_dumped(callback), INBOX_ABOUT)
        self._inbox.add(connection, StoredCallback(self._new_id(), account, self._clock.now(), sealed))

    def apply(self, connection: Connection, limit: int) -> int:
        """Applies stored callbacks, each receipt once. What matches no delivery yet (the receipt came before our own
        commit) is tried again for 7 days. Returns how many callbacks it looked at."""
        callbacks = self._inbox.due(connection, self._clock.now(), limit)
        for stored in callbacks:
            self._apply_one(connection, stored)
        return len(callbacks)

    def end_silence(self, connection: Connection, account: str, no_receipt_s: float, limit: int) -> int:
        """Rows that no receipt came for in time become NO_RECEIPT; a late receipt still changes them."""
        now = self._clock.now()
        before = now - dt.timedelta(seconds=no_receipt_s)
        rows = self._ledger.silent(connection, account, before, limit)
        for tenant, row in rows:
            self._ledger.move(connection, tenant, [Move(row.delivery_id, DeliveryState.NO_RECEIPT)], now)
        return len(rows)

    # -------------------------------------------------------------------------------------------- parts

    def _apply_one(self, connection: Connection, stored: StoredCallback) -> None:
        account = self._accounts.get(stored.account)
        now = self._clock.now()
        if account is None:
            self._inbox.done(connection, stored.receipt_id)
            return
        callback = _loaded(self._keys.open(stored.sealed, INBOX_ABOUT))
        try:
            said = _everything(account.channel, callback)
        except port.ChannelError:
            self._inbox.done(
                connection, stored.receipt_id
            )  # authentic when stored, and says nothing readable
            return
        tenants = self._tenants(connection)
        unmatched = [each for each in said if not self._settle(connection, account, each, tenants)]
        too_late = now - stored.received_at > UNMATCHED_KEPT
        if unmatched and not too_late:
            pause_s = min(FIRST_RETRY_S * 2**stored.tries, MAX_RETRY_S)
            self._inbox.later(connection, stored.receipt_id, now + dt.timedelta(seconds=pause_s))
        else:
            self._inbox.done(connection, stored.receipt_id)

    def _settle(self, connection: Connection, account: Account, said: _Said, tenants: Sequence[str]) -> bool:
        """Applies one thing; false when it matches no delivery."""
        channel = account.caps.contact_channel
        hashes = {tenant: self._keys.address_hash(tenant, channel, said.address) for tenant in tenants}
        found = self._ledger.find(connection, account.name, said.key, said.message_id, hashes)
        if not found:
            return False
        if not self._inbox.first(connection, account.name, said.dedupe_key, self._clock.now()):
            return True
        for tenant, row in found[:1]:
            if said.receipt is not None:
                self._receive(connection, account, tenant, row, said.receipt)
            elif said.inbound is not None:
                self._answer(connection, account, tenant, row, said.inbound)
        return True

    def _receive(
        self, connection: Connection, account: Account, tenant: str, row: Held, receipt: port.Receipt
    ) -> None:
        delivered = receipt.status is port.ReceiptStatus.DELIVERED
        state = after_receipt(row.state, delivered=delivered)
        if state is None:
            return
        reason = "" if delivered else receipt.code
        move = Move(row.delivery_id, state, reason, message_id=receipt.message_id or None, accepted=True)
        self._ledger.move(connection, tenant, [move], self._clock.now())
        event = "message_delivered" if delivered else "message_failed"
        told = _Told(event, receipt.dedupe_key, receipt.at, reason)
        self._tell(connection, account, tenant, row, told)

    def _answer(
        self, connection: Connection, account: Account, tenant: str, row: Held, inbound: port.Inbound
    ) -> None:
        if inbound.kind is port.InboundKind.CLICK:
            self._ledger.clicked(connection, tenant, row.delivery_id, self._clock.now())
        withdrawn = inbound.address if inbound.kind is port.InboundKind.OPT_OUT else ""
        told = _Told(_EVENTS[inbound.kind], inbound.dedupe_key, inbound.at, "", withdrawn)
        self._tell(connection, account, tenant, row, told)

    def _tell(
        self,
        connection: Connection,
        account: Account,
        tenant: str,
        row: Held,
        told: _Told,
    ) -> None:
        feedback = Feedback(
            record_id=record_id(account.name, told.dedupe_key, told.event_type),
            event_type=told.event_type,
            time=min(told.at, self._clock.now()),
            campaign_id=row.campaign_id,
            delivery_id=row.delivery_id,
            channel=account.caps.contact_channel,
            reason=told.reason,
            birth_key_id=row.birth_key_id,
            withdrawn_address=told.withdrawn_address,
            withdrawn_scope=account.scope if told.withdrawn_address else "",
        )
        sealed = self._keys.seal(self._render_record(feedback), OUTBOX_ABOUT)
        self._outbox.add(connection, tenant, [sealed])


def _everything(channel: port.Channel, callback: Callback) -> list[_Said]:
    said = [
        _Said(each.dedupe_key, each.key, each.message_id, each.address, each.at, each, None)
        for each in channel.parse_receipts(callback)
    ]
    said += [
        _Said(each.dedupe_key, each.key, each.message_id, each.address, each.at, None, each)
        for each in channel.parse_inbound(callback)
    ]
    return said


def _dumped(callback: Callback) -> bytes:
    content = {
        "method": callback.method,
        "raw_query": callback.raw_query,
        "headers": dict(callback.headers),
        "body": callback.body.hex(),
    }
    return json.dumps(content).encode()


def _loaded(stored: bytes) -> Callback:
    content = json.loads(stored)
    return Callback(
        content["method"], content["raw_query"], content["headers"], bytes.fromhex(content["body"])
    )
