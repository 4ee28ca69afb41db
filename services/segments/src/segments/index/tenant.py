"""One tenant's part of the index: columns and universe."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from operator import methodcaller
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import RuleBitmaps, narrowed
from rules.evaluate.meaning import Value
from rules.evaluate.selection import condition_within
from rules.evaluate.setting import Setting
from rules.schema import Catalogue, TagType
from rules.tree import Condition, Feature, Rule
from rules.values import Kind, ValueType
from rules.walk import walk
from rules.windows import CalendarSettings
from servicekit.kernels.threads import Cancellation
from servicekit.revision import Lane

from segments.domain.changes import (
    BLOCK_BITS,
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
from segments.domain.extent import Extent
from segments.domain.movement import Flips
from segments.domain.packing import Coded, TooManyValues, whole
from segments.domain.plan import Plan
from segments.domain.shared_parts import SharedParts
from segments.domain.touched import Touched, ValueArrival
from segments.errors import ColumnDamaged
from segments.index.answering import Answering, Asking
from segments.index.arrivals import Arrivals, Cursors
from segments.index.columns import ScalarColumn
from segments.index.erasures import forget_erased, is_in_block
from segments.index.lists import ListColumn
from segments.index.memory import MemoryColumn
from segments.index.narrowed import IndexBitmaps, Narrowed
from segments.index.plain import column_of, in_blocks
from segments.index.plans import narrowings
from segments.index.universe import Universe
from segments.store.ports import Watched

if TYPE_CHECKING:
    from segments.index.settling import Settled
    from segments.index.watching import Watching

_DAY_END = dt.timedelta(microseconds=1)


class TenantIndex:
    """Implements TenantIndex of the ports. Whoever wants to change it changes a copy: the original stays what it is."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.tags: dict[str, TagChange] = {}
        self.features: dict[str, FeatureChange] = {}
        self.born: dict[str, int] = {}
        self.texts: dict[str, dict[int, str]] = {}
        self.as_ofs: dict[str, dt.datetime] = {}
        self.day: DayRolled | None = None
        self.schema = Catalogue.of([])
        self._people = Universe()
        self._columns: dict[str, MemoryColumn] = {}
        self._types: dict[str, ValueType] = {}
        self._arrivals = Arrivals()
        self._gone: dict[str, int] = {}
        self._own: set[str] = set()
        self._unfiled: set[str] = set()
        self._behind: set[str] = set()
        self._late: dict[str, dict[int, ValueArrival]] = {}
        self._watching: Watching | None = None
        self._answering = Answering()

    def copy(self) -> "TenantIndex":
        other = TenantIndex(self.tenant)
        other.tags, other.features, other.born = dict(self.tags), dict(self.features), dict(self.born)
        other.texts, other.day, other.schema = dict(self.texts), self.day, self.schema
        other.as_ofs = dict(self.as_ofs)
        other._people = self._people.copy()
        other._columns, other._types = dict(self._columns), dict(self._types)
        other._arrivals, other._gone = self._arrivals.copy(), dict(self._gone)
        other._unfiled = set(self._unfiled)
        other._answering, other._watching = self._answering, self._watching
        return other

    # ------------------------------------------------------------------------------------------ reading

    @property
    def calendar(self) -> CalendarSettings:
        if self.day is None:
            return CalendarSettings()
        return CalendarSettings(self.day.time_zone, self.day.week_start)

    def as_of(self, moment: dt.datetime) -> dt.datetime:
        return moment if self.day is None else min(moment, _end_of(self.day.day, self.day.time_zone))

    def tag_types(self) -> Mapping[str, TagType]:
        return {tag_id: change.tag for tag_id, change in self.tags.items()}

    def living(self, person_id: int) -> int:
        return self._people.living(person_id)

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        return self._people.birth_hashes(person_ids)

    def erased(self) -> BitMap:
        return self._people.erased

    def bitmaps(
        self, members: Mapping[str, BitMap], only: BitMap | None = None, *, by_person: bool = False
    ) -> RuleBitmaps:
        whole = IndexBitmaps(
            populations=self._people.populations,
            tags={tag_id: self._columns[tag_id] for tag_id in self.tags},
            features={
                form: self._columns[feature.column]
                for form, feature in self.features.items()
                if feature.state is FeatureState.LIVE
            },
            segments=members,
            people=self._people,
        )
        return whole if only is None else Narrowed(whole, only, by_person)

    def select(
        self,
        rule: Rule | Condition,
        view: RuleBitmaps,
        setting: Setting,
        population: Population,
        parts: SharedParts | None = None,
    ) -> BitMap:
        asking = Asking(view, setting, population, self._people, self.tags)
        found = self._answering.select(condition_within(rule), asking, parts)
        return narrowed(found, rule.steps, view) if isinstance(rule, Rule) else found

    def plan(
        self,
        rule: Rule,
        view: RuleBitmaps,
        setting: Setting,
        population: Population,
        cancellation: Cancellation | None = None,
    ) -> Plan:
        condition = condition_within(rule)
        live = {form for form, each in self.features.items() if each.state is FeatureState.LIVE}
        computed = {each.form for each in walk(condition) if isinstance(each, Feature)} - live
        asking = Asking(view, setting, population, self._people, self.tags)
        found = self._answering.plan(condition, asking, computed, cancellation)
        if not rule.steps:
            return found
        persons = self._answering.select(condition, asking)
        return replace(found, narrowings=tuple(narrowings(persons, rule.steps, view)))

    def flips(
        self,
        rules: Sequence[Watched],
        setting: Setting,
        persons: BitMap,
        members: Callable[[str], BitMap],
    ) -> Flips:
        if all(isinstance(each, ScalarColumn | ListColumn) for each in self._columns.values()):
            self._watching = None
            return Flips()
        from segments.index import watching

        live = {form: each.column for form, each in self.features.items() if each.state is FeatureState.LIVE}
        people = watching.People(self._people.populations, self._people.stamp, persons)
        before = self._watching
        if before is None or not before.serves(rules, setting, self._columns, live):
            self._watching = None
            if not persons:
                return Flips()
            self._watching = watching.watching(rules, setting, self._columns, live, people, before)
            return watching.compared(self._watching, persons, members)
        self._watching = before.at(self._columns, people)
        return watching.flips(before, self._watching, persons)

    def population(self, population: Population) -> BitMap:
        return self._people.populations[population]

    def persons(self) -> Iterator[PersonChange]:
        return self._people.persons(self.tenant)

    def column_names(self) -> list[str]:
        return sorted(self._columns)

    def blocks(self, column: str) -> list[int]:
        return self._columns[column].blocks()

    def block(self, column: str, block: int) -> Coded | None:
        found = self._columns.get(column)
        return None if found is None else found.block(block)

    def type_of(self, column: str) -> ValueType | None:
        return self._types.get(column)

    def debts(self) -> dict[str, int]:
        return {column: each.debt for column, each in self._columns.items() if each.debt}

    def has_paid(self, debts: Mapping[str, int]) -> bool:
        held = self._columns
        return all(held[column].has_paid(debt) for column, debt in debts.items() if column in held)

    def is_empty(self, column: str) -> bool:
        return self._columns[column].is_empty

    def extent(self, column: str) -> Extent:
        return self._columns[column].extent()

    def held(self, column: str) -> MemoryColumn:
        """One column as it is held. Raises KeyError for no such column."""
        return self._columns[column]

    def damage_of(self, columns: Iterable[str]) -> str:
        for column in columns:
            if (held := self._columns.get(column)) is not None and (file := held.damage):
                return f"the values of {column!r} are told anew, their file {file} is damaged"
        return ""

    # ----------------------------------------------------------------------------------------- changing

    def apply(self, changes: Iterable[Change], lane: Lane, cursors: Cursors, touched: Touched) -> None:
        settled = min(cursors.values())
        self._arrivals.settle(settled)
        self._gone = {column: at for column, at in self._gone.items() if at > settled}
        for change in changes:
            match change:
                case PersonValues():
                    self._arrivals.keep(lane, cursors, change)
                    for column in change.values:
                        self._take_value(change, column, lane, cursors, touched)
                case PackedBlock():
                    self._block(change, lane, cursors, touched)
                case PersonChange():
                    touched.person(change, applied=self._people.apply(change))
                case TagChange():
                    self._tag(change, cursors, touched)
                case FeatureChange():
                    self._feature(change, cursors, touched)
                case DayRolled():
                    if self.day is None or change.position >= self.day.position:
                        self.day = change
                        touched.day = change
        self._flush(touched)
        self._unfile(touched)
        forget_erased(self._columns, self._people, touched, self._writable)

    def restore(self, column: str, block: int, coded: Coded) -> None:
        if is_in_block(self._people.gone, block):
            self._behind.add(column)
        stored = whole(coded, BLOCK_SIZE)  # over what a file says of the block
        self._put(column, lambda held: held.put_block(block, stored, coded.texts.__getitem__))

    def restore_value(self, column: str, person_id: int, position: int, value: Value | None) -> None:
        cursors = {Lane.LIVE: 0, Lane.BULK: 0}
        self._arrivals.admit_one(Lane.LIVE, cursors, position, column, person_id)
        self._late.setdefault(column, {})[person_id] = ValueArrival(position, value)
        if person_id in self._people.gone:
            self._behind.add(column)

    def restored(self) -> None:
        self._flush(Touched())
        for column in self._behind & self._columns.keys():
            self._writable(column).owe()
        self._behind.clear()

    def open_column(self, column: str, held: MemoryColumn) -> None:
        self._columns[column] = held
        self._own.discard(column)

    def rest(self, settled: "Settled") -> list[int] | None:
        column = settled.named.column
        held, type_ = self._columns.get(column), self._types.get(column)
        if held is None or type_ is None:
            return None
        try:
            resting = settled.resting(held, type_)
        except TooManyValues:
            return None
        if resting is None:
            return None
        self._columns[column], moved = resting
        self._own.add(column)
        if isinstance(held, ScalarColumn | ListColumn) and any(
            is_in_block(self._people.gone, block) for block in moved
        ):
            self._columns[column].owe()
        if settled.is_recoded:
            self._watching = None
        return moved

    def _take_value(
        self, change: PersonValues, column: str, lane: Lane, cursors: Cursors, touched: Touched
    ) -> None:
        person_id, position = change.person_id, change.position
        if column not in self._columns or position < self.born[column]:
            return
        if self._arrivals.admit_one(lane, cursors, position, column, person_id):
            self._late.setdefault(column, {})[person_id] = ValueArrival(position, change.values[column])
        else:
            touched.spoke_of(column, (person_id,))

    def _block(self, arrival: PackedBlock, lane: Lane, cursors: Cursors, touched: Touched) -> None:
        self._learn(arrival, touched)
        kept = self._arrivals.keep(lane, cursors, arrival)
        try:
            self._take_block(arrival, lane, cursors, touched)
        except KeyError:
            if not kept:
                raise ValueError(
                    f"block {arrival.block} of column {arrival.column!r} has a text without its dictionary entry"
                ) from None

    def _learn(self, arrival: PackedBlock, touched: Touched) -> None:
        """Takes the dictionary entries that a block brings."""
        if texts := arrival.coded.texts:
            self.texts[arrival.column] = {**self.texts.get(arrival.column, {}), **texts}
            touched.texts.setdefault(arrival.column, {}).update(texts)

    def _take_block(self, arrival: PackedBlock, lane: Lane, cursors: Cursors, touched: Touched) -> None:
        """Raises KeyError, and changes nothing, when a text is not known."""
        column, coded = arrival.column, arrival.coded
        if column not in self._columns or arrival.position < self.born[column]:
            return
        texts = self.texts.get(column, {})
        if self._columns[column].kind is Kind.TEXT:
            for code in np.unique(coded.codes).tolist():
                texts[code]
        self._flush(touched, column)
        admitted = self._arrivals.admit_block(lane, cursors, arrival)
        touched.spoke_of(column, ((arrival.block << BLOCK_BITS) + coded.offsets.astype(np.int64)).tolist())
        touched.block(column, arrival.block, arrival.position)
        if arrival.as_of is not None:
            self.as_ofs[column] = max(arrival.as_of, self.as_ofs.get(column, arrival.as_of))
        if not admitted.all():
            codes = coded.codes[np.repeat(admitted, coded.counts)]
            coded = replace(
                coded, offsets=coded.offsets[admitted], counts=coded.counts[admitted], codes=codes
            )
        self._put(column, lambda held: held.put_block(arrival.block, coded, texts.__getitem__))

    def _tag(self, change: TagChange, cursors: Cursors, touched: Touched) -> None:
        tag_id = change.tag.name
        known = self.tags.get(tag_id)
        latest = self._gone.get(tag_id, -1) if known is None else known.position
        if latest > change.position:
            return
        touched.tags[tag_id] = change
        touched.anew.add(tag_id)
        if change.deleted:
            self.tags.pop(tag_id, None)
            self._drop(tag_id, change.position, touched)
        else:
            self.tags[tag_id] = change
            self._hold(tag_id, change.tag.type, change.position, cursors, touched)
        self.schema = Catalogue.of([each.tag for each in self.tags.values()])

    def _feature(self, change: FeatureChange, cursors: Cursors, touched: Touched) -> None:
        known = self.features.get(change.form)
        latest = self._gone.get(change.column, -1) if known is None else known.position
        if latest > change.position:
            return
        touched.features[change.form] = change
        if change.state is FeatureState.DROPPED:
            self.features.pop(change.form, None)
            self._drop(change.column, change.position, touched)
        else:
            self.features[change.form] = change
            self._hold(change.column, ValueType(change.kind), change.position, cursors, touched)

    def _hold(self, column: str, type_: ValueType, position: int, cursors: Cursors, touched: Touched) -> None:
        """A column of another type than before starts anew, with what came too early for it."""
        if self._types.get(column) == type_:
            return
        touched.spoke_of(column, list(self._late.pop(column, ())))
        self._types[column] = type_
        self._columns[column] = column_of(type_)
        self.born[column] = position
        self.as_ofs.pop(column, None)
        self._own.add(column)
        touched.anew.add(column)
        for lane, early in self._arrivals.kept(column, position):
            if isinstance(early, PackedBlock):
                self._learn(early, touched)  # an earlier end of the column, told later, has dropped them
                self._take_block(early, lane, cursors, touched)
            else:
                self._take_value(early, column, lane, cursors, touched)

    def _drop(self, column: str, position: int, touched: Touched) -> None:
        self._gone[column] = position
        touched.spoke_of(column, list(self._late.pop(column, ())))
        for held in (self._columns, self._types, self.texts, self.born):
            held.pop(column, None)
        self.as_ofs.pop(column, None)

    def _writable(self, column: str) -> MemoryColumn:
        if column not in self._own:
            self._columns[column] = self._columns[column].copy()
            self._own.add(column)
        return self._columns[column]

    def _flush(self, touched: Touched, *columns: str) -> None:
        """Puts single values into their columns: all of a column at once is cheaper than one by one."""
        for column in columns or tuple(self._late):
            if arrivals := self._late.pop(column, None):
                touched.came(column, arrivals)
                values = {person_id: arrival.value for person_id, arrival in arrivals.items()}
                self._put(column, methodcaller("put", values))

    def _put(self, column: str, put: Callable[[MemoryColumn], None]) -> None:
        """What a damaged column is told is lost with it: all of it is told anew."""
        with suppress(ColumnDamaged):
            held = self._writable(column)
            try:
                put(held)
            except TooManyValues:
                self._columns[column] = in_blocks(held, column_of(self._types[column]))
                put(self._columns[column])
                self._unfiled.add(column)

    def _unfile(self, touched: Touched) -> None:
        """Columns that are plain again are stored as such; rows beside their blocks go as those are folded."""
        for column in self._unfiled & self._columns.keys():
            touched.unfiled.add(column)
            for block in self._columns[column].blocks():
                touched.block(column, block, 0)
        self._unfiled.clear()


@lru_cache
def _end_of(day: dt.date, time_zone: str) -> dt.datetime:
    """The last moment of a day: nearly every answer says it."""
    return CalendarSettings(time_zone).midnight(day + dt.timedelta(days=1)) - _DAY_END
