"""Members on their way out of the suite: asked for, approved by somebody else, in an order that tells the export."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from math import lgamma, log

import numpy as np
import numpy.typing as npt

MAX_COLUMNS = 20
MAX_NAMESPACES = 10
MAX_OPEN_EXPORTS = 100
MAX_RECIPIENT_CHARS = 256
MAX_DUE = dt.timedelta(days=30)
ROW_LIMIT = 1_000
"""So many rows go without a second person, of one requester within ROW_LIMIT_WINDOW together: lists in parts, too."""
ROW_LIMIT_WINDOW = dt.timedelta(hours=24)
FEWEST_TRACED, MAX_TRACED = 10, 10_000
SEED_BITS = 63
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST_SHIFT = 31

Ids = npt.NDArray[np.uint32]


class ExportState(IntEnum):
    """The numbers are those of huaxiang.segments.v1.ExportState."""

    REQUESTED = 1
    APPROVED = 2
    REJECTED = 3
    EXPIRED = 4


class ExportAction(IntEnum):
    """The numbers are those of huaxiang.segments.v1.ExportAction."""

    REQUEST = 1
    APPROVE = 2
    REJECT = 3
    FETCH = 4
    PASS = 5


@dataclass(frozen=True, slots=True)
class ExportStep:
    """Something that was done with an export; `rows` that a fetch was about to send, `request_id` of a decision's
    caller, "" for none; `subject` "" when the row limit let it pass."""

    action: ExportAction
    subject: str
    time: dt.datetime
    reason: str = ""
    rows: int = 0
    request_id: str = ""

    def repeats(self, earlier: "ExportStep") -> bool:
        """Whether it is that step, sent once more."""
        return bool(self.request_id) and replace(self, time=earlier.time) == earlier


@dataclass(frozen=True, slots=True)
class Export:
    """An export. Times are the suite's.

    request_id  of its caller, unique within a tenant; `request` a digest of what was asked with it
    seed        decides its order; told to nobody
    sequence    rises by tenant
    namespaces  of identifiers; `purpose` and `brand` are what consent is asked for, "" without any
    """

    export_id: str
    request_id: str
    request: str
    segment_id: str
    count: int
    tag_ids: tuple[str, ...]
    reason: str
    recipient: str
    subject: str
    create_time: dt.datetime
    due_time: dt.datetime
    seed: int
    purposes: tuple[str, ...] = ()
    state: ExportState = ExportState.REQUESTED
    sequence: int = 0
    namespaces: tuple[str, ...] = ()
    purpose: str = ""
    brand: str = ""

    def at(self, moment: dt.datetime) -> "Export":
        """As it stands then: past its due time it has expired."""
        is_open = self.state in (ExportState.REQUESTED, ExportState.APPROVED)
        return replace(self, state=ExportState.EXPIRED) if is_open and moment >= self.due_time else self

    def watermark(self, moment: dt.datetime) -> str:
        """What a file that is fetched then says of itself, in one line."""
        until = self.due_time.isoformat("T", "seconds")
        told = (
            f"export {self.export_id} by {self.subject} at {moment.isoformat('T', 'seconds')} until {until}"
        )
        return " ".join(f"{told} for {self.recipient}: {self.reason}".split())


def marks(person_ids: Ids, seed: int) -> npt.NDArray[np.uint64]:
    """Where each person stands in an export's order: the finaliser of SplitMix64 (Steele, Lea, Flood 2014) over id XOR
    seed. It is a bijection, so no two stand at the same place."""
    mixed = person_ids.astype(np.uint64) ^ np.uint64(seed)
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(_LAST_SHIFT))


def in_order(person_ids: Ids, seed: int, after: int = 0, renamed: Ids | None = None) -> Ids:
    """The persons in an export's order; only those after one, when it is said, and the `renamed`, who stand for frozen
    persons that were merged into them: under their old ids these may have stood after it."""
    places = marks(person_ids, seed)
    if after:
        beyond = marks(np.asarray([after], np.uint32), seed)[0]
        goes_on = places > beyond
        if renamed is not None:
            goes_on |= np.isin(person_ids, renamed)
        person_ids, places = person_ids[goes_on], places[goes_on]
    return person_ids[np.argsort(places, kind="stable")]


def has_order_of(person_ids: Sequence[int], seed: int) -> bool:
    """Whether persons stand as in an export's order, others among them left out: in one ascending stretch, or in
    several, as when a fetch went on after a merge. At most s^n of all n! orders of n persons have s stretches, for each
    person lies in one of them; so many must be no more than one is among those of FEWEST_TRACED persons."""
    ids = np.asarray(list(dict.fromkeys(person_ids)), np.uint32)
    places = marks(ids, seed)
    stretches = 1 + int(np.count_nonzero(places[1:] < places[:-1]))
    return stretches == 1 or len(ids) * log(stretches) - lgamma(len(ids) + 1) <= -lgamma(FEWEST_TRACED + 1)
