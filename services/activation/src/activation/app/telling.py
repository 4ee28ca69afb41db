"""What comes back of a message re-enters as records of the front door, by way of the outbox."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from activation.app.accounts import Account
from activation.domain.feedback import Feedback, record_id
from activation.domain.ledger import Held
from activation.store.ports import KeyMaker, Outbox
from servicekit.clock import Clock
from sqlalchemy import Connection

OUTBOX_ABOUT = "outbox"
DELIVERED, FAILED = "message_delivered", "message_failed"


@dataclass(frozen=True, slots=True)
class Told:
    """What identity is told of a row; the address only when its permission is taken back."""

    row: Held
    event_type: str
    dedupe_key: str
    at: dt.datetime
    reason: str = ""
    withdrawn_address: str = ""


class Telling:
    """`render_record` turns feedback into a serialized record of the front door."""

    def __init__(
        self, outbox: Outbox, keys: KeyMaker, clock: Clock, render_record: Callable[[Feedback], bytes]
    ) -> None:
        self._outbox = outbox
        self._keys = keys
        self._clock = clock
        self._render_record = render_record

    def tell(self, connection: Connection, account: Account, tenant: str, told: Sequence[Told]) -> None:
        """Stores records in the transaction that they follow from; permissions taken back go first."""
        ordered = sorted(told, key=lambda each: not each.withdrawn_address)
        self._outbox.add(connection, tenant, [self._sealed(account, each) for each in ordered])

    def _sealed(self, account: Account, told: Told) -> bytes:
        feedback = Feedback(
            record_id=record_id(account.name, told.dedupe_key, told.event_type),
            event_type=told.event_type,
            time=min(told.at, self._clock.now()),
            campaign_id=told.row.campaign_id,
            delivery_id=told.row.delivery_id,
            channel=account.caps.contact_channel,
            reason=told.reason,
            birth_key_id=told.row.birth_key_id,
            withdrawn_address=told.withdrawn_address,
            withdrawn_scope=account.scope if told.withdrawn_address else "",
        )
        return self._keys.seal(self._render_record(feedback), OUTBOX_ABOUT)
