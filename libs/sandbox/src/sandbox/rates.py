"""Rate windows as providers count them."""

import math

from sandbox.clock import Clock


class RateWindow:
    """At most `limit` calls in each window of `length_s` seconds (suite's clock); windows do not overlap.

    Kept in memory: a restart of the sandbox opens a new window.
    """

    def __init__(self, clock: Clock, limit: int, length_s: float) -> None:
        self._clock = clock
        self.limit = limit
        self._length_s = length_s
        self._window = -1
        self._used = 0

    def take(self) -> bool:
        """Count a call; False when the window is used up."""
        window = math.floor(self._clock.now() / self._length_s)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= self.limit:
            return False
        self._used += 1
        return True

    @property
    def remaining(self) -> int:
        return self.limit - self._used

    @property
    def reset_s(self) -> int:
        """Whole seconds until the next window, at least 1."""
        return max(1, math.ceil(self._length_s - self._clock.now() % self._length_s))
