"""Whose turn it is: live first, bulk at least one turn in ten while both have work."""

from servicekit.revision import Lane

LIVE_TURNS_IN_A_ROW = 9
"""After so many live turns bulk is asked first once: a tenth of the turns."""


class Turns:
    """Counts turns. Ask `order`, serve the first lane of it that has work, say which with `served`."""

    def __init__(self) -> None:
        self._live_in_a_row = 0

    def order(self) -> tuple[Lane, Lane]:
        """The lanes in the order they are to be asked."""
        if self._live_in_a_row >= LIVE_TURNS_IN_A_ROW:
            return Lane.BULK, Lane.LIVE
        return Lane.LIVE, Lane.BULK

    @property
    def live_flows(self) -> bool:
        """Whether live had work since bulk was served last."""
        return self._live_in_a_row > 0

    def served(self, lane: Lane) -> None:
        """One turn was taken. A bulk lane that was asked first and had no work starts the count anew as
        well."""
        due = self._live_in_a_row >= LIVE_TURNS_IN_A_ROW
        self._live_in_a_row = self._live_in_a_row + 1 if lane is Lane.LIVE and not due else 0
