"""Columns in the containers of the block engine: versions share what did not change, files are mapped."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind, ValueType

from segments.domain.changes import BLOCK_BITS, BLOCK_SIZE
from segments.domain.extent import Extent
from segments.domain.manifests import NamedFile
from segments.domain.packing import Coded, scalar_of
from segments.engine.bitmaps import EngineColumn
from segments.engine.columns import TagColumn
from segments.engine.containers import CARDINALITY_MASK, CARDINALITY_SHIFT
from segments.engine.decoding import coded_of
from segments.engine.encoding import tag_column
from segments.engine.live.changes import Codes
from segments.engine.live.merging import caught_up, moved_blocks, related
from segments.engine.live.recoding import caught_up_by_value, recoded
from segments.engine.live.tags import with_codes, with_values
from segments.engine.live.versions import compacted, footprint, is_crowded
from segments.engine.numbers import NumberColumn
from segments.engine.sets import CodedBlock, SetColumn, set_column
from segments.engine.threads import Threads
from segments.index.columns import ScalarColumn, TextOf
from segments.index.extents import containers_of, persons_by_block
from segments.index.lists import ListColumn
from segments.index.mapped import MappedColumn
from segments.index.stamps import new_stamp

Plain = ScalarColumn | ListColumn


@cache
def threads() -> Threads:
    """Those of this process."""
    return Threads()


class ContainedColumn:
    """Implements MemoryColumn. Whoever changes it changes a copy; a version that nobody took over costs nothing.

    `file`   where the content was when it was merged last, None: nowhere
    `since`  how many values were put since then
    `lost`   how many persons were left with none since then
    `owed`   its latest debt to somebody who was erased and may have had one; `paid`: the latest that its file was made
             after
    """

    def __init__(self, type_: ValueType, version: TagColumn | MappedColumn, file: NamedFile | None) -> None:
        self.type = type_
        self.kind = type_.element or type_.kind
        self.file = file
        self.since = self.lost = 0
        self.stamp = self.owed = self.paid = new_stamp()
        self._version = version

    @property
    def tag(self) -> TagColumn:
        """As the engine reads it. Raises ColumnDamaged."""
        version = self._version
        return version.tag if isinstance(version, MappedColumn) else version

    @property
    def damage(self) -> str:
        """The file, when it is damaged; reads all of it when nobody has so far."""
        return self._version.damage if isinstance(self._version, MappedColumn) else ""

    @property
    def _mapped(self) -> TagColumn | None:
        """As the engine reads it, unless that is in a file that is not mapped."""
        version = self._version
        return version.mapped if isinstance(version, MappedColumn) else version

    @property
    def is_empty(self) -> bool:
        """See MemoryColumn."""
        return (tag := self._mapped) is not None and not any(persons_by_block(tag))

    def extent(self) -> Extent:
        """See MemoryColumn."""
        version, tag = self._version, self._mapped
        damage = version.known_damage if isinstance(version, MappedColumn) else ""
        found = Extent(changes=self.since, file=self.file, damage=damage, owes=self.debt > 0)
        if tag is None:
            return found
        persons = persons_by_block(tag)
        return replace(
            found,
            blocks=sum(each > 0 for each in persons),
            persons=sum(persons),
            bytes=footprint(tag.column),
            containers=containers_of(tag),
        )

    @property
    def debt(self) -> int:
        """See MemoryColumn."""
        return 0 if self.has_paid(self.owed) else self.owed

    def owe(self) -> None:
        """See MemoryColumn."""
        self.owed = new_stamp()

    def has_paid(self, debt: int) -> bool:
        """See MemoryColumn."""
        return self.file is None or self.paid >= debt

    def copy(self) -> "ContainedColumn":
        other = ContainedColumn(self.type, self._version, self.file)
        other.since, other.lost = self.since, self.lost
        other.stamp, other.owed, other.paid = self.stamp, self.owed, self.paid
        return other

    # ----------------------------------------------------------------------------------------- changing

    def put(self, changes: Mapping[int, Value | None]) -> None:
        """Sets persons' values; None makes one unknown. Raises TooManyValues, ColumnDamaged."""
        persons, tag = np.fromiter(changes, np.int64, len(changes)), self.tag
        self._become(tag, with_values(tag, persons, list(changes.values()), threads()), len(changes))
        self.lost += sum(not each for each in changes.values() if each is None or isinstance(each, tuple))

    def put_block(self, block: int, coded: Coded, text_of: TextOf) -> None:
        """Sets values of persons of one block; `text_of` resolves the codes of texts and raises KeyError. Raises
        TooManyValues, ColumnDamaged."""
        persons = coded.offsets.astype(np.int64) + (block << BLOCK_BITS)
        counts, codes = coded.counts.astype(np.int64), coded.codes
        tag, values = self.tag, list[Scalar]()
        if tag.dictionary is not None:
            distinct, codes = np.unique(codes, return_inverse=True)
            named: Callable[[int], Scalar] = text_of if self.kind is Kind.TEXT else self._scalar
            values = [named(each) for each in distinct.tolist()]
        found = with_codes(tag, persons, Codes(counts, codes.astype(np.int64)), values, threads())
        self._become(tag, found, len(persons))
        self.lost += int(np.count_nonzero(counts == 0))

    def _scalar(self, code: int) -> Scalar:
        return scalar_of(code, self.kind)

    def _become(self, before: TagColumn, version: TagColumn, count: int) -> None:
        if version is not before:
            self._version, self.stamp = version, new_stamp()
        self.since += count

    # ------------------------------------------------------------------------------------------ merging

    @property
    def is_crowded(self) -> bool:
        """Is the room for new versions nearly used up?"""
        return isinstance(self._version, TagColumn) and is_crowded(self._version.column)

    def settled(self, *, thoroughly: bool = False) -> TagColumn:
        """The same values in their smallest form; with another dictionary without the values of whom they were taken,
        and when most of the old one is of nobody, or with `thoroughly` anything of it. Raises ColumnDamaged."""
        tag, thoroughly = self.tag, thoroughly or self.lost > 0 or self.owed > self.paid
        if (found := recoded(tag, threads(), thoroughly=thoroughly)) is not None:
            return found
        return TagColumn(tag.kind, compacted(tag.column, threads()), tag.dictionary)

    def resting_on(
        self,
        mapped: TagColumn | MappedColumn,
        pinned: "ContainedColumn",
        file: NamedFile | None,
        *,
        is_recoded: bool = False,
    ) -> tuple["ContainedColumn", list[int]] | None:
        """This version over what was made of an earlier one, and the blocks that moved since; None when the two cannot
        be compared: then all is to be done again. Raises TooManyValues."""
        if self._version is pinned._version:
            found = ContainedColumn(self.type, mapped, file)
            found.stamp = self.stamp
            return found, []
        before, now = pinned.tag, self.tag
        if not related(before.column, now.column):
            return None
        settled = mapped.tag if isinstance(mapped, MappedColumn) else mapped
        if is_recoded:
            moved = moved_blocks(before.column, now.column)
            tag = caught_up_by_value(settled, now, moved.tolist(), threads())
        else:
            column, moved = caught_up(settled.column, before.column, now.column, threads())
            tag = TagColumn(now.kind, column, now.dictionary)
        found = ContainedColumn(self.type, tag, file)
        found.since, found.lost = self.since - pinned.since, self.lost - pinned.lost
        found.stamp, found.owed, found.paid = self.stamp, self.owed, pinned.owed
        return found, moved.tolist()

    # ------------------------------------------------------------------------------------------ reading

    def blocks(self) -> list[int]:
        column = self.tag.column
        entries = (column.knowns if isinstance(column, NumberColumn) else column).entries[-1]
        return np.flatnonzero((entries >> CARDINALITY_SHIFT) & CARDINALITY_MASK).tolist()

    def block(self, block: int) -> Coded:
        """The known values of one block, self-contained."""
        return coded_of(self.tag, block)

    def known(self) -> BitMap:
        return self._read().known()

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        return self._read().any_of(values)

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        return self._read().between(low, high, with_low=with_low, with_high=with_high)

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        return self._read().where(test)

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        return self._read().values(persons)

    def numbers(
        self, person_ids: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """See rules' Numbered."""
        return self._read().numbers(person_ids)

    def _read(self) -> EngineColumn:
        tag = self.tag
        return EngineColumn(tag, _everybody(tag.column.blocks), threads())


@cache
def _everybody(blocks: int) -> SetColumn:
    return set_column([CodedBlock(np.zeros(BLOCK_SIZE, np.uint16))] * blocks, 1, threads())


def contained(type_: ValueType, plain: Plain) -> TagColumn:
    """What a plain column holds. Raises ValueError for more values than the engine takes."""
    blocks = {each: plain.block(each) for each in plain.blocks()}
    return tag_column(type_, blocks, max(blocks, default=-1) + 1, threads())
