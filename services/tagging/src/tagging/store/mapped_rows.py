"""Some rows of one type of a build: found by their keys, and read value by value instead of column by column."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from rules.evaluate.events.columns import Bools, Ints, Numbers
from rules.evaluate.meaning import Value
from rules.values import Kind
from tagging.domain.columns import day_of, moment_of

_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
_KINDS = {each.value: each for each in Kind}


class MappedRows:
    """In order of (time, ingest sequence), whatever their keys. Reads the pages that the rows stand on."""

    def __init__(self, arrays: Mapping[str, Numbers], kinds: Mapping[str, str], rows: Ints) -> None:
        self._arrays = arrays
        self._kinds = kinds
        times, sequences = arrays["time"][rows], arrays["sequence"][rows]
        order = np.lexsort((sequences, times))
        self._rows = rows[order]
        self.times: Ints = times[order]
        self.sequences: Ints = sequences[order]

    def among(self, chosen: Bools) -> "MappedRows":
        """The rows that are chosen."""
        return self if chosen.all() else MappedRows(self._arrays, self._kinds, self._rows[chosen])

    def tells(self, name: str) -> bool:
        """Whether the property is a column of scalars."""
        return self._kinds.get(name, Kind.RECORDS.value) != Kind.RECORDS.value

    def values(self, name: str) -> list[Value | None]:
        """A property's values, None where it is not said."""
        data = self._arrays.get(name)
        if data is None:  # nobody ever said it
            return [None] * len(self._rows)
        told = self._values(name, data[self._rows])
        known = self._arrays.get(f"{name}$known")
        if known is None:
            return told
        return [each if is_known else None for each, is_known in zip(told, known[self._rows], strict=True)]

    def _values(self, name: str, data: Numbers) -> list[Any]:
        match _KINDS[self._kinds[name]]:
            case Kind.TEXT:
                codes, places = np.unique(data, return_inverse=True)
                texts = [self._text(name, code) for code in codes.tolist()]
                return [texts[each] for each in places.tolist()]
            case Kind.BOOL:
                return [bool(each) for each in data.tolist()]
            case Kind.DATE:
                return [day_of(each) for each in data.tolist()]
            case Kind.DATETIME:
                return [moment_of(each) for each in data.tolist()]
        return list(data.tolist())

    def _text(self, name: str, code: int) -> str:
        blob, ends = self._arrays[f"{name}$texts"], self._arrays[f"{name}$ends"]
        if code >= len(ends):  # of a value that is not known
            return ""
        start = int(ends[code - 1]) if code else 0
        return blob[start : int(ends[code])].tobytes().decode()


def rows_of(stored: Numbers, keys: Ints) -> Ints:
    """Where the rows of some keys stand; both ascending."""
    wanted = keys.astype(stored.dtype, copy=False)
    starts, ends = np.searchsorted(stored, wanted), np.searchsorted(stored, wanted, side="right")
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    rows: Ints = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return rows


def last_rows_of(
    arrays: Mapping[str, Numbers], keys: Ints, limit: int, before: tuple[int, int] | None
) -> Ints:
    """As `rows_of`, of each key the latest up to a limit, which stand before a place of (time, ingest sequence)."""
    stored, times, sequences = arrays["key"], arrays["time"], arrays["sequence"]
    wanted = keys.astype(stored.dtype, copy=False)
    starts, ends = np.searchsorted(stored, wanted), np.searchsorted(stored, wanted, side="right")
    found = [np.zeros(0, np.int64)]
    for start, last in zip(starts.tolist(), ends.tolist(), strict=True):
        end = last
        if before is not None:
            first, end = (start + int(np.searchsorted(times[start:last], before[0], side)) for side in _SIDES)
            end = first + int(np.searchsorted(sequences[first:end], before[1]))
        found.append(np.arange(max(start, end - limit), end))
    return np.concatenate(found)


def counts_of(stored: Numbers, keys: Ints) -> Ints:
    """How many rows each key has; both ascending."""
    wanted = keys.astype(stored.dtype, copy=False)
    found: Ints = np.searchsorted(stored, wanted, side="right") - np.searchsorted(stored, wanted)
    return found
