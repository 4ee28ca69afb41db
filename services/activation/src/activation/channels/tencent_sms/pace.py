"""Turns for questions: Tencent answers twenty a second for an account, and refuses the rest."""

ALLOWED_PER_S = 20
AT_ONCE = 5
PER_S = ALLOWED_PER_S - AT_ONCE
"""So that in no second, whenever it begins, there are more than are allowed."""


class Pace:
    """A few at once, then one after the other; for one event loop."""

    def __init__(self) -> None:
        self._due_s = 0.0

    def turn(self, now_s: float) -> float:
        """Take the next turn; how many seconds from now it is."""
        due_s = max(self._due_s, now_s)
        self._due_s = due_s + 1.0 / PER_S
        return max(0.0, due_s - now_s - (AT_ONCE - 1) / PER_S)
