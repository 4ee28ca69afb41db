"""Removes what is left of erased persons where only a scan finds it: the ledger's records, what they said of consents,
and the changelog's entries, part by part; then identity has nothing of them any more.
"""

from dataclasses import dataclass, replace

from servicekit.clock import Clock

from identity.store.ports import Stores
from identity.store.privacy_rows import ErasureRow

MAX_ERASURES = 1_000
"""Erasures that one scan looks for, at most."""


@dataclass(frozen=True)
class Scan:
    """A scan of one tenant under way: whom it looks for, and where it stands."""

    tenant: str
    erasures: tuple[ErasureRow, ...]
    place: str = ""


class ScrubErased:
    """A scan that dies begins again: removing is idempotent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def find(self, stores: Stores) -> Scan | None:
        """The next scan: all erasures of a tenant that are not scrubbed; None when there are none."""
        found = stores.erasures.unscrubbed(MAX_ERASURES)
        if not found:
            return None
        first = found[0][0]
        return Scan(first, tuple(row for tenant, row in found if tenant == first))

    def step(self, stores: Stores, scan: Scan) -> Scan | None:
        """One part; None when the scan is at its end and its erasures are marked."""
        key_ids = frozenset(key_id for row in scan.erasures for key_id in row.key_ids)
        person_ids = frozenset(person_id for row in scan.erasures for person_id in row.person_ids)
        scrubbed = stores.forgetting.scrub(scan.tenant, key_ids, person_ids, scan.place)
        if scrubbed.place:
            return replace(scan, place=scrubbed.place)
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        for row in scan.erasures:
            stores.erasures.update(scan.tenant, replace(row, scrubbed_us=now_us))
        return None
