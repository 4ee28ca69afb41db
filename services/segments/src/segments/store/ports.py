"""What the use cases need. Store methods take the connection of the caller's transaction and see its snapshot; an
index is in memory."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import Column, RuleBitmaps
from rules.evaluate.meaning import Value
from rules.evaluate.setting import Setting
from rules.schema import Catalogue, TagType
from rules.tree import Condition, Rule
from rules.values import ValueType
from rules.windows import CalendarSettings
from segments.domain.changes import Change, DayRolled, FeatureChange, PersonChange, TagChange
from segments.domain.dictionary import Dictionary
from segments.domain.extent import Extent, Mapped
from segments.domain.folders import Folder
from segments.domain.manifests import NamedFile
from segments.domain.movement import Flips, Followed
from segments.domain.packing import Coded
from segments.domain.plan import Plan
from segments.domain.segment import Segment, Snapshot
from segments.domain.shared_parts import SharedParts
from segments.domain.touched import Touched
from segments.store.file_ports import ColumnManifests, SettledColumn
from segments.store.life_ports import FrozenMembers, RecycleBin, SegmentDays, SegmentUses, SegmentVersions
from servicekit.changelog import Head
from servicekit.kernels.threads import Cancellation
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection


class SegmentStore(Protocol):
    """Segments by (tenant, segment_id), and per tenant the moment at which rules that age were last looked at."""

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

    def moments(self, connection: Connection) -> dict[str, dt.datetime]:
        """By tenant; only those that have one."""
        ...

    def put_moment(self, connection: Connection, tenant: str, moment: dt.datetime) -> None:
        """Stores a tenant's, in place of any."""
        ...


class FolderStore(Protocol):
    """Folders by (tenant, path)."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Folder]:
        """A tenant's, by path, in order of it."""
        ...

    def put(self, connection: Connection, tenant: str, folders: Sequence[Folder]) -> None:
        """Stores folders in place of any that have their paths."""
        ...

    def remove(self, connection: Connection, tenant: str, paths: Sequence[str]) -> None:
        """Removes folders; what is not there is fine."""
        ...


class SnapshotStore(Protocol):
    """Snapshots by (tenant, snapshot_id); never changed."""

    def get(self, connection: Connection, tenant: str, snapshot_id: str) -> Snapshot | None:
        """One snapshot; None when there is none."""
        ...

    def page(
        self,
        connection: Connection,
        tenant: str,
        segment_id: str,
        before: tuple[dt.datetime, str] | None,
        limit: int,
    ) -> list[Snapshot]:
        """A segment's, without members (empty), newest first, of one moment by falling id; those before a (create_time,
        snapshot_id)."""
        ...

    def add(self, connection: Connection, tenant: str, snapshot: Snapshot) -> None:
        """Stores a new snapshot."""
        ...

    def remove_before(self, connection: Connection, moment: dt.datetime, limit: int) -> int:
        """Removes at most `limit` snapshots of any tenant that were made before a moment, oldest first; answers how
        many."""
        ...


class DictionaryStore(Protocol):
    """The event dictionary as tagging told it last, so that a restart can read rules about behaviour."""

    def save(self, connection: Connection, dictionary: Dictionary) -> None:
        """Stores it in place of what was."""
        ...

    def load(self, connection: Connection) -> Dictionary:
        """What was stored last; an empty one at first."""
        ...


class IndexStore(Protocol):
    """The index as stored: what a restart begins with."""

    def save(self, connection: Connection, tenant: str, touched: Touched, index: "TenantIndex") -> None:
        """Stores what a batch of changes moved; `index` already holds it."""
        ...

    def replace(self, connection: Connection, indexes: Iterable["TenantIndex"]) -> None:
        """Stores whole indexes in place of everything stored, in one transaction."""
        ...

    def load(
        self, connection: Connection, empty_index: "EmptyIndex", files: "ColumnFiles | None" = None
    ) -> dict[str, "TenantIndex"]:
        """By tenant, what is stored; equal to what was saved. Without `files` columns have what their rows hold."""
        ...

    def beside(self, connection: Connection, tenant: str, columns: Sequence[str]) -> dict[str, int]:
        """By column, how many single values are stored beside its blocks or its file; only of those that have any."""
        ...

    def fold(self, connection: Connection, *, beyond: int) -> bool:
        """Writes one block anew with the single values that lie beside it and that neither lane can overtake any more,
        the block with most of them; false when none has more than `beyond`."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule whose members follow the index. It refers to no segment, keeps no number of persons and ages by days."""

    name: str
    rule: Rule
    population: Population


class TenantIndex(Protocol):
    """One tenant's tag values, features and universe in memory, at one version. Changed only in a copy that nobody
    else has."""

    tenant: str
    tags: dict[str, TagChange]
    features: dict[str, FeatureChange]
    born: dict[str, int]
    texts: dict[str, dict[int, str]]
    as_ofs: dict[str, dt.datetime]
    day: DayRolled | None
    schema: Catalogue
    """`born`: by column, the position of what defined it: older values are of another column. `texts`: by column, what
    codes of packed blocks stand for; `as_ofs`: the moment that the latest of them hold for, as told. `schema`: the
    tags, for evaluation."""

    def copy(self) -> "TenantIndex":
        """One to change, at a cost that follows the number of columns; it shares what it does not write."""
        ...

    @property
    def calendar(self) -> CalendarSettings:
        """The tenant's zone and week; the defaults before they are known."""
        ...

    def as_of(self, moment: dt.datetime) -> dt.datetime:
        """The moment that values hold for: the given one, or the end of the day that windows still stand at."""
        ...

    def tag_types(self) -> Mapping[str, TagType]:
        """The tags that rules may mention."""
        ...

    def bitmaps(
        self, members: Mapping[str, BitMap], only: BitMap | None = None, *, by_person: bool = False
    ) -> RuleBitmaps:
        """A view for evaluation; `members` are the segments' for IN SEGMENT, `only` narrows it to some persons, with
        `by_person` at a cost that follows their number."""
        ...

    def select(
        self,
        rule: Rule | Condition,
        view: RuleBitmaps,
        setting: Setting,
        population: Population,
        parts: SharedParts | None = None,
    ) -> BitMap:
        """The persons of a population of whom a checked rule is true, by whichever evaluator answers so many fastest.
        `view`: this index's, of everybody. `parts`: of several rules that are asked over this version, to be answered
        once. Raises UnsupportedNode, LookupError, NumberOverflow as
        rules.evaluate.bitmaps.members."""
        ...

    def plan(
        self,
        rule: Rule,
        view: RuleBitmaps,
        setting: Setting,
        population: Population,
        cancellation: Cancellation | None = None,
    ) -> Plan:
        """How `select` answers a rule, part by part, at a few times its cost. Raises as it does, and Cancelled."""
        ...

    def flips(
        self,
        rules: Sequence[Watched],
        setting: Setting,
        persons: BitMap,
        members: Callable[[str], BitMap],
    ) -> Flips:
        """Who of the touched persons came and went since this was asked last, of the rules that all of them can be
        looked at at once; nobody knows of others. `members`: a rule's, as of then. Only in a copy to change, after
        whatever changed it."""
        ...

    def population(self, population: Population) -> BitMap:
        """The living persons of a population; not to be changed."""
        ...

    def erased(self) -> BitMap:
        """The ids that were erased; not to be changed."""
        ...

    def living(self, person_id: int) -> int:
        """The living person that an id stands for; 0 when there is none."""
        ...

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        """The birth hash of each, in the same order; 0 for one that is not known."""
        ...

    def persons(self) -> Iterator[PersonChange]:
        """Every id that was ever seen, ascending, by its latest entry."""
        ...

    def column_names(self) -> list[str]:
        """Tags' and features' columns, in order."""
        ...

    def blocks(self, column: str) -> list[int]:
        """The blocks of a column, ascending. Raises KeyError for no such column."""
        ...

    def block(self, column: str, block: int) -> Coded | None:
        """The known values of a block, self-contained; None for no such column."""
        ...

    def type_of(self, column: str) -> ValueType | None:
        """The type of a column's values; None when there is no such column."""
        ...

    def apply(
        self, changes: Iterable[Change], lane: Lane, cursors: Mapping[Lane, int], touched: Touched
    ) -> None:
        """Takes changes of one lane in order; of two about one thing the one with the higher position wins, in whatever
        order the lanes come. `cursors` are the lanes' before these changes. Notes in `touched` what they may have
        moved. Raises ValueError for what cannot be understood."""
        ...

    def restore(self, column: str, block: int, coded: Coded) -> None:
        """Takes a block as it was stored."""
        ...

    def restore_value(self, column: str, person_id: int, position: int, value: Value | None) -> None:
        """Takes a single value as it was stored beside the blocks, after them."""
        ...

    def restored(self) -> None:
        """Ends the restoring."""
        ...

    def debts(self) -> dict[str, int]:
        """By column whose file may hold values of somebody who was erased, the latest of its debts."""
        ...

    def has_paid(self, debts: Mapping[str, int]) -> bool:
        """Whether each of these columns is in a file that was made after its debt, in none, or gone."""
        ...

    def is_empty(self, column: str) -> bool:
        """Whether it is known that nobody has a value; reads no file that is not mapped. Raises KeyError for no such
        column."""
        ...

    def extent(self, column: str) -> Extent:
        """What a column takes. Raises KeyError for no such column."""
        ...

    def held(self, column: str) -> Any:
        """One version of a column as it is held. Raises KeyError for no such column."""
        ...

    def open_column(self, column: str, held: Any) -> None:
        """Takes a column as a file has it, before what was stored beside it."""
        ...

    def rest(self, settled: Any) -> list[int] | None:
        """Lets a column rest on its file, with what has changed since; answers the blocks that have. None, and nothing
        has changed, when the column is another one by now."""
        ...

    def damage_of(self, columns: Iterable[str]) -> str:
        """Why these columns cannot be read now; empty when they can."""
        ...


EmptyIndex = Callable[[str], TenantIndex]
"""Makes a tenant's index that holds nothing yet."""


class ColumnFiles(Protocol):
    """The files that columns of large tenants are in."""

    def open(self, owner: str, type_: ValueType, named: NamedFile) -> Column:
        """A column of a tenant as its file has it. It is read when it is asked for, and then raises ColumnDamaged."""
        ...

    def due(self, index: TenantIndex) -> list[str]:
        """The columns that are to be written."""
        ...

    def settle(self, index: TenantIndex, name: str) -> SettledColumn | None:
        """Writes a column to a new file, which nobody names yet, and syncs it; None when it is of no form that has
        files. Takes long, while others read and change what the index becomes. Raises OSError, and then there is no
        file, and ColumnDamaged."""
        ...

    def note_named(self, owner: str, settled: Any) -> None:
        """Notes that the file of a column of a tenant counts: what made it due is done. Until then it stays due."""
        ...

    def unneeded(self, index: TenantIndex) -> set[str]:
        """The files of a tenant, of those that were opened or written here, that no column of it is in and that have
        not been removed. One that is being written of a column that was in none is among them."""
        ...

    def mapped(self) -> Mapped:
        """Of the files of all tenants."""
        ...

    def written(self, file: str) -> dt.datetime | None:
        """When a file was, on the machine's clock; None when it is not there."""
        ...

    def remove(self, files: Collection[str]) -> None:
        """Removes files; whoever reads them goes on."""
        ...

    def remove_unnamed(self, named: Collection[str]) -> int:
        """Removes all others, as a process leaves them that ended; not while one is written. Answers how many."""
        ...


class WritableColumn(Column, Protocol):
    """A column that is being filled."""

    def put_block(self, block: int, coded: Coded, text_of: Callable[[int], str]) -> None:
        """Sets values of persons of one block; `text_of` resolves the codes of texts and raises KeyError."""
        ...


EmptyColumn = Callable[[ValueType], WritableColumn]
WithColumns = Callable[[RuleBitmaps, Mapping[str, Column]], RuleBitmaps]
"""A view to which columns of features are added, by form."""


class Journal(Protocol):
    """The changelog, and how far this service has come with tagging."""

    def append(self, connection: Connection, lane: Lane, followed: Mapping[str, Followed]) -> Revision:
        """Appends what happened to each tenant's segments; last in its transaction. The revision covers it and rests
        on what the store holds of the services to the left."""
        ...

    def head(self, connection: Connection) -> Head:
        """The changelog's end with the upstream."""
        ...

    def cursor(self, connection: Connection) -> Revision | None:
        """The cursor in tagging's changelog, None before the first bootstrap. Both lanes lie where the slower one is:
        what the faster one has told beyond it is partly kept in memory alone, so it comes again after a restart."""
        ...

    def advance(self, connection: Connection, lane: Lane, progress: Progress) -> None:
        """Stores a lane's progress."""
        ...

    def finish_bootstrap(self, connection: Connection, progress: Progress) -> None:
        """Stores the progress that a bootstrap ended with and begins a new epoch: who watches this service bootstraps
        in turn."""
        ...

    def forget(self, connection: Connection) -> None:
        """Removes the cursor, so that a bootstrap follows."""
        ...


@dataclass(frozen=True)
class Stores:
    """All that a change of segments or of the index is stored in."""

    index: IndexStore
    segments: SegmentStore
    folders: FolderStore
    versions: SegmentVersions
    days: SegmentDays
    frozen: FrozenMembers
    recycle_bin: RecycleBin
    uses: SegmentUses
    dictionary: DictionaryStore
    manifests: ColumnManifests
    journal: Journal
