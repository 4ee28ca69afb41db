"""What of portraits an entry of the changelog moves."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """Persons, blocks of 65,536 persons, or everybody of the tenant, at a position of the changelog. `is_gone`: the
    persons are no more."""

    tenant: str
    position: int
    person_ids: Sequence[int] = ()
    blocks: Sequence[int] = ()
    everybody: bool = False
    is_gone: bool = False
