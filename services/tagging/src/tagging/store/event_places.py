"""Where a person's events stand in one snapshot: in columns, and among what came after them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from rules.evaluate.events.columns import Bools, Ints
from tagging.domain.retention import EventHorizon
from tagging.store.mapped_columns import MappedBuild
from tagging.store.mapped_rows import MappedRows
from tagging.store.recent_places import Places


@dataclass(frozen=True)
class EventPlaces:
    """Where the events of some keys stand in one snapshot, all of one person."""

    build: MappedBuild
    keys: Ints
    recent: Places
    names: Sequence[str]
    replaced: Ints
    horizon: EventHorizon

    def types(self) -> list[str]:
        """Those there may be events of."""
        return list(
            dict.fromkeys(
                [*self.build.arrays, *(self.names[each] for each in set(self.recent.types.tolist()))]
            )
        )

    def mapped(
        self, event_type: str, limit: int = 0, before: tuple[int, int] | None = None
    ) -> MappedRows | None:
        """What columns hold of a type. With a limit, of each key the latest and perhaps more, before a place."""
        rows = self.build.rows(event_type, self.keys, 0 if len(self.replaced) else limit, before)
        return None if rows is None else rows.among(self._count(event_type, rows.times, rows.sequences))

    def came_since(self, event_type: str) -> tuple[Ints, Ints]:
        """Times and ingest sequences of what came after the columns, in the order of arrival."""
        number = self.names.index(event_type) if event_type in self.names else -1
        found = self.recent.where(self.recent.types == number)
        found = found.where(self._count(event_type, found.times, found.sequences))
        return found.times, found.sequences

    def _count(self, event_type: str, times: Ints, sequences: Ints) -> Bools:
        counts: Bools = times >= self.horizon.of(event_type)
        if len(self.replaced):
            counts &= ~np.isin(sequences, self.replaced)
        return counts

    def of(
        self, types: Collection[str], limit: int = 0, before: tuple[int, int] | None = None
    ) -> tuple[Ints, Ints]:
        """Times and ingest sequences of all events of these types, in any order. With a limit, of the latest before a
        place, and perhaps of more."""
        times, sequences = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for event_type in set(types):
            mapped = self.mapped(event_type, limit, before)
            if mapped is not None:
                times.append(mapped.times)
                sequences.append(mapped.sequences)
            since = self.came_since(event_type)
            times.append(since[0])
            sequences.append(since[1])
        return np.concatenate(times), np.concatenate(sequences)
