"""Compiling all kernels ahead, so that no first question has to wait for it."""

import numpy as np
from rules.evaluate.events import Chosen, Flagged
from servicekit.kernels.threads import Threads

from tagging.domain.behaviour.funnel import Funnel
from tagging.domain.behaviour.paths import Walking
from tagging.domain.behaviour.retention import Retention
from tagging.domain.behaviour.tracks import Track

from .behaviour import KernelBehaviour
from .ordering import order_of
from .passes import KernelPasses


def compile_ahead(threads: Threads) -> None:
    """Runs every kernel once over one event, with the types that all callers have. The code is kept where
    NUMBA_CACHE_DIR says: without any there this takes half a minute, else a second."""
    one = np.ones(1, np.int64)
    track = Track(np.zeros(1, np.int32), one, one, np.ones(1, np.uint16))
    behaviour = KernelBehaviour(threads)
    for strict in (False, True):
        behaviour.reached([track], Funnel(1, 1, strict, 0, 2), 1)
    retention = Retention((0, 2), 1, 1)
    behaviour.matrix(*behaviour.returns([track], retention, 1), retention)
    behaviour.walks([track], Walking(1, 1, False, False, 0, 2), 1)
    passes = KernelPasses(threads)
    rows = Chosen(track.owners, one, 0, 2)
    passes.counts(rows, 1)
    passes.totals(rows, one, 1)
    passes.places(rows, 1, 1)
    passes.extremes(rows, one, 1, greatest=True)
    passes.days(rows, 0, 1)
    passes.by_code(track.owners, one)
    passes.chained([Flagged(track.owners, one, one, track.flags)], [1], [0], None, 1)
    turned = np.zeros(2, np.int32), np.array([2, 1], np.int64), np.array([1, 2], np.int64)
    order_of(*turned, np.ones(2, np.bool_), 1, threads)
    order_of(*turned, np.zeros(2, np.bool_), 1, threads)
