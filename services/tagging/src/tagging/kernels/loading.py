"""Kernels from the moment on when they are compiled, and for many events alone: before, and for few, arrays do.

This module does not load numba; who asks for few events only never does.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from rules.evaluate.events import Passes
from rules.evaluate.events.columns import Bools, Ints, Numbers
from servicekit.kernels.readiness import Readiness
from servicekit.kernels.threads import Cancellation, Threads

from tagging.domain.behaviour.engine import ArrayBehaviour, BehaviourEngine

if TYPE_CHECKING:
    from .behaviour import KernelBehaviour

MANY_EVENTS = 200_000
"""From so many on, what kernels save is worth the memory of a compiler."""


class Kernels:
    """EventKernels and BehaviourEngines, for a process. Loads and compiles in the background when first asked for
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

    def of(self, event_count: int, stops: Callable[[], bool]) -> BehaviourEngine:
        """As BehaviourEngines says."""
        loaded = self.over(event_count)
        return self._arrays if loaded is None else loaded.behaviour(stops)

    @cached_property
    def _loaded(self) -> "LoadedKernels":
        return LoadedKernels(Threads())

    def _prepare(self) -> None:
        from .compiling import compile_ahead

        compile_ahead(self._loaded.threads)


class LoadedKernels:
    """RowKernels, and behaviour."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads

    @cached_property
    def passes(self) -> Passes:
        """As the port says."""
        from .passes import KernelPasses

        return KernelPasses(self.threads)

    def behaviour(self, stops: Callable[[], bool]) -> "KernelBehaviour":
        """Over tracks, until `stops` says so."""
        from .behaviour import KernelBehaviour

        return KernelBehaviour(self.threads, Cancellation(stops))

    def order(
        self, owners: Numbers, times: Ints, sequences: Callable[[], Ints], counts: Bools, persons: int
    ) -> Ints | None:
        """As the port says."""
        from .ordering import order_of

        return order_of(np.asarray(owners), times, sequences(), counts, persons, self.threads)
