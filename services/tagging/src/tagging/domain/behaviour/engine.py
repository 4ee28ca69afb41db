"""Who works out behaviour: arrays in, arrays out, so that compiled kernels may stand for the plain meaning."""

from collections.abc import Callable, Sequence
from typing import Protocol

from rules.evaluate.events.columns import Ints

from . import funnel, paths, retention
from .tracks import Track

MOST_EVENTS = 2_000_000
"""Worked out at once over arrays: bounds what sorting takes beside the events themselves."""


class BehaviourEngine(Protocol):
    """Answers by person over tracks, each in order of (person, time, ingest sequence), owners being slots from 0 up to
    but without `persons`. Methods block, hold no state, and are safe for threads."""

    @property
    def at_once(self) -> int | None:
        """How many events are best worked out at once; None is all."""
        ...

    def reached(self, tracks: Sequence[Track], asked: funnel.Funnel, persons: int) -> funnel.Reached:
        """As `funnel.reached`."""
        ...

    def returns(
        self, tracks: Sequence[Track], asked: retention.Retention, persons: int
    ) -> tuple[retention.Cohorts, retention.Returns]:
        """As `retention.returns`."""
        ...

    def matrix(
        self, cohorts: retention.Cohorts, found: retention.Returns, asked: retention.Retention
    ) -> retention.Matrix:
        """As `retention.matrix`."""
        ...

    def walks(self, tracks: Sequence[Track], asked: paths.Walking, persons: int) -> tuple[Ints, paths.Walks]:
        """As `paths.walks`."""
        ...


class BehaviourEngines(Protocol):
    """Safe for threads."""

    def of(self, event_count: int, stops: Callable[[], bool]) -> BehaviourEngine:
        """Who works out a question about so many events. It may give up, raising what it likes, when `stops` says that
        nobody waits for the answer. Never blocks."""
        ...


class ArrayBehaviour:
    """The meaning itself, over NumPy."""

    def of(self, event_count: int, stops: Callable[[], bool]) -> BehaviourEngine:
        """As BehaviourEngines says; it never gives up by itself."""
        return self

    @property
    def at_once(self) -> int | None:
        """As the port says."""
        return MOST_EVENTS

    def reached(self, tracks: Sequence[Track], asked: funnel.Funnel, persons: int) -> funnel.Reached:
        """As the port says."""
        return funnel.reached(tracks, asked, persons)

    def returns(
        self, tracks: Sequence[Track], asked: retention.Retention, persons: int
    ) -> tuple[retention.Cohorts, retention.Returns]:
        """As the port says."""
        return retention.returns(tracks, asked, persons)

    def matrix(
        self, cohorts: retention.Cohorts, found: retention.Returns, asked: retention.Retention
    ) -> retention.Matrix:
        """As the port says."""
        return retention.matrix(cohorts, found, asked)

    def walks(self, tracks: Sequence[Track], asked: paths.Walking, persons: int) -> tuple[Ints, paths.Walks]:
        """As the port says."""
        return paths.walks(tracks, asked, persons)
