"""What the use cases need. Store methods take the connection of the caller's transaction and see its snapshot; the
index is in memory and is changed only where nobody reads it."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import Column, TagBitmaps
from rules.evaluate.meaning import Value
from rules.schema import TagType
from rules.values import ValueType
from rules.windows import CalendarSettings
from segments.domain.changes import Change, DayRolled, FeatureChange, PersonChange, TagChange
from segments.domain.dictionary import Dictionary
from segments.domain.movement import Followed
from segments.domain.segment import Segment, Snapshot
from segments.domain.touched import Touched
from servicekit.changelog import Head
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection


class SegmentStore(Protocol):
    """Segments by (tenant, segment_id)."""

    def get(self, connection: Connection, tenant: str, segment_id: str) -> Segment | None:
        """One segment; None when there is none."""
        ...

    def all(self, connection: Connection) -> list[tuple[str, Segment]]:
        """(tenant, segment) of all tenants, in order of both names."""
        ...

    def put(self, connection: Connection, tenant: str, segment: Segment) -> None:
        """Stores a segment in place of any that has its id."""
        ...

    def delete(self, connection: Connection, tenant: str, segment_id: str) -> bool:
        """Removes a segment; false when there was none."""
        ...


class SnapshotStore(Protocol):
    """Snapshots by (tenant, snapshot_id); never changed."""

    def get(self, connection: Connection, tenant: str, snapshot_id: str) -> Snapshot | None:
        """One snapshot; None when there is none."""
        ...

    def add(self, connection: Connection, tenant: str, snapshot: Snapshot) -> None:
        """Stores a new snapshot."""
        ...


class IndexStore(Protocol):
    """The index as stored: what a restart begins with."""

    def save(self, connection: Connection, tenant: str, touched: Touched, index: "TenantIndex") -> None:
        """Stores what a batch of changes moved; `index` already holds it."""
        ...

    def replace(self, connection: Connection, indexes: Iterable["TenantIndex"]) -> None:
        """Stores whole indexes in place of everything stored, in one transaction."""
        ...

    def load(self, connection: Connection, into: "TagIndexes") -> None:
        """Fills an empty index with what is stored."""
        ...


class TenantIndex(Protocol):
    """One tenant's tag values, features and universe in memory."""

    tenant: str
    tags: dict[str, TagChange]
    features: dict[str, FeatureChange]
    day: DayRolled | None

    @property
    def calendar(self) -> CalendarSettings:
        """The tenant's zone and week; the defaults before they are known."""
        ...

    def as_of(self, now: dt.datetime) -> dt.datetime:
        """The moment that answers hold for: now, or the end of the day that windows still stand at."""
        ...

    def tag_types(self) -> Mapping[str, TagType]:
        """The tags that rules may mention."""
        ...

    def bitmaps(self, members: Mapping[str, BitMap], only: BitMap | None = None) -> TagBitmaps:
        """A view for evaluation; `members` are the segments' for IN SEGMENT, `only` narrows it to some persons at a
        cost that follows their number."""
        ...

    def population(self, population: Population) -> BitMap:
        """The living persons of a population; not to be changed."""
        ...

    def living(self, person_id: int) -> int:
        """The living person that an id stands for; 0 when there is none."""
        ...

    def birth_hashes(self, person_ids: BitMap) -> Iterator[int]:
        """The birth hash of each, ascending by id; 0 for one that is not known."""
        ...

    def values(self, column: str, block: int) -> list[tuple[int, Value]]:
        """(person_id & 0xFFFF, value) of a block's persons who have a value, ascending. Raises KeyError for no such
        column."""
        ...

    def persons(self) -> Iterable[PersonChange]:
        """Every id that was ever seen, by its latest entry."""
        ...

    def column_texts(self) -> dict[str, dict[int, str]]:
        """column -> code -> text: what the codes of packed blocks stand for."""
        ...

    def type_of(self, column: str) -> ValueType | None:
        """The type of a column's values; None when there is no such column."""
        ...

    def load_block(self, column: str, block: int, values: Mapping[int, Value]) -> None:
        """Takes a block as it was stored: person_id & 0xFFFF -> value."""
        ...

    def apply(self, change: Change, lane: Lane, touched: Touched) -> None:
        """Takes one change; of two about one thing the one with the higher position wins, in whatever order they come.
        Notes in `touched` what it may have moved."""
        ...


class TagIndexes(Protocol):
    """Every tenant's index."""

    def tenant(self, name: str) -> TenantIndex:
        """One tenant's; an empty one for a tenant that nothing was said of."""
        ...

    def tenants(self) -> Sequence[TenantIndex]:
        """All, in order of name."""
        ...

    def reached(self, lane: Lane, position: int) -> None:
        """A lane's cursor has moved: what came before it on this lane will not come again."""
        ...

    def take_over(self, arriving: Any) -> None:
        """Puts other indexes of the same kind in the place of these, cursors included."""
        ...

    def clear(self) -> None:
        """Forgets everything."""
        ...


WithColumns = Callable[[TagBitmaps, Mapping[str, Column]], TagBitmaps]
"""A view to which columns of features are added, by form."""


class DictionaryStore(Protocol):
    """The event dictionary as tagging told it last, so that a restart can read rules about behaviour."""

    def save(self, connection: Connection, dictionary: Dictionary) -> None:
        """Stores it in place of what was."""
        ...

    def load(self, connection: Connection) -> Dictionary:
        """What was stored last; an empty one at first."""
        ...


class Journal(Protocol):
    """The changelog, and how far this service has come with tagging."""

    def append(self, connection: Connection, lane: Lane, followed: Mapping[str, Followed]) -> Revision:
        """Appends what happened to each tenant's segments; last in its transaction. The revision covers it."""
        ...

    def head(self, connection: Connection) -> Head:
        """The changelog's end with the upstream."""
        ...

    def cursor(self, connection: Connection) -> Revision | None:
        """The cursor in tagging's changelog, None before the first bootstrap. The bulk lane's lies no later than the
        live lane's: what bulk had overtaken comes again after a restart."""
        ...

    def advance(self, connection: Connection, lane: Lane, progress: Progress) -> None:
        """Stores a lane's progress."""
        ...

    def reset(self, connection: Connection, progress: Progress) -> None:
        """Stores the progress that a bootstrap ended with."""
        ...

    def forget(self, connection: Connection) -> None:
        """Removes the cursor, so that a bootstrap follows."""
        ...
