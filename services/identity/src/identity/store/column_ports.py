"""What linking everything at once needs of a store: all keys and pairs of a tenant as columns."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from identity.domain.full_columns import Ints, KeyColumns, PairColumns


@dataclass(frozen=True)
class StoredColumns:
    """The evidence with what is derived of it now, by position of a key. `keys.blocked` are the keys that the policy in
    force blocks; placeholders are left out."""

    keys: KeyColumns
    pairs: PairColumns
    person_ids: Ints
    born_person_ids: Ints
    standing: npt.NDArray[np.int8]
    marks: npt.NDArray[np.int16]


class LinkingColumns(Protocol):
    """Reads in batches: beside the columns, memory does not grow with the tenant."""

    def read(self, tenant: str) -> StoredColumns:
        """All keys by ascending id and all pairs that are not parted, in no order."""
        ...

    def evidence(self, tenant: str) -> tuple[KeyColumns, PairColumns]:
        """The keys and pairs alone, without what is derived of them; faster."""
        ...

    def key_counts(self, tenant: str, namespaces: Collection[str]) -> Mapping[str, int]:
        """How many keys each of the namespaces has, placeholders included; those without any are left out."""
        ...

    def conflict_count(self, tenant: str) -> int:
        """How many conflicts are stored."""
        ...
