"""A column that changes while it is read and merged."""

from collections.abc import Callable
from threading import Lock
from typing import Generic

from segments.engine.live.changes import Changes, Codes, Numbers
from segments.engine.live.holdings import changes_to
from segments.engine.live.versions import Column, changed, compacted, is_crowded
from segments.engine.threads import Cancellation, Threads

ROUNDS = 4
"""How often a merge takes in what changed meanwhile before nobody else may change the column until it is done."""


class LiveColumn(Generic[Column]):
    """`version` is the latest one: an immutable column, which readers keep as long as they like.

    Any thread may read it, change the column and merge it; changes are made one after the other.
    """

    def __init__(self, version: Column, threads: Threads) -> None:
        self.version: Column = version
        self._threads = threads
        self._changing = Lock()
        self._merging = Lock()
        self._meanwhile: list[tuple[Changes, int]] | None = None

    def change(self, changes: Changes, values: int = 0) -> Column:
        """The version after the changes; see `changed`, whose errors it raises."""
        with self._changing:
            return self._change(changes, values)

    def put(self, persons: Numbers, codes: Codes, values: int = 0) -> Column:
        """The version after persons have these codes, whatever they had; one who is told of twice has the last ones.

        Putting the same again changes nothing: for a source that may tell of a change more than once.
        """
        with self._changing:
            return self._change(changes_to(self.version, persons, codes), values)

    def replace(self, version: Column) -> None:
        """Another column takes its place. Waits for a merge that runs."""
        with self._merging, self._changing:
            self.version = version

    @property
    def is_due(self) -> bool:
        """Is it time to merge?"""
        return is_crowded(self.version)

    def merge(
        self, cancellation: Cancellation | None = None, stored: Callable[[Column], Column] | None = None
    ) -> Column:
        """Builds the column anew in its smallest form, in an arena of its own, and puts it in the place of the version.

        `stored` may write it to a file and give back what was mapped. Changes go on meanwhile, readers of older
        versions as long as they like. Raises Cancelled, and what `stored` raises; then nothing is done.
        """
        with self._merging:
            with self._changing:
                version, self._meanwhile = self.version, []
            try:
                version = compacted(version, self._threads, cancellation)
                version = version if stored is None else stored(version)
                for _ in range(ROUNDS):
                    with self._changing:
                        missed, self._meanwhile = self._meanwhile or [], []
                    version = self._caught_up(version, missed)
                with self._changing:
                    self.version = self._caught_up(version, self._meanwhile or [])
                    self._meanwhile = None
                    return self.version
            finally:
                self._meanwhile = None

    def _change(self, changes: Changes, values: int) -> Column:
        self.version = changed(self.version, changes, self._threads, values)
        meanwhile = self._meanwhile
        if meanwhile is not None:
            meanwhile.append((changes, values))
        return self.version

    def _caught_up(self, version: Column, missed: list[tuple[Changes, int]]) -> Column:
        for changes, values in missed:
            version = changed(version, changes, self._threads, values)
        return version
