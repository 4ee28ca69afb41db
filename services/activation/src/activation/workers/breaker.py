"""Spares a provider that does not answer: after three failures in a row its sender pauses, longer each time."""

import time
from collections.abc import Callable, Sequence

from activation.channels.port import Outcome, Verdict

FAILURES_BORNE = 3
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 30.0


class Breaker:
    """Machine time. A submission of which nothing is known or of which everything comes back is a failure."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._failures = 0
        self._open_until_s = 0.0

    def left_s(self) -> float:
        """How long to pause yet; 0 when a submission may be tried."""
        return max(0.0, self._open_until_s - self._now_s())

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Takes the outcomes of one submission."""
        failed = all(
            outcome.verdict is Verdict.UNKNOWN or (outcome.verdict is Verdict.RETRY and not outcome.alone)
            for outcome in outcomes
        )
        self._failures = self._failures + 1 if failed else 0
        beyond = self._failures - FAILURES_BORNE
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(beyond, 20), MAX_PAUSE_S) if beyond >= 0 else 0.0
        self._open_until_s = self._now_s() + pause_s
