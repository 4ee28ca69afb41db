"""Answers that are given again while nothing they rest on has changed: kept by the rule's canonical form and by the
stamps of all it reads, so that one that has become stale cannot be found."""

import datetime as dt
import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TypeAlias, cast

from pyroaring import BitMap
from rules.canonical import canonical_text
from rules.check import Population
from rules.evaluate.bitmaps import Column, TagBitmaps
from rules.evaluate.setting import Setting
from rules.tree import Anniversary, Clock, Condition, Feature, InSegment, Rule, TagRef, TimeFunction
from rules.walk import walk

from segments.domain.changes import TagChange
from segments.index.stamps import Stamped

KEPT_RESULTS = 256
KEPT_BYTES = 64 << 20
"""What the answers of one tenant take, at most; those asked for last stay."""
_BYTES_PER_BLOCK = 8 << 10

Content: TypeAlias = Hashable
"""What a rule's answer rests on: equal content, equal answer."""


class Results:
    """One tenant's, shared by the versions of its index. Safe for threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Content, BitMap] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def has(self, content: Content) -> bool:
        """Whether `get` would answer."""
        with self._lock:
            return content in self._kept

    def get(self, content: Content) -> BitMap | None:
        """A copy of what was kept; None when it is not."""
        with self._lock:
            found = self._kept.get(content)
            if found is None:
                return None
            self._kept.move_to_end(content)
        return found.copy()

    def put(self, content: Content, persons: BitMap) -> None:
        """Keeps a copy."""
        copied = persons.copy()
        with self._lock:
            if content not in self._kept:
                self._kept[content] = copied
                self._bytes += _bytes(copied)
            while len(self._kept) > KEPT_RESULTS or self._bytes > KEPT_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= _bytes(dropped)


def content_of(
    condition: Condition,
    view: TagBitmaps,
    setting: Setting,
    population: tuple[Population, int],
    tags: Mapping[str, TagChange],
) -> Content:
    """`population` with the stamp of the universe; `tags` as they are defined. Raises LookupError for what the view
    does not have."""
    shape = _shape(condition)
    calendar = setting.calendar
    return (
        shape.text,
        population,
        _moment(shape, setting),
        (calendar.time_zone, calendar.week_start),
        tuple((_stamp(view.tag(each)), tags[each].position) for each in shape.tags),
        tuple(_stamp(view.feature(each)) for each in shape.forms),
        tuple(_digest(view.segment(each)) for each in shape.segments),
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a condition reads, each in order, so that it is gone over once."""

    text: str
    tags: tuple[str, ...]
    forms: tuple[str, ...]
    segments: tuple[str, ...]
    clocks: frozenset[Clock]
    has_anniversary: bool


@lru_cache(maxsize=4_096)
def _shape(condition: Condition) -> _Shape:
    nodes = list(walk(condition))
    return _Shape(
        text=canonical_text(Rule(condition)),
        tags=tuple(sorted({each.name for each in nodes if isinstance(each, TagRef)})),
        forms=tuple(sorted({each.form for each in nodes if isinstance(each, Feature)})),
        segments=tuple(sorted({each.name for each in nodes if isinstance(each, InSegment)})),
        clocks=frozenset(each.function for each in nodes if isinstance(each, TimeFunction)),
        has_anniversary=any(isinstance(each, Anniversary) for each in nodes),
    )


def _moment(shape: _Shape, setting: Setting) -> dt.datetime | dt.date | None:
    """That of the answer, as far as it moves it."""
    if Clock.ELAPSED_DAYS in shape.clocks:
        return setting.as_of
    if shape.clocks - {Clock.DAY} or shape.has_anniversary:
        return setting.calendar.day_of(setting.as_of)
    return None


def _digest(members: BitMap) -> bytes:
    return hashlib.blake2b(members.serialize(), digest_size=16).digest()


def _stamp(column: Column) -> int:
    return cast(Stamped, column).stamp  # asking whether it is one takes longer than all the rest


def _bytes(persons: BitMap) -> int:
    """At most, about."""
    if not persons:
        return 0
    return min(2 * len(persons), ((persons.max() >> 16) + 1) * _BYTES_PER_BLOCK)
