"""Compiled code over many events, where there is some."""

from collections.abc import Callable
from typing import Protocol

from rules.evaluate.events import Passes
from rules.evaluate.events.columns import Bools, Ints, Numbers


class RowKernels(Protocol):
    """Safe for threads; methods block."""

    @property
    def passes(self) -> Passes:
        """Who passes over rows that stand in order."""
        ...

    def order(
        self, owners: Numbers, times: Ints, sequences: Callable[[], Ints], counts: Bools, persons: int
    ) -> Ints | None:
        """The rows that count by owner, a slot below `persons`, then time and sequence; None when all do and stand
        so."""
        ...


class EventKernels(Protocol):
    """Safe for threads."""

    def over(self, events: int) -> RowKernels | None:
        """What goes over so many events; None when they are few, or while nothing is compiled. Never blocks."""
        ...
