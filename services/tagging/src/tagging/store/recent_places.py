"""Where events stand that came after a build of columns: kept in memory, read on from call to call."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from rules.evaluate.events.columns import Bools, Ints, Numbers
from servicekit.driver_sql import execute
from sqlalchemy import Connection

PAGE_EVENTS = 20_000
"""Events that one call reads on, at most: some 30 ms."""
TENANT_EVENTS = 1_000_000
"""Events of one tenant, at most: 36 bytes each. Of a tenant of whom more came since the build, nothing is kept."""
ALL_EVENTS = 4_000_000
"""Events of all tenants; those asked for longest ago go first."""


@dataclass(frozen=True)
class Places:
    """Events in the order of their arrival; `types` are places in a list of names."""

    arrivals: Ints
    keys: Ints
    times: Ints
    sequences: Ints
    types: Numbers

    def where(self, chosen: Bools) -> "Places":
        """Those that are chosen."""
        return Places(*(each[chosen] for each in self._arrays()))

    def and_then(self, more: "Places") -> "Places":
        """These and later ones."""
        both = zip(self._arrays(), more._arrays(), strict=True)
        return Places(*(np.concatenate(each) for each in both))

    def __len__(self) -> int:
        return len(self.arrivals)

    def _arrays(self) -> tuple[Numbers, ...]:
        return self.arrivals, self.keys, self.times, self.sequences, self.types


@dataclass(frozen=True)
class _Tail:
    """What came after an arrival, up to another, in parts each of which is larger than what follows it."""

    after: int
    through: int
    parts: tuple[Places, ...] = ()

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))

    def and_then(self, more: Places) -> "_Tail":
        parts = [*self.parts, more]
        while len(parts) > 1 and len(parts[-2]) <= 2 * len(parts[-1]):
            last = parts.pop()
            parts[-1] = parts[-1].and_then(last)
        return _Tail(self.after, int(more.arrivals[-1]), tuple(parts))

    def since(self, after: int) -> "_Tail":
        kept = tuple(each.where(each.arrivals > after) for each in self.parts)
        return _Tail(after, max(after, self.through), tuple(each for each in kept if len(each)))


class RecentPlaces:
    """Safe for threads. In transactions that read alone."""

    def __init__(self) -> None:
        self._tails: OrderedDict[str, _Tail] = OrderedDict()
        self._types: dict[str, int] = {}
        self._lock = Lock()

    def types(self) -> list[str]:
        """The names that `Places.types` says."""
        with self._lock:
            return list(self._types)

    def of_keys(
        self, connection: Connection, tenant: str, keys: Ints, after: int, through: int
    ) -> Places | None:
        """The events of these keys with after < arrival <= through; None as long as not all have been read, or when
        they are too many. `through`: the last arrival that the transaction sees."""
        with self._lock:
            tail = self._tails.get(tenant)
        if tail is None or tail.after > after:
            tail = _Tail(after, after)
        elif tail.after < after:
            tail = tail.since(after)
        if through - after > TENANT_EVENTS:
            with self._lock:
                self._tails.pop(tenant, None)
            return None
        if tail.through < through:
            page = self._page(connection, tenant, tail.through, through)
            tail = tail.and_then(page) if len(page) else tail
            if len(page) < PAGE_EVENTS:  # what is missing between is gone
                tail = _Tail(tail.after, max(tail.through, through), tail.parts)
        self._keep(tenant, tail)
        if tail.through < through:
            return None
        found = _NOTHING
        for part in tail.parts:
            chosen = np.isin(part.keys, keys) & (part.arrivals <= through)
            if chosen.any():
                found = found.and_then(part.where(chosen))
        return found

    def _page(self, connection: Connection, tenant: str, after: int, through: int) -> Places:
        rows: list[Any] = execute(
            connection,
            "SELECT arrival, anchor_key_id, time_us, ingest_sequence, type FROM event "
            "WHERE tenant = ? AND arrival > ? AND arrival <= ? ORDER BY arrival LIMIT ?",
            (tenant, after, through, PAGE_EVENTS),
        ).all()
        if not rows:
            return _NOTHING
        arrivals, keys, times, sequences, types = zip(*rows, strict=True)
        with self._lock:
            for each in dict.fromkeys(types):
                self._types.setdefault(each, len(self._types))
            numbers = [self._types[each] for each in types]
        told = [np.array(each, np.int64) for each in (arrivals, keys, times, sequences)]
        return Places(told[0], told[1], told[2], told[3], np.array(numbers, np.int32))

    def _keep(self, tenant: str, tail: _Tail) -> None:
        with self._lock:
            self._tails[tenant] = tail
            self._tails.move_to_end(tenant)
            while len(self._tails) > 1 and sum(each.size for each in self._tails.values()) > ALL_EVENTS:
                self._tails.popitem(last=False)


_NONE = np.zeros(0, np.int64)
_NOTHING = Places(_NONE, _NONE, _NONE, _NONE, np.zeros(0, np.int32))
