"""The lake as the manifest tells it."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file of the manifest. `path` is below the lake's root; `day` is the events' in the tenant's zone."""

    path: str
    day: dt.date
    event_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RewrittenFile:
    """A file that held events of the erased. `new_path` is "" when nothing else was in it."""

    path: str
    new_path: str
    removed_count: int


@dataclass(frozen=True, slots=True)
class ErasureProof:
    """What one rewrite of a tenant's lake did for erasures, and that nothing of theirs remains. Names no key.

    number               rises per tenant from 1; 0 before it is stored
    time                 of the suite's clock
    erasure_ids          identity's, ascending
    checked_file_count   files that the manifest named, each read for the keys; rewritten ones were read again: nothing
                         of the erased remained, or the rewrite would have failed
    """

    number: int
    time: dt.datetime
    erasure_ids: tuple[int, ...]
    rewritten: tuple[RewrittenFile, ...]
    checked_file_count: int
