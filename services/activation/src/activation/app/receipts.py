"""Receipts and replies: stored raw before the provider is answered, applied once, told to identity."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from activation.app.accounts import Account
from activation.app.telling import DELIVERED, FAILED, Telling, Told
from activation.channels import port
from activation.channels.wire import Callback
from activation.domain.delivery import after_receipt
from activation.domain.ledger import Held, Move
from activation.domain.suppression import OPT_OUT, UNREACHABLE, Scope, Suppression
from activation.store.policy_ports import SuppressionList
from activation.store.ports import (
    CampaignStore,
    DeliveryLedger,
    KeyMaker,
    ReceiptInbox,
    StoredCallback,
    Unreadable,
)
from servicekit.clock import Clock
from servicekit.logging import logger
from sqlalchemy import Connection

UNMATCHED_KEPT = dt.timedelta(days=7)
FIRST_RETRY_S = 2.0
MAX_RETRY_S = 3_600.0
INBOX_ABOUT = "receipts"
MAX_SAID = 10_000
"""Entries of one callback; providers send some hundreds."""
MAX_AWAITED_CHARS = 128
FIRST_YEAR = 2000
"""What a provider dates before is not a time of anything."""
_EVENTS = {
    port.InboundKind.OPT_OUT: "message_unsubscribed",
    port.InboundKind.REPLY: "message_replied",
    port.InboundKind.CLICK: "message_clicked",
}
Said = port.Receipt | port.Inbound
ToSuppress = defaultdict[str, list[Suppression]]
"""By tenant."""


@dataclass(frozen=True, slots=True)
class _Match:
    """One thing that a provider said, and the row it is about."""

    tenant: str
    row: Held
    said: Said


class Receipts:
    """Applies callbacks in the order in which they came, as far as their rows are known."""

    def __init__(
        self,
        inbox: ReceiptInbox,
        store: CampaignStore,
        ledger: DeliveryLedger,
        suppressions: SuppressionList,
        telling: Telling,
        accounts: Mapping[str, Account],
        keys: KeyMaker,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._ledger = ledger
        self._suppressions = suppressions
        self._telling = telling
        self._accounts = accounts
        self._keys = keys
        self._clock = clock
        self._new_id = new_id

    def store(self, connection: Connection, account: str, callback: Callback) -> None:
        """Keeps a callback as it came, sealed; when this has committed the provider may be answered."""
        sealed = self._keys.seal(_dumped(callback), INBOX_ABOUT)
        self._inbox.add(connection, StoredCallback(self._new_id(), account, self._clock.now(), sealed))

    def any_due(self, connection: Connection) -> bool:
        """Whether there is a callback to apply."""
        return self._inbox.any_due(connection, self._clock.now())

    def apply(self, connection: Connection, limit: int) -> int:
        """Applies stored callbacks, each receipt once. What matches no delivery yet (the receipt came before our own
        commit) is tried again for 7 days; what cannot be read is kept as long. Returns how many it looked at."""
        callbacks = self._inbox.due(connection, self._clock.now(), limit)
        to_suppress: ToSuppress = defaultdict(list)
        for stored in callbacks:
            self._apply_one(connection, stored, to_suppress)
        for tenant in sorted(to_suppress):  # last: whoever is about to send waits for the commit
            self._suppressions.add(connection, tenant, to_suppress[tenant])
        return len(callbacks)

    # -------------------------------------------------------------------------------------------- parts

    def _apply_one(self, connection: Connection, stored: StoredCallback, to_suppress: ToSuppress) -> None:
        account = self._accounts.get(stored.account)
        now, given_up = self._clock.now(), stored.received_at + UNMATCHED_KEPT
        try:
            said = None if account is None else self._said(account.channel, stored)
        except (port.ChannelError, Unreadable) as error:
            said = None
            logger().warning("callback unreadable", channel=stored.account, reason=type(error).__name__)
        if account is None or said is None:
            complete, next_try, awaits = now >= given_up, given_up, ""
        else:
            unmatched = self._settle(connection, account, said, to_suppress)
            complete = not unmatched or now >= given_up
            awaits = next((each.message_id for each in unmatched if each.message_id), "")[:MAX_AWAITED_CHARS]
            pause_s = min(FIRST_RETRY_S * 2.0 ** min(stored.tries, 20), MAX_RETRY_S)
            next_try = min(now + dt.timedelta(seconds=pause_s), given_up)
        if complete:
            self._inbox.done(connection, stored.receipt_id)
        else:
            self._inbox.later(connection, stored.receipt_id, next_try, awaits)

    def _said(self, channel: port.Channel, stored: StoredCallback) -> list[Said]:
        """The provider's keys are digests over addresses: they are kept and told under ours. Raises ChannelError,
        Unreadable."""
        said = _said(channel, _loaded(self._keys.open(stored.sealed, INBOX_ABOUT)))
        return [replace(each, dedupe_key=self._keys.fingerprint(each.dedupe_key)) for each in said]

    def _settle(
        self, connection: Connection, account: Account, said: Sequence[Said], to_suppress: ToSuppress
    ) -> list[Said]:
        """Applies what a callback says; returns what matches no delivery yet."""
        by_ref: dict[tuple[str, str], list[Said]] = defaultdict(list)
        for each in said:
            by_ref[each.key, each.message_id].append(each)
        matches: list[_Match] = []
        matched: set[int] = set()
        for ref, some in by_ref.items():
            found = self._matches(connection, account, ref, [each for each in some if each.address])
            matched |= {id(each.said) for each in found}
            matches += found
            for whole in (each for each in some if not each.address):
                found = self._of_all(connection, account, ref, whole)
                matched |= {id(whole)} if found else set()
                matches += found
        fresh = self._inbox.first(
            connection, account.name, [each.said.dedupe_key for each in matches], self._clock.now()
        )
        for tenant in sorted({each.tenant for each in matches}):
            new = [each for each in matches if each.tenant == tenant and each.said.dedupe_key in fresh]
            self._apply_to(connection, account, tenant, new)
            to_suppress[tenant] += self._of_rows(account, new)
        unmatched = [each for each in said if id(each) not in matched]
        self._of_nobody_known(connection, account, unmatched, to_suppress)
        return [each for each in unmatched if each.key or each.message_id]

    def _matches(
        self, connection: Connection, account: Account, ref: tuple[str, str], said: Sequence[Said]
    ) -> list[_Match]:
        """Rows of what was said about one message or batch. What names neither (a reply, somebody leaving) is about the
        latest message to the address, in each tenant that uses the account; without one it is about nothing."""
        if ref == ("", ""):
            return [
                _Match(tenant, row, each)
                for tenant in self._store.tenants(connection, account.name)
                for each in said
                if (
                    row := self._ledger.latest_to(
                        connection, tenant, account.name, self._hash(account, tenant, each.address)
                    )
                )
            ]
        tenant = self._ledger.owner(connection, account.name, *ref)
        if tenant is None:
            return []
        hashes = [self._hash(account, tenant, each.address) for each in said]
        rows = self._ledger.sent(connection, tenant, account.name, ref, hashes)
        return [
            _Match(tenant, rows[hashed], each)
            for hashed, each in zip(hashes, said, strict=True)
            if hashed in rows
        ]

    def _of_all(
        self, connection: Connection, account: Account, ref: tuple[str, str], said: Said
    ) -> list[_Match]:
        """What names no address is about every row of its message, and in each row something of its own."""
        tenant = self._ledger.owner(connection, account.name, *ref) if ref[1] else None
        if tenant is None:
            return []
        return [
            _Match(tenant, row, replace(said, dedupe_key=self._own_key(said, row)))
            for row in self._ledger.of_message(connection, tenant, account.name, ref[1])
        ]

    def _own_key(self, said: Said, row: Held) -> str:
        return self._keys.fingerprint(f"{said.dedupe_key}/{row.delivery_id}")

    def _apply_to(
        self, connection: Connection, account: Account, tenant: str, matches: Sequence[_Match]
    ) -> None:
        moves: list[Move] = []
        clicked: list[str] = []
        told: list[Told] = []
        rows: dict[str, Held] = {}
        for match in matches:
            row, said = rows.get(match.row.delivery_id, match.row), match.said
            if isinstance(said, port.Inbound):
                withdrawn = said.address if said.kind is port.InboundKind.OPT_OUT else ""
                told.append(
                    Told(row, _EVENTS[said.kind], said.dedupe_key, said.at, withdrawn_address=withdrawn)
                )
                if said.kind is port.InboundKind.CLICK:
                    clicked.append(row.delivery_id)
                continue
            delivered = said.status is port.ReceiptStatus.DELIVERED
            state = after_receipt(row.state, delivered=delivered)
            if state is None:
                continue
            reason = "" if delivered else said.code
            message_id = said.message_id or None
            moves.append(Move(row.delivery_id, state, reason, message_id=message_id, accepted=True))
            rows[row.delivery_id] = replace(row, state=state)
            told.append(Told(row, DELIVERED if delivered else FAILED, said.dedupe_key, said.at, reason))
        self._ledger.move(connection, tenant, moves, self._clock.now())
        self._ledger.clicked(connection, tenant, clicked, self._clock.now())
        self._telling.tell(connection, account, tenant, told)

    def _of_rows(self, account: Account, matches: Sequence[_Match]) -> list[Suppression]:
        """Who refuses, and what is dead, gets no more marketing on the channel. A number may come to life again: what
        its owner waits for is still tried."""
        return [
            self._suppressed(account, each.row.dest_hash, reason)
            for each in matches
            if each.row.dest_hash and (reason := _reason_to_suppress(each.said))
        ]

    def _of_nobody_known(
        self, connection: Connection, account: Account, said: Sequence[Said], to_suppress: ToSuppress
    ) -> None:
        """A refusal holds, once, although no row is known that it answers (its person may be erased): for the tenant
        that the message was of, and for every tenant that uses the account when it names no message."""
        own = {
            self._keys.fingerprint(f"{each.dedupe_key}/nobody"): each
            for each in said
            if each.address and _reason_to_suppress(each) == OPT_OUT
        }
        fresh = self._inbox.first(connection, account.name, own.keys(), self._clock.now())
        for each in (own[key] for key in sorted(fresh)):
            owner = self._ledger.owner(connection, account.name, each.key, each.message_id)
            named = each.key or each.message_id
            everybody = [] if named else self._store.tenants(connection, account.name)
            for tenant in [owner] if owner else everybody:
                hashed = self._hash(account, tenant, each.address)
                to_suppress[tenant].append(self._suppressed(account, hashed, OPT_OUT))

    def _suppressed(self, account: Account, hashed: str, reason: str) -> Suppression:
        channel = account.caps.contact_channel
        return Suppression(hashed, Scope.CHANNEL, channel, False, reason, self._clock.now())

    def _hash(self, account: Account, tenant: str, address: str) -> str:
        return self._keys.address_hash(tenant, account.caps.contact_channel, address)


def _reason_to_suppress(said: Said) -> str:
    if isinstance(said, port.Receipt):
        return UNREACHABLE if said.unreachable else ""
    return OPT_OUT if said.kind is port.InboundKind.OPT_OUT else ""


def _said(channel: port.Channel, callback: Callback) -> list[Said]:
    """Raises ChannelError for whatever is wrong with the callback: none may stop those behind it."""
    try:
        acts = [each for each in channel.parse_inbound(callback) if each.kind in _EVENTS]  # grants: not kept
        said: list[Said] = [*channel.parse_receipts(callback), *acts]
    except port.ChannelError:
        raise
    except Exception as error:
        raise port.CallbackMalformedError(f"reading failed with {type(error).__name__}") from error
    if len(said) > MAX_SAID:
        raise port.CallbackMalformedError(f"holds more than {MAX_SAID} entries")
    if any("\x00" in text for each in said for text in (each.key, each.message_id, each.dedupe_key)):
        raise port.CallbackMalformedError("a reference holds a NUL character")
    if any(each.at.year < FIRST_YEAR for each in said):
        raise port.CallbackMalformedError(f"a time lies before {FIRST_YEAR}")
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
