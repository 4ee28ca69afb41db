"""What linking needs of a store beside the evidence; the rules of ports.py hold."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from identity.domain.linking import Conflict, ProbableLink
from identity.domain.verdicts import Operation
from identity.store.linking_rows import ConflictRow, MergeRow, OperationRow, ProbableRow, StoredPolicy


class Policies(Protocol):
    """Every version of each tenant's linking policy: only grows."""

    def get(self, tenant: str, version: int) -> StoredPolicy | None:
        """A version, None when there is none."""
        ...

    def in_force(self, tenant: str) -> int:
        """The version in force; 0 for the built-in one."""
        ...

    def put(self, tenant: str, policy: StoredPolicy) -> None:
        """Adds a new version and puts it in force; the caller holds the tenant's lock and relinks what it changes."""
        ...

    def all(self, tenant: str) -> Sequence[StoredPolicy]:
        """Every version, the latest first."""
        ...


class Operations(Protocol):
    """What humans decided: only grows, but for what undid what."""

    def next_id(self, tenant: str) -> int:
        """The id of the next operation, dense from 1; the caller holds the tenant's lock."""
        ...

    def add(self, tenant: str, row: OperationRow) -> None:
        """Adds an operation with its keys. The caller marks the keys with Mark.VERDICT."""
        ...

    def set_undone(self, tenant: str, operation_id: int, undone_by: int) -> None:
        """Says what undid an operation; 0 puts it in force again."""
        ...

    def get(self, tenant: str, operation_id: int) -> OperationRow | None:
        """An operation, None when there is none."""
        ...

    def page(self, tenant: str, before: int, limit: int) -> Sequence[OperationRow]:
        """Operations with a smaller id, the latest first; `before` 0 starts at the end."""
        ...

    def standing(self, tenant: str, key_ids: Collection[int]) -> Sequence[Operation]:
        """The operations that are not undone and name any of the keys, with all their keys, by id."""
        ...


class ProbableLinks(Protocol):
    """What the latest matching run found."""

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Sequence[ProbableLink]:
        """The pairs with any of the keys, each once."""
        ...

    def between(self, tenant: str, pair: tuple[int, int]) -> ProbableRow | None:
        """One pair, (low, high), with the run that found it; None when none did."""
        ...

    def all(self, tenant: str) -> Sequence[ProbableRow]:
        """Every pair, by low and high."""
        ...

    def add(self, tenant: str, rows: Iterable[ProbableRow]) -> None:
        """Adds pairs that are not stored. The caller marks their keys with Mark.PROBABLE."""
        ...

    def remove(self, tenant: str, pairs: Iterable[tuple[int, int]]) -> None:
        """Removes pairs, those that are stored."""
        ...

    def replace(self, tenant: str, rows: Iterable[ProbableRow]) -> None:
        """Puts these in the place of all that is stored. The caller marks their keys with Mark.PROBABLE."""
        ...


class Conflicts(Protocol):
    """Pairs seen together and not linked: derived."""

    def of_keys(
        self, tenant: str, key_ids: Collection[int], limit: int | None = None
    ) -> Sequence[ConflictRow]:
        """The conflicts that name any of the keys on either side, each once, in order; the first `limit` of them."""
        ...

    def page(self, tenant: str, after: Conflict | None, limit: int) -> Sequence[ConflictRow]:
        """Conflicts in order of key, other key and reason, after the given one."""
        ...

    def add(self, tenant: str, rows: Iterable[ConflictRow]) -> None:
        """Adds conflicts; one that is stored already keeps its first time."""
        ...

    def remove(self, tenant: str, conflicts: Iterable[Conflict]) -> None:
        """Removes conflicts."""
        ...


class Merges(Protocol):
    """Which keys went from one person to another: only grows."""

    def add(self, tenant: str, rows: Iterable[MergeRow]) -> None:
        """Adds steps in the order given; their `sequence` is set by the store. The caller holds the tenant's lock."""
        ...

    def page(self, tenant: str, person_ids: Collection[int], before: int, limit: int) -> Sequence[MergeRow]:
        """The steps that name any of the persons on either side (of any person when none is given) with a smaller
        sequence, the latest first; `before` 0 starts at the end."""
        ...


class Marks(Protocol):
    """The marks of keys (Mark), kept at the keys."""

    def add(self, tenant: str, key_ids: Collection[int], mark: int) -> None:
        """Adds a mark to keys."""
        ...

    def with_mark(self, tenant: str, mark: int) -> Mapping[int, int]:
        """Every key that has a mark, with all its marks."""
        ...
