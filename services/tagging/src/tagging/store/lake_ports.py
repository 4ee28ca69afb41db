"""What the lake's upkeep needs of its files. Methods that touch files block; call them beside the event loop."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from tagging.domain.lake import LakeFile


class LakeObjects(Protocol):
    """Where the lake's files lie, by their path below the lake's root: `<tenant>/day=2026-05-01/<name>.parquet`.

    A file is immutable: written beside, then kept under a name that was never used for other content. It is visible
    whole or not at all; which of the visible files count is the manifest's business alone. One process writes.
    """

    def stage(self, path: str) -> Path:
        """A local place to write a file at before it is kept; its folder exists, what lies there is written over."""
        ...

    def keep(self, path: str) -> int:
        """Makes the staged file visible under its path, durably, and returns its size in bytes. Raises OSError, and
        nothing is visible, when the store does not take it. Keeping the same content again is fine."""
        ...

    def open(self, path: str) -> Path:
        """Where a visible file can be read on this machine: itself, or a local copy that stays until it is removed or
        pushed out by others. Raises FileNotFoundError."""
        ...

    def paths(self) -> set[str]:
        """Every visible file."""
        ...

    def remove(self, path: str) -> None:
        """Removes a file; one that is gone already is fine."""
        ...

    def clear(self) -> int:
        """Removes what was staged and never kept; returns how many. Only while nothing is written."""
        ...


class LakeRewriting(Protocol):
    """Makes new files of those that the manifest names, and removes those that it names no more."""

    def merged(self, tenant: str, files: Sequence[LakeFile]) -> LakeFile:
        """One file with the events of several of one day, in order of (time, ingest_sequence), kept and not yet named.
        Its name follows from theirs: merging them again writes the same file. Bounded memory, whatever their size."""
        ...

    def held(self, path: str) -> bool:
        """Whether relations that are open read the file."""
        ...

    def remove(self, paths: Collection[str]) -> None:
        """Removes files that the manifest names no more; one that is gone already is fine."""
        ...
