"""One row of the ledger: one person, one step, one channel; its states and how they follow each other."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from enum import IntEnum

STEP = "send"
"""The only step of a plain campaign."""
BUCKETS = 10_000


class DeliveryState(IntEnum):
    """The numbers are those of delivery_service.proto."""

    HOLDOUT = 1
    SUPPRESSED = 2
    READY = 3
    CLAIMED = 4
    SUBMITTING = 5
    RETRY_WAIT = 6
    UNKNOWN = 7
    ACCEPTED = 8
    REJECTED = 9
    DELIVERED = 10
    UNDELIVERED = 11
    NO_RECEIPT = 12
    ABANDONED = 13
    EXPIRED = 14
    CANCELLED = 15


S = DeliveryState
TERMINAL = frozenset(
    {
        S.HOLDOUT,
        S.SUPPRESSED,
        S.REJECTED,
        S.DELIVERED,
        S.UNDELIVERED,
        S.NO_RECEIPT,
        S.ABANDONED,
        S.EXPIRED,
        S.CANCELLED,
    }
)
UNSENT = frozenset({S.READY, S.RETRY_WAIT})
"""Certainly not sent and not in any worker's hands."""
IN_HANDS = frozenset({S.CLAIMED, S.SUBMITTING})
"""In a worker's hands."""
UNCOUNTED = frozenset({S.HOLDOUT, S.SUPPRESSED, S.READY, S.RETRY_WAIT, S.REJECTED, S.EXPIRED, S.CANCELLED})
"""Certainly not sent: they count for no cap. A row counts from the decision that it may be sent, and goes on counting
while nobody knows what became of it."""
FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 86_400.0
"""A provider may put a row off for a day at most; the campaign's expire_time ends the waiting."""
MAX_BACKOFF_S = 3_600.0
JITTER = 0.25


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row. `fence` rises with every claim; `attempts` counts submissions; times are the suite's."""

    tenant: str
    delivery_id: str
    campaign_id: str
    person_id: int
    channel: str
    state: DeliveryState
    reason: str
    attempts: int
    fence: int
    birth_key_id: int
    update_time: dt.datetime
    grounds: str = ""


def delivery_id(tenant: str, campaign_id: str, person_id: int, channel: str, step: str = STEP) -> str:
    """32 hex digits: blake2b-128 over what makes a row unique."""
    text = "\x1f".join([tenant, campaign_id, step, str(person_id), channel])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def held_out(salt: str, birth_hash: int, basis_points: int) -> bool:
    """Whether a person belongs to the control group: blake2b-64(salt | birth_hash) mod 10,000 below the share.

    Depends on the birth identifier alone, so it survives merges and reruns; one salt holds back the same persons.
    """
    digest = hashlib.blake2b(f"{salt}\x1f{birth_hash:016x}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS < basis_points


def after_receipt(state: DeliveryState, *, delivered: bool) -> DeliveryState | None:
    """The state that a receipt leads to, None when it changes nothing.

    A receipt names a submission of ours, so it proves that the message was sent whatever the row says by now. Late,
    repeated and disordered receipts never lead back: DELIVERED beats UNDELIVERED, both beat all else.
    """
    if state is S.DELIVERED or (state is S.UNDELIVERED and not delivered):
        return None
    return S.DELIVERED if delivered else S.UNDELIVERED


def retry_pause_s(after_s: float, attempts: int, batch_id: str) -> float:
    """How long a row waits after `attempts` submissions: what the provider asked for, doubled with each attempt up to
    an hour, a day at most; up to a quarter more, alike for all rows of a batch, so that batches do not come at once."""
    wanted = max(after_s, FIRST_PAUSE_S)
    grown = max(wanted, min(wanted * 2.0 ** min(max(attempts - 1, 0), 20), MAX_BACKOFF_S))
    lot = int.from_bytes(hashlib.blake2b(batch_id.encode(), digest_size=2).digest(), "big") / 2**16
    return min(grown * (1.0 + JITTER * lot), MAX_PAUSE_S)
