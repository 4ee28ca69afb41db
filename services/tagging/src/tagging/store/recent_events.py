"""Events of a snapshot that are in no file yet, found by their types."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
from rules.evaluate.events.columns import Ints
from tagging.store.lake_columns import SAID, LakeColumns
from tagging.store.stored_events import StoredEvents


class RecentEvents:
    """Most events are only counted, and of what others say questions read a property or two: it is read when it is
    asked for, and kept, for the parts of a snapshot ask the same again and again."""

    def __init__(self, untold: Sequence[pa.Table], columns: LakeColumns) -> None:
        """`untold`: as the columns give them."""
        self._columns = columns
        self._untold = pa.concat_tables([columns.untold(StoredEvents()), *untold]).combine_chunks()
        self._of_types: dict[tuple[str, ...], Ints] = {}
        self._read: dict[tuple[tuple[str, ...], str], pa.Array] = {}

    @property
    def schema(self) -> pa.Schema:
        """As files of the lake have it."""
        return self._columns.schema

    @cached_property
    def table(self) -> pa.Table:
        """All of them, with all that they say."""
        return self._columns.whole(self._untold)

    def counts(self) -> dict[str, int]:
        """How many events there are, by type."""
        return {name: len(places) for name, places in self._places.items()}

    def count(self, types: Sequence[str]) -> int:
        """How many events there are of these types."""
        return len(self._rows(tuple(types)))

    def rows(self, types: Sequence[str], names: Sequence[str]) -> pa.Table:
        """Columns of the events of these types, in the order that they arrived in."""
        return pa.table({name: self._column(tuple(types), name) for name in names})

    def _column(self, types: tuple[str, ...], name: str) -> pa.Array:
        if (types, name) not in self._read:
            is_plain = name in self._untold.schema.names
            column = self._untold[name if is_plain else SAID].take(pa.array(self._rows(types)))
            found = column.combine_chunks()
            self._read[types, name] = found if is_plain else self._columns.said(found.to_pylist(), name)
        return self._read[types, name]

    def _rows(self, types: tuple[str, ...]) -> Ints:
        if types not in self._of_types:
            found = [self._places[each] for each in types if each in self._places]
            self._of_types[types] = np.sort(np.concatenate([np.zeros(0, np.int64), *found]))
        return self._of_types[types]

    @cached_property
    def _places(self) -> Mapping[str, Ints]:
        coded = self._untold["type"].combine_chunks().dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False)
        return {name: np.flatnonzero(codes == code) for code, name in enumerate(coded.dictionary.to_pylist())}
