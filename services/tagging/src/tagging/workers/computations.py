"""The one worker that computes everybody: runs, backfills, days, ageing, stale persons, a mapping that changed; one
thing at a time."""

import asyncio
from collections.abc import Callable

from servicekit.database import Database
from servicekit.logging import logger
from tagging.app.features import KeepFeatures
from tagging.app.follow_mapping import FollowMapping
from tagging.app.keep_current import KeepCurrent
from tagging.app.publish import ComputeEverybody, Interrupted
from tagging.app.roll_day import RollDay
from tagging.app.run_tags import ExecuteRuns
from tagging.store.ports import Progress

PAUSE_S = 0.05
"""Between two looks when there is nothing to do, machine time."""
IDLE_S = 0.5
"""Between two looks at most when nothing is committed meanwhile: time alone brings days and ageing about."""
QUIET_LOOKS = 4
"""Looks without news in the bulk lane after which stale persons are computed: a burst is computed once."""
PATIENCE_LOOKS = 40
"""Looks after which they are computed although the lane never rests."""
FAILURE_PAUSE_S = 2.0


class ComputationWorker:
    """Runs until cancelled. What fails is logged and tried again after a pause; it changes nothing half."""

    def __init__(
        self,
        database: Database,
        progress: Progress,
        runs: ExecuteRuns,
        days: RollDay,
        current: KeepCurrent,
        features: KeepFeatures,
        mapping: FollowMapping,
        compute: ComputeEverybody,
    ) -> None:
        self._database = database
        self._progress = progress
        self._runs = runs
        self._compute = compute
        self._current = current
        self._bulk: int | None = None
        self._quiet = 0
        self._waited = 0
        self._duties: tuple[tuple[str, Callable[[], bool]], ...] = (
            ("day", days.roll),
            ("run", self._run),
            ("backfill", features.backfill),
            ("ageing", current.age),
            ("stale", self._stale),
            ("mapping", mapping.follow),
            ("unneeded", features.drop_unneeded),
        )

    async def run(self) -> None:
        await self._database.write(self._compute.end_dead)
        commits = self._database.commits
        while True:
            seen, worked, pause_s = commits.count, True, 0.0
            try:
                worked = await self._step_in_a_thread()
                pause_s = 0.0 if worked else PAUSE_S
            except Interrupted:
                return
            except Exception as error:
                logger().error("a computation failed", exc_info=error)
                pause_s = FAILURE_PAUSE_S
            await asyncio.sleep(pause_s)
            if not worked and self.rested:
                await commits.wait_beyond(seen, IDLE_S - PAUSE_S)

    async def _step_in_a_thread(self) -> bool:
        """A cancelled worker waits until its thread has let go of the store."""
        step = asyncio.ensure_future(asyncio.to_thread(self.step))
        try:
            return await asyncio.shield(step)
        except asyncio.CancelledError:
            self._compute.stop()
            await asyncio.wait([step])
            if not step.cancelled():
                step.exception()
            raise

    def step(self) -> bool:
        """A turn of every duty, the most urgent first; whether any found work. One that fails takes no turn from
        the others: what failed is raised at the end, as a group. Blocks."""
        worked = False
        failures: dict[str, Exception] = {}
        for name, duty in self._duties:
            try:
                worked |= duty()
            except Interrupted:
                raise
            except Exception as error:
                failures[name] = error
        if failures:
            raise ExceptionGroup(", ".join(failures), list(failures.values()))
        return worked

    @property
    def rested(self) -> bool:
        """Whether the last look for stale persons was one indeed, and found none."""
        return self._waited == 0

    def _run(self) -> bool:
        waiting = self._runs.next()
        if waiting is not None:
            self._runs.execute(*waiting)
        return waiting is not None

    def _stale(self) -> bool:
        cursor = self._database.read_now(self._progress.cursor)
        if cursor is None:  # a bootstrap computes them itself
            return False
        self._quiet = self._quiet + 1 if cursor.bulk == self._bulk else 0
        self._bulk = cursor.bulk
        self._waited += 1
        if self._quiet < QUIET_LOOKS and self._waited < PATIENCE_LOOKS:
            return False
        worked = self._current.recompute_stale()
        if not worked:
            self._waited = 0
        return worked
