"""A tenant's evidence as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity.domain.evidence import Evidence
from identity.domain.groups import LinkKey, Place

Ints = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class KeyColumns:
    """All keys that may link, by ascending key id.

    `place_of` numbers each key's (namespace, scope) in `places`; `hashes` are of type V16; `blocked` are the keys that
    the tenant blocks.
    """

    key_ids: Ints
    place_of: Positions
    places: Sequence[Place]
    hashes: npt.NDArray[np.void]
    blocked: Flags

    def link_key(self, position: int, last_us: int = 0) -> LinkKey:
        """A key as `link` knows it."""
        namespace, scope = self.places[self.place_of[position]]
        return LinkKey(
            int(self.key_ids[position]),
            namespace,
            scope,
            self.hashes[position].tobytes(),
            bool(self.blocked[position]),
            last_us,
        )


@dataclass(frozen=True)
class PairColumns:
    """All pairs, each once: the positions of its two keys, and the columns of Evidence that linking reads.

    Columns that the policy does not look at may be views of one value (np.broadcast_to). Pairs in order of `low` are
    linked faster.
    """

    low: Positions
    high: Positions
    first_us: Ints
    last_us: Ints
    unbound_us: Ints
    verified: npt.NDArray[np.int8]

    def where(self, chosen: Flags) -> "PairColumns":
        """Some of the pairs."""
        if chosen.all():
            return self
        return PairColumns(
            self.low[chosen],
            self.high[chosen],
            self.first_us[chosen],
            self.last_us[chosen],
            self.unbound_us[chosen],
            self.verified[chosen],
        )

    def evidence(self, index: int) -> Evidence:
        """What linking needs of a pair's evidence."""
        return Evidence(
            int(self.first_us[index]),
            int(self.last_us[index]),
            1,
            int(self.verified[index]),
            int(self.unbound_us[index]),
        )
