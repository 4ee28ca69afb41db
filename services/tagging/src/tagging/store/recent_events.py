"""Events of a snapshot that are in no file yet, found by their types."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
from rules.evaluate.events.columns import Ints


class RecentEvents:
    """Rows in the schema of the lake's files. Where those of a type stand is found once, and a column is put together
    when it is asked for first: the parts of a snapshot ask for few columns of the same rows again and again."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._columns: dict[str, pa.Array] = {}

    def counts(self) -> dict[str, int]:
        """How many events there are, by type."""
        return {name: len(places) for name, places in self._places.items()}

    def of(self, types: Collection[str]) -> Ints:
        """The rows of events of these types, ascending."""
        found = [self._places[each] for each in types if each in self._places]
        if len(found) == 1:
            return found[0]
        return np.sort(np.concatenate([np.zeros(0, np.int64), *found]))

    def rows(self, places: Ints, names: Sequence[str]) -> pa.Table:
        """Columns of some rows."""
        chosen = pa.array(places)
        return pa.table({name: self._column(name).take(chosen) for name in names})

    @cached_property
    def _places(self) -> Mapping[str, Ints]:
        coded = self.table["type"].combine_chunks().dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        codes = coded.indices.to_numpy(zero_copy_only=False)
        return {name: np.flatnonzero(codes == code) for code, name in enumerate(coded.dictionary.to_pylist())}

    def _column(self, name: str) -> pa.Array:
        if name not in self._columns:
            found = self.table[name].combine_chunks()
            self._columns[name] = found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
        return self._columns[name]
