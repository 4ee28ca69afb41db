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
