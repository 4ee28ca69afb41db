"""Long work on a segment's members, as a resource with progress and cost."""

import datetime as dt
from dataclasses import dataclass, replace
from enum import IntEnum

MAX_WAITING_RUNS = 20
"""Unfinished runs of a tenant, at most."""
RUNS_KEEP = dt.timedelta(days=30)
STOPPED = "the service stopped while it ran: start it again"


class RunState(IntEnum):
    """The numbers are those of huaxiang.segments.v1.RunState."""

    PENDING = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self >= RunState.SUCCEEDED


class RunKind(IntEnum):
    """The numbers are those of huaxiang.segments.v1.RunKind."""

    RECOMPUTE = 1
    EXPAND = 2
    UPLOAD = 3


@dataclass(frozen=True, slots=True)
class Run:
    """A run. Machine times in milliseconds.

    request_id   of its caller, unique within a tenant; `request` a digest of what was asked with it
    sequence     rises by tenant
    subject      who began it
    done, total  how far it is; total 0: not known
    count        members of the segment at its end
    cpu_ms       processor time of the process meanwhile, all its threads
    """

    run_id: str
    request_id: str
    request: str
    kind: RunKind
    segment_id: str
    subject: str
    created_ms: int
    sequence: int = 0
    state: RunState = RunState.PENDING
    started_ms: int | None = None
    ended_ms: int | None = None
    done: int = 0
    total: int = 0
    count: int = 0
    problem: str = ""
    revision: str = ""
    cpu_ms: int = 0

    def begun(self, machine_ms: int) -> "Run":
        """Works from now on."""
        return replace(self, state=RunState.RUNNING, started_ms=machine_ms)

    def ended(self, state: RunState, machine_ms: int, problem: str = "") -> "Run":
        """In its final state."""
        return replace(self, state=state, ended_ms=machine_ms, problem=problem)
