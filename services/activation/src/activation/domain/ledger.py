"""What goes into the ledger and comes out of it."""

import datetime as dt
import json
from dataclasses import dataclass, field
from enum import StrEnum

from activation.domain.delivery import DeliveryState


@dataclass(frozen=True, slots=True)
class Planned:
    """A member of the audience on its way into the ledger; `reason` says for whom it is held out, empty for the
    campaign's own control group."""

    person_id: int
    held_out: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that a worker has taken; its later writes are good only while the row still has this fence. `alone`: it
    must not share a request."""

    delivery_id: str
    person_id: int
    fence: int
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Grounds:
    """What policy looked at when it decided about a row: the recipient's zone and day, and for each cap of that version
    that covers the message, in its order, how many messages counted before this one."""

    policy_version: int
    zone: str
    day: dt.date
    counts: tuple[int, ...]

    def dumped(self) -> str:
        """As JSON."""
        return json.dumps([self.policy_version, self.zone, self.day.isoformat(), *self.counts])


def grounds_of(text: str) -> Grounds | None:
    """The way back of `Grounds.dumped`; None of an empty text."""
    if not text:
        return None
    version, zone, day, *counts = json.loads(text)
    return Grounds(version, zone, dt.date.fromisoformat(day), tuple(counts))


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about a claimed row. With `day` it may be sent and counts for that day; `dest_hash` None and an empty
    `grounds` leave what the row has."""

    delivery_id: str
    birth_key_id: int
    dest_hash: str | None = None
    day: dt.date | None = None
    grounds: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """`count` rows of a campaign, to the person with a birth key, that count for a day."""

    birth_key_id: int
    campaign_id: str
    day: dt.date
    count: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """`count` rows of a campaign to a person that are not decided yet."""

    person_id: int
    campaign_id: str
    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """A row as it is now, locked by the transaction that reads it."""

    delivery_id: str
    campaign_id: str
    state: DeliveryState
    fence: int
    batch_id: str | None
    person_id: int
    birth_key_id: int
    dest_hash: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one row. What is None stays as it is; `due` is when a waiting row may be taken again, and for an
    ACCEPTED row since when a receipt is awaited (now when None)."""

    delivery_id: str
    state: DeliveryState
    reason: str = ""
    due: dt.datetime | None = None
    message_id: str | None = None
    accepted: bool = False
    alone: bool = False


class BatchState(StrEnum):
    """SUBMITTING is written before the first byte leaves; UNKNOWN waits for the resolver."""

    SUBMITTING = "submitting"
    DONE = "done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Batch:
    """One request to a provider. `deadline_ms` is machine time: past it a SUBMITTING batch is UNKNOWN; it also names
    the submission, as a second one of the same bytes has another. `next_look` is when an UNKNOWN one is looked at.

    `sealed_wire` is the built request under the campaign's key, None once it is of no use.
    """

    batch_id: str
    tenant: str
    campaign_id: str
    account: str
    key: str
    digest: str
    sealed_wire: bytes | None = field(repr=False)
    state: BatchState
    submitted_at: dt.datetime
    deadline_ms: int
    absences: int = 0
    next_look: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a delivery."""

    time: dt.datetime
    state: DeliveryState
    reason: str


@dataclass(slots=True)
class Report:
    """What became of a campaign's rows; counted from the ledger."""

    by_state: dict[DeliveryState, int] = field(default_factory=dict)
    suppressed: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    clicked: int = 0

    def of(self, *states: DeliveryState) -> int:
        """Rows in any of these states."""
        return sum(self.by_state.get(state, 0) for state in states)
