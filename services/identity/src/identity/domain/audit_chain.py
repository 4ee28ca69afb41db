"""The audit as a chain: every row's hash covers the row and the hash before it, so that no row can be changed, removed
or put in between without breaking every hash after it.

hash(n) = SHA-256(hash(n - 1) | canonical content of row n), hash(0) = 32 zero bytes. The canonical content is JSON
with sorted keys, without spaces, ASCII only.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who saw or changed what and why. `details` is JSON and holds no personal data. Times are microseconds since
    1970, of the suite's clock and of the machine's."""

    subject: str
    action: str
    reason: str
    details: str
    person_ids: tuple[int, ...]
    time_us: int
    machine_time_us: int


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """A row in its place: `sequence` counts from 1 without gaps within a tenant."""

    sequence: int
    row: AuditRow
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last row of a chain; 0 and GENESIS of an empty one."""

    sequence: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where a chain is broken: the first row that is not what was written, and how that shows."""

    sequence: int
    problem: str


def next_row(end: ChainEnd, tenant: str, row: AuditRow) -> ChainedRow:
    """The row that follows `end`."""
    sequence = end.sequence + 1
    return ChainedRow(sequence, row, hash_of(end.hash, tenant, sequence, row))


def hash_of(previous: bytes, tenant: str, sequence: int, row: AuditRow) -> bytes:
    """32 bytes."""
    content = {
        "tenant": tenant,
        "sequence": sequence,
        "subject": row.subject,
        "action": row.action,
        "reason": row.reason,
        "details": row.details,
        "person_ids": row.person_ids,
        "time_us": row.time_us,
        "machine_time_us": row.machine_time_us,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + canonical.encode()).digest()


class ChainReader:
    """Follows a chain row by row from its beginning, so that it may be read in parts."""

    def __init__(self, tenant: str, after: ChainEnd = ChainEnd()) -> None:  # frozen
        self._tenant = tenant
        self.end = after

    def read(self, rows: Iterable[ChainedRow]) -> ChainBreak | None:
        """The first break among the next rows, None when they follow."""
        for chained in rows:
            sequence = self.end.sequence + 1
            if chained.sequence != sequence:
                return ChainBreak(sequence, "the row is missing")
            if chained.hash != hash_of(self.end.hash, self._tenant, sequence, chained.row):
                return ChainBreak(sequence, "the row, or its hash, is not what was written")
            self.end = ChainEnd(sequence, chained.hash)
        return None

    def finish(self, stored: ChainEnd) -> ChainBreak | None:
        """Compares the end that was reached with the one that the store keeps: rows cut off at the end show here."""
        if self.end.sequence < stored.sequence:
            return ChainBreak(self.end.sequence + 1, "the row is missing: the chain was cut off")
        if self.end != stored:
            return ChainBreak(stored.sequence, "the stored end of the chain is not that of its rows")
        return None
