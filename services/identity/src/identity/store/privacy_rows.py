"""What the ports of privacy take and give: frozen rows, times in microseconds since 1970."""

from dataclasses import dataclass

from identity.domain.consents import Address


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """One person's erasure. `person_ids` are the ids that were the person's, its own first; `key_ids` the keys that
    are masked everywhere; `counts` JSON with what was removed; `scrubbed_us` when identity itself had nothing left, 0
    until then; `position` where the changelog says so."""

    erasure_id: int
    person_ids: tuple[int, ...]
    key_ids: tuple[int, ...]
    subject: str
    reason: str
    time_us: int
    counts: str
    position: int = 0
    scrubbed_us: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """How much was removed; `addresses` are the keys' and no others', `neighbours` are the keys seen with
    them."""

    attributes: int
    contact_points: int
    consents: int
    pairs: int
    addresses: tuple[Address, ...]
    neighbours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """How much was removed, and where to go on; "" when nothing is left to look at."""

    removed: int
    place: str


@dataclass(frozen=True, slots=True)
class JournalledErasure:
    """An erasure as it is kept beside the store."""

    tenant: str
    row: ErasureRow
    tombstones: tuple[bytes, ...]
