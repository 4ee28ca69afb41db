"""What the ports of matching take and give; times are microseconds since 1970, weights scaled by 10,000."""

from enum import IntEnum
from typing import NamedTuple

WEIGHT_SCALE = 10_000
"""A stored weight of 10,000 is a match weight of 1: twice as likely one person than two."""
PARTS = 10_000
"""The whole work of a run."""


class ModelRow(NamedTuple):
    """A model of the registry. `specification`, `bands`, `metrics` are JSON; `settings` is the engine's document, empty
    until it was trained on the rows that `data_hash` is the digest of."""

    version: int
    request_id: str
    actor: str
    note: str
    time_us: int
    specification: str
    bands: str
    engine: str = ""
    settings: str = ""
    data_hash: str = ""
    metrics: str = "{}"


class RunKind(IntEnum):
    """What a run does; the numbers are those of huaxiang.identity.v1.MatchRunKind."""

    TRAIN = 1
    MATCH = 2


class RunState(IntEnum):
    """Where a run stands; the numbers are those of huaxiang.identity.v1.MatchRunState."""

    PENDING = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5


ENDED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})


class RunRow(NamedTuple):
    """A run. `done_parts` of 10,000; machine times, 0 for not yet; `outcome` is JSON with its counts."""

    run_id: int
    request_id: str
    kind: RunKind
    model_version: int
    state: RunState = RunState.PENDING
    cancelling: bool = False
    step: str = ""
    done_parts: int = 0
    start_us: int = 0
    end_us: int = 0
    outcome: str = "{}"
    failure: str = ""


class TaskRow(NamedTuple):
    """A pair to decide. `fields` is JSON: [[comparison, level, weight], ...]."""

    task_id: int
    run_id: int
    low: int
    high: int
    weight: int
    fields: str


class LabelRow(NamedTuple):
    """What a human decided about a pair, the operation that it became, and the weight that a model gave the pair."""

    low: int
    high: int
    same: bool
    actor: str
    reason: str
    time_us: int
    task_id: int
    operation_id: int
    model_version: int
    weight: int
