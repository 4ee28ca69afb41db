"""Which of the lake's files are worth making one: small ones of the same day.

Files of a size go together (eight of one tier become one of the next), so that an event is rewritten once per tier and
not at every flush. A day that is over gets no more tiers: what is small of it becomes as few files as may be.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tagging.domain.lake import LakeFile

SETTLED_BYTES = 64 * 1024**2
"""A file of this size is left alone."""
TARGET_BYTES = 128 * 1024**2
"""What a group weighs at most."""
SMALLEST_TIER_BYTES = 64 * 1024
TIER_FILES = 8
"""So many files of one tier are worth a rewrite; a tier is so many times the one below it."""
CLOSED_FILES = 4
"""So many small files of a day that is over are worth a rewrite: late events trickle in."""
GROUP_FILES = 256
"""Files of one rewrite, at most: each is open while it is read."""

Group = tuple[LakeFile, ...]


def due(files: Iterable[LakeFile], today: dt.date) -> list[Group]:
    """What is worth rewriting by itself, in order of day. `today` is the tenant's."""
    found: list[Group] = []
    for day, small in _small_by_day(files):
        if day < today and len(small) >= CLOSED_FILES:
            found += _groups(small)
            continue
        for tier in sorted({_tier(file) for file in small}):
            alike = [file for file in small if _tier(file) == tier]
            if len(alike) >= TIER_FILES:
                found += _groups(alike)
    return found


def everything(files: Iterable[LakeFile]) -> list[Group]:
    """Whatever can become fewer files, in order of day."""
    return [group for _, small in _small_by_day(files) for group in _groups(small)]


def _small_by_day(files: Iterable[LakeFile]) -> Iterator[tuple[dt.date, list[LakeFile]]]:
    small = [file for file in files if file.size_bytes < SETTLED_BYTES]
    small.sort(key=lambda file: (file.day, file.size_bytes, file.path))
    for day, of_day in groupby(small, key=lambda file: file.day):
        yield day, list(of_day)


def _groups(files: Sequence[LakeFile]) -> list[Group]:
    """Parts of at least two files and at most TARGET_BYTES; smallest first."""
    groups: list[list[LakeFile]] = [[]]
    for file in files:
        weight = sum(each.size_bytes for each in groups[-1])
        if groups[-1] and (weight + file.size_bytes > TARGET_BYTES or len(groups[-1]) == GROUP_FILES):
            groups.append([])
        groups[-1].append(file)
    return [tuple(group) for group in groups if len(group) > 1]


def _tier(file: LakeFile) -> int:
    tier, above = 0, SMALLEST_TIER_BYTES
    while file.size_bytes >= above:
        tier, above = tier + 1, above * TIER_FILES
    return tier
