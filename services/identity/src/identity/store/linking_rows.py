"""What the ports of linking take and give; times are microseconds since 1970."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from identity.domain.linking import Conflict
from identity.domain.verdicts import Operation


class Mark:
    """What must be looked up beside a key, as bits of a number kept at the key: one without marks costs no look-up. A
    bit may stay when what it points at is gone. BLOCKED: the tenant's policy forbids it to link. QUARANTINED: too many
    keys hang together with it."""

    CONFLICT: Final = 1
    VERDICT: Final = 2
    PROBABLE: Final = 4
    QUARANTINED: Final = 8
    BLOCKED: Final = 16


class StoredPolicy(NamedTuple):
    """A version of a tenant's policy: JSON shaped like standards/linking.yaml."""

    version: int
    document: str
    actor: str
    reason: str
    time_us: int


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation with who took it and why; `undone_by` 0 while it stands."""

    operation: Operation
    actor: str
    reason: str
    time_us: int
    undone_by: int = 0


class ProbableRow(NamedTuple):
    """A pair that a matching run found; `low` < `high`."""

    low: int
    high: int
    score: int
    run_id: str
    model_version: str


class ConflictRow(NamedTuple):
    """A conflict and when it was first found."""

    conflict: Conflict
    first_us: int


class MergeKind(IntEnum):
    """MERGED: all keys of `other_person_id` went to `person_id`. SPLIT: some keys of `person_id` went to
    `other_person_id`. The numbers are those of huaxiang.identity.v1.MergeKind."""

    MERGED = 1
    SPLIT = 2


class CauseKind(IntEnum):
    """What changed the persons; the numbers are those of huaxiang.identity.v1.CauseKind."""

    RECORD = 1
    OPERATION = 2
    POLICY = 3
    MATCH_RUN = 4
    ERASURE = 5


class Cause(NamedTuple):
    """`id`: the record's id, the operation's, the policy's version, the run's, the erasure's; `source`: a record's."""

    kind: CauseKind
    id: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class MergeRow:
    """A step of the merge history; `sequence` is dense per tenant from 1."""

    sequence: int
    time_us: int
    kind: MergeKind
    person_id: int
    other_person_id: int
    moved_key_ids: tuple[int, ...]
    cause: Cause
