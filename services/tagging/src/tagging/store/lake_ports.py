"""What the lake's upkeep needs of its files. Methods that touch files block; call them beside the event loop."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection
from tagging.domain.lake import ErasureProof, LakeFile
from tagging.domain.retention import EventHorizon


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

    def trim(self, held: Callable[[str], bool]) -> int:
        """Removes local copies above their budget, those read longest ago first and none that is held; returns how
        many. Visible files stay visible."""
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


class EventRetention(Protocol):
    """How long a tenant's events are kept by type, and from when on they count."""

    def by_type(self, connection: Connection, tenant: str) -> dict[str, int]:
        """Days by event type, 0 for ever; a type without a rule of its own is left out."""
        ...

    def put(self, connection: Connection, tenant: str, by_type: Mapping[str, int]) -> bool:
        """Replaces all rules; whether they differ from before."""
        ...

    def horizon(self, connection: Connection, tenant: str) -> EventHorizon:
        """What every reader of events goes by: rows, files and relations alike."""
        ...

    def raise_horizon(self, connection: Connection, tenant: str, horizon: EventHorizon) -> None:
        """Stores a horizon that is nowhere lower than the stored one."""
        ...

    def owners_between(
        self, connection: Connection, tenant: str, before: EventHorizon, after: EventHorizon
    ) -> list[int]:
        """The persons with rows of events that count by the first horizon and not by the second; ascending."""
        ...

    def remove(self, connection: Connection, tenant: str, limit: int) -> int:
        """Removes up to so many rows of events that do not count; returns how many."""
        ...


class ErasureProofs(Protocol):
    """What is written down of every rewrite for erasures; never changed, never removed."""

    def add(self, connection: Connection, tenant: str, proof: ErasureProof) -> None:
        """In the transaction that replaces the files; `number` is given here."""
        ...

    def page(self, connection: Connection, tenant: str, after: int, limit: int) -> list[ErasureProof]:
        """Up to so many with a higher number, ascending."""
        ...
