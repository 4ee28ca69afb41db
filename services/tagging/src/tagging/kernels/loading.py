"""Kernels from the moment on when they are compiled, and for many events alone: before, and for few, arrays do.

This module does not load numba; who asks for few events only never does.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from rules.evaluate.events import Passes
from rules.evaluate.events.columns import Bools, Ints, Numbers
from servicekit.kernels.readiness import Readiness
from servicekit.kernels.threads import Threads

from tagging.domain.behaviour import funnel, paths, retention
from tagging.domain.behaviour.engine import ArrayBehaviour, BehaviourEngine
from tagging.domain.behaviour.tracks import Track

if TYPE_CHECKING:
    from .behaviour import KernelBehaviour

MANY_EVENTS = 200_000
"""From so many on, what kernels save is worth the memory of a compiler."""


class Kernels:
    """EventKernels and a BehaviourEngine, for a process. Loads and compiles in the background when first asked for
    many events."""

    def __init__(self, many_events: int = MANY_EVENTS) -> None:
        self._many_events = many_events
        self._is_ready = Readiness(self._prepare, "arrays answer in place of the kernels over events")
        self._arrays = ArrayBehaviour()

    def over(self, events: int) -> "LoadedKernels | None":
        """As the port says."""
        return self._loaded if events >= self._many_events and self._is_ready() else None

    def wait(self, timeout_s: float) -> bool:
        """Whether kernels are there before the time is over."""
        return self._is_ready.wait(timeout_s)

    def at_once(self, event_count: int) -> int:
        """As BehaviourEngine says."""
        return self._engine(event_count).at_once(event_count)

    def reached(self, tracks: Sequence[Track], asked: funnel.Funnel, persons: int) -> funnel.Reached:
        """As BehaviourEngine says."""
        return self._engine(_count(tracks)).reached(tracks, asked, persons)

    def returns(
        self, tracks: Sequence[Track], asked: retention.Retention, persons: int
    ) -> tuple[retention.Cohorts, retention.Returns]:
        """As BehaviourEngine says."""
        return self._engine(_count(tracks)).returns(tracks, asked, persons)

    def matrix(
        self, cohorts: retention.Cohorts, found: retention.Returns, asked: retention.Retention
    ) -> retention.Matrix:
        """As BehaviourEngine says."""
        return self._engine(len(cohorts)).matrix(cohorts, found, asked)

    def walks(self, tracks: Sequence[Track], asked: paths.Walking, persons: int) -> tuple[Ints, paths.Walks]:
        """As BehaviourEngine says."""
        return self._engine(_count(tracks)).walks(tracks, asked, persons)

    def _engine(self, event_count: int) -> BehaviourEngine:
        loaded = self.over(event_count)
        return self._arrays if loaded is None else loaded.behaviour

    @cached_property
    def _loaded(self) -> "LoadedKernels":
        return LoadedKernels(Threads())

    def _prepare(self) -> None:
        from .compiling import compile_ahead

        compile_ahead(self._loaded.threads)


def _count(tracks: Sequence[Track]) -> int:
    return sum(len(each.owners) for each in tracks)


class LoadedKernels:
    """RowKernels, and behaviour."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads

    @cached_property
    def passes(self) -> Passes:
        """As the port says."""
        from .passes import KernelPasses

        return KernelPasses(self.threads)

    @cached_property
    def behaviour(self) -> "KernelBehaviour":
        """Over tracks."""
        from .behaviour import KernelBehaviour

        return KernelBehaviour(self.threads)

    def order(
        self, owners: Numbers, times: Ints, sequences: Callable[[], Ints], counts: Bools, persons: int
    ) -> Ints | None:
        """As the port says."""
        from .ordering import order_of

        return order_of(np.asarray(owners), times, sequences(), counts, persons, self.threads)
