"""A column that changes while it is read and merged."""

from threading import Lock
from typing import Generic

from segments.engine.live.changes import Changes
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
            self.version = changed(self.version, changes, self._threads, values)
            if self._meanwhile is not None:
                self._meanwhile.append((changes, values))
            return self.version

    @property
    def is_due(self) -> bool:
        """Is it time to merge?"""
        return is_crowded(self.version)

    def merge(self, cancellation: Cancellation | None = None) -> Column:
        """Builds the column anew in its smallest form, in an arena of its own, and puts it in the place of the version.

        Changes go on meanwhile, readers of older versions as long as they like. Raises Cancelled; then nothing is done.
        """
        with self._merging:
            with self._changing:
                version, self._meanwhile = self.version, []
            try:
                version = compacted(version, self._threads, cancellation)
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

    def _caught_up(self, version: Column, missed: list[tuple[Changes, int]]) -> Column:
        for changes, values in missed:
            version = changed(version, changes, self._threads, values)
        return version
