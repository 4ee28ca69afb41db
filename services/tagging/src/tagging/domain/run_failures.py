"""Why a tag of a run has no new values: a stable reason, and words that help whoever defines the tag.

Words name columns, types and limits; never a value of the data, nor what an engine said about it.
"""

from dataclasses import dataclass
from enum import IntEnum


class FailureReason(IntEnum):
    """The numbers are those of huaxiang.tagging.v1.RunFailureReason."""

    COMPUTATION_FAILED = 1
    DEFINITION_BROKEN = 2
    DEFINITION_CHANGED = 3
    NUMBER_OVERFLOW = 4
    SQL_MALFORMED = 10
    SQL_FORBIDDEN = 11
    SQL_INPUT_UNKNOWN = 12
    SQL_TIMED_OUT = 13
    SQL_MEMORY_EXCEEDED = 14
    SQL_RESULT_MALFORMED = 15
    SQL_PERSON_REPEATED = 16
    SQL_PERSON_UNKNOWN = 17
    SQL_FAILED = 18


@dataclass(frozen=True, slots=True)
class Failure:
    """`detail`: what is wrong and how to mend it."""

    reason: FailureReason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason.name}: {self.detail}"


class ColumnFailed(Exception):
    """A column cannot be computed, for a reason that its definition can mend."""

    def __init__(self, reason: FailureReason, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(reason, detail)


OVERFLOW = Failure(
    FailureReason.NUMBER_OVERFLOW,
    "a number does not fit into 64 bits with four decimals: sum over a shorter window, or divide first",
)
UNEXPECTED = Failure(
    FailureReason.COMPUTATION_FAILED,
    "the evaluator could not compute it; the service's log names the cause beside the column",
)
OVERTAKEN = Failure(
    FailureReason.DEFINITION_CHANGED, "its definition changed while it was computed: run it again"
)


def broken(problem: str) -> Failure:
    """A definition that held when it was stored and holds no longer."""
    return Failure(FailureReason.DEFINITION_BROKEN, problem)
