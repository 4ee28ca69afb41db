"""One tenant's part of the index: columns and universe, changed in place, read as bitmaps."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import CodeColumn, ListColumn, MemoryBitmaps, NumberColumn, TagBitmaps, column_of
from rules.evaluate.meaning import Value
from rules.schema import TagType
from rules.values import Kind, ValueType
from rules.windows import CalendarSettings
from servicekit.revision import Lane

from segments.domain.changes import (
    BLOCK_SIZE,
    Change,
    DayRolled,
    FeatureChange,
    FeatureState,
    PackedBlock,
    PersonChange,
    PersonValues,
    TagChange,
)
from segments.domain.packing import unpacked
from segments.domain.touched import Touched
from segments.index.arrivals import Arrivals
from segments.index.narrowed import Narrowed
from segments.index.universe import Universe

MemoryColumn = CodeColumn | NumberColumn | ListColumn


@dataclass(slots=True)
class TenantIndex:
    """Whoever changes it sees to it that nobody reads meanwhile (workers/gate.py)."""

    tenant: str
    arrivals: Arrivals
    people: Universe = field(default_factory=Universe)
    tags: dict[str, TagChange] = field(default_factory=dict)
    features: dict[str, FeatureChange] = field(default_factory=dict)
    columns: dict[str, MemoryColumn] = field(default_factory=dict)
    types: dict[str, ValueType] = field(default_factory=dict)
    texts: dict[str, dict[int, str]] = field(default_factory=dict)
    day: DayRolled | None = None

    # ------------------------------------------------------------------------------------------ reading

    @property
    def calendar(self) -> CalendarSettings:
        if self.day is None:
            return CalendarSettings()
        return CalendarSettings(self.day.time_zone, self.day.week_start)

    def as_of(self, now: dt.datetime) -> dt.datetime:
        """The moment that answers hold for: now, or the end of the day that windows still stand at."""
        if self.day is None:
            return now
        end = self.calendar.midnight(self.day.day + dt.timedelta(days=1)) - dt.timedelta(microseconds=1)
        return min(now, end)

    def tag_types(self) -> Mapping[str, TagType]:
        return {tag_id: change.tag for tag_id, change in self.tags.items()}

    def living(self, person_id: int) -> int:
        return self.people.living(person_id)

    def birth_hashes(self, person_ids: BitMap) -> Iterator[int]:
        return (self.people.birth_hash(person_id) for person_id in person_ids)

    def bitmaps(self, members: Mapping[str, BitMap], only: BitMap | None = None) -> TagBitmaps:
        """The index as the evaluator reads it, with the segments' members; `only` narrows it to some persons."""
        whole = MemoryBitmaps(
            universes=self.people.populations,
            tags={tag_id: self.columns[tag_id] for tag_id in self.tags},
            features={
                form: self.columns[feature.column]
                for form, feature in self.features.items()
                if feature.state is FeatureState.LIVE
            },
            segments=members,
        )
        return whole if only is None else Narrowed(whole, only)

    def population(self, population: Population) -> BitMap:
        return self.people.populations[population]

    def values(self, column: str, block: int) -> list[tuple[int, Value]]:
        """(offset, value) of a block's persons who have one, ascending."""
        start = block * BLOCK_SIZE
        stored = self.columns[column].values(BitMap(range(start, start + BLOCK_SIZE)))
        return [(person_id - start, value) for person_id, value in stored]

    def persons(self) -> Iterable[PersonChange]:
        return self.people.persons.values()

    def column_texts(self) -> dict[str, dict[int, str]]:
        return self.texts

    def type_of(self, column: str) -> ValueType | None:
        return self.types.get(column)

    # ----------------------------------------------------------------------------------------- changing

    def load_block(self, column: str, block: int, values: Mapping[int, Value]) -> None:
        start = block * BLOCK_SIZE
        self.columns[column].apply({start + offset: value for offset, value in values.items()})

    def apply(self, change: Change, lane: Lane, touched: Touched) -> None:
        """Takes one change and notes in `touched` what it may move. Repeats and older values change nothing."""
        match change:
            case PersonValues():
                self._values(change, lane, touched)
            case PackedBlock():
                self._block(change, touched)
            case PersonChange():
                if self.people.apply(change):
                    touched.persons[change.person_id] = change
            case TagChange():
                self._tag(change, touched)
            case FeatureChange():
                self._feature(change, touched)
            case DayRolled():
                if self.day is None or change.position > self.day.position:
                    self.day = change
                    touched.day = change

    def _values(self, change: PersonValues, lane: Lane, touched: Touched) -> None:
        for column, value in change.values.items():
            if column not in self.columns:
                continue  # the column is gone
            if self.arrivals.admit_one(lane, column, change.person_id, change.position):
                self.columns[column].apply({change.person_id: value})
                touched.value(column, change.person_id, change.position, value)

    def _block(self, change: PackedBlock, touched: Touched) -> None:
        texts = self.texts.setdefault(change.column, {})
        if change.texts:
            texts.update(change.texts)
            touched.texts.setdefault(change.column, {}).update(change.texts)
        if change.column not in self.columns:
            return
        type_ = self.types[change.column]
        values = unpacked(
            change.offsets,
            change.counts,
            change.codes,
            type_.element or type_.kind,
            texts.__getitem__,
            multi_valued=type_.kind is Kind.LIST,
        )
        admitted = self.arrivals.admit_block(
            change.column, change.block, change.position, change.offsets, values
        )
        self.columns[change.column].apply(admitted)
        touched.block(change.column, change.block, change.position, BitMap(admitted))

    def _tag(self, change: TagChange, touched: Touched) -> None:
        tag_id = change.tag.name
        known = self.tags.get(tag_id)
        if known is not None and known.position > change.position:
            return
        if change.deleted:
            self.tags.pop(tag_id, None)
            self._drop(tag_id)
        else:
            self.tags[tag_id] = change
            self._hold(tag_id, change.tag.type)
        touched.tags[tag_id] = change

    def _feature(self, change: FeatureChange, touched: Touched) -> None:
        known = self.features.get(change.form)
        if known is not None and known.position > change.position:
            return
        if change.state is FeatureState.DROPPED:
            self.features.pop(change.form, None)
            self._drop(change.column)
        else:
            self.features[change.form] = change
            self._hold(change.column, ValueType(change.kind))
        touched.features[change.form] = change

    def _hold(self, column: str, type_: ValueType) -> None:
        """A column of another type than before starts anew."""
        if self.types.get(column) != type_:
            self.types[column] = type_
            self.columns[column] = column_of(type_)

    def _drop(self, column: str) -> None:
        for held in (self.columns, self.types, self.texts):
            held.pop(column, None)


class TagIndexes:
    """Every tenant's index. `arrivals` of all tenants follow the same two cursors."""

    def __init__(self) -> None:
        self._tenants: dict[str, TenantIndex] = {}
        self._cursors: dict[Lane, int] = {Lane.LIVE: 0, Lane.BULK: 0}

    def tenant(self, name: str) -> TenantIndex:
        """One tenant's index, an empty one for a tenant that nothing was said of."""
        found = self._tenants.get(name)
        if found is None:
            found = TenantIndex(name, Arrivals(dict(self._cursors)))
            self._tenants[name] = found
        return found

    def tenants(self) -> list[TenantIndex]:
        """In order of name."""
        return [self._tenants[name] for name in sorted(self._tenants)]

    def reached(self, lane: Lane, position: int) -> None:
        """A lane's cursor has moved."""
        self._cursors[lane] = max(self._cursors[lane], position)
        for each in self._tenants.values():
            each.arrivals.reached(lane, position)

    def take_over(self, arriving: "TagIndexes") -> None:
        """Puts other indexes in the place of these, cursors included."""
        self._tenants, self._cursors = arriving._tenants, arriving._cursors

    def clear(self) -> None:
        """Forgets everything, before it is loaded anew."""
        self._tenants.clear()
        self._cursors = {Lane.LIVE: 0, Lane.BULK: 0}
