"""What becomes of the blocks of a column whose values are computed beside the stream: files first, then their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tagging.domain.columns import BLOCK_BITS, Coded, Ints, Shape, Vector, changed, encode, union, within
from tagging.store.block_files import BlockFiles
from tagging.store.blocks import Block
from tagging.store.overlay_files import Overlay, OverlayWriter
from tagging.store.sql_value_blocks import NOTHING, NamedBlock
from tagging.store.value_ports import StagedBlock

NOBODY = np.empty(0, np.int64)
OVERLAID_SHARE = 4
"""A block whose overlay would tell of more than one in so many of its values is written whole."""
BLOCKS_AT_ONCE = 16
"""Blocks that are looked at together: a million persons in memory, whatever a column has."""
MOST_FILES = 14
"""Files lying over each other, at most: what the background has not folded by then is written whole."""


@dataclass(frozen=True)
class Found:
    """What was computed of a column: `persons` and their values, of `among` alone (ascending, living or not; None is
    everybody)."""

    persons: Ints
    values: Vector
    shape: Shape
    codes: Mapping[str, int]
    among: Ints | None

    @staticmethod
    def of(
        persons: Ints, values: Vector, shape: Shape, codes: Mapping[str, int], among: Ints | None
    ) -> "Found":
        """Of more persons than were asked for."""
        if among is not None and len(persons):
            places = np.minimum(np.searchsorted(persons, among), len(persons) - 1)
            places = places[persons[places] == among]
            persons, values = persons[places], Vector(values.known[places], values.data[places])
        return Found(persons, values, shape, codes, among)

    def between(self, first: int, last: int) -> tuple[Ints | None, Coded]:
        """Of whom anything was computed in blocks, and what is known of them."""
        part = places_of(self.persons, first, last)
        values = Vector(self.values.known[part], self.values.data[part])
        after = encode(self.persons[part], values, self.shape, self.codes).known()
        return None if self.among is None else self.among[places_of(self.among, first, last)], after


class Staging:
    """Writes what becomes of the blocks of a column."""

    def __init__(
        self,
        files: BlockFiles,
        tenant: str,
        column: str,
        named: Mapping[int, NamedBlock],
        above: Block,
        found: Found,
    ) -> None:
        self._files = files
        self._tenant = tenant
        self._column = column
        self._named = named
        self._above = above
        self._found = found
        self._writer = files.overlays(tenant, column)
        self._whole: list[str] = []

    @property
    def written(self) -> str:
        """The file of what changes, "" when nothing does."""
        return self._writer.name if self._writer.path is not None else ""

    def stage_all(self, concerned: Sequence[int]) -> tuple[list[StagedBlock], Ints]:
        """What becomes of blocks, ascending; and those above whose value another takes the place of."""
        blocks: list[StagedBlock] = []
        superseded: list[Ints] = [NOBODY]
        with self._files.together():
            for first in range(0, len(concerned), BLOCKS_AT_ONCE):
                staged, persons = self._stage(concerned[first : first + BLOCKS_AT_ONCE])
                blocks += staged
                superseded.append(persons)
            self._files.finish(self._writer)
        return blocks, np.concatenate(superseded)

    def discard(self) -> None:
        """Removes what was written."""
        self._writer.close()
        for name in filter(None, (self.written, *self._whole)):
            self._files.remove(name)

    def _stage(self, blocks: Sequence[int]) -> tuple[list[StagedBlock], Ints]:
        """All that anything was computed of from the first to the last: looked at together."""
        looked_at, after = self._found.between(blocks[0], blocks[-1])
        above = self._above_of(blocks[0], blocks[-1])
        if looked_at is not None:
            above = above.of_persons(looked_at)
        filed = _joined([self._filed(each, looked_at) for each in blocks])
        overlay = _overlay(filed.coded.overlaid(above.coded), after)
        told = overlay.content.coded
        gained = (told.counts > 0).astype(np.int64) - within(told.persons, filed.coded.persons)
        staged = []
        for block in blocks:
            part = places_of(told.persons, block, block)
            staged.append(self._staged(block, overlay.part(part), int(gained[part].sum())))
        return staged, above.streamed[within(above.streamed, told.persons)]

    def _above_of(self, first: int, last: int) -> Block:
        part = places_of(self._above.streamed, first, last)
        moments = self._above.streamed[part], self._above.streamed_as_of[part]
        return Block(self._above.coded.part(part), *moments)

    def _filed(self, block: int, looked_at: Ints | None) -> Block:
        below = self._named.get(block, NOTHING).files
        if looked_at is None:
            return self._files.read(below, keep=False)
        return self._files.peek(below, looked_at[places_of(looked_at, block, block)])

    def _staged(self, block: int, overlay: Overlay, gained: int) -> StagedBlock:
        named = self._named.get(block, NOTHING)
        told = len(overlay.old.persons)
        if not told:
            return StagedBlock(block, named.files, None, "", 0)
        change = self._writer.add(block, overlay)
        if told * OVERLAID_SHARE <= named.known_count and named.files.count(" ") < MOST_FILES:
            return StagedBlock(block, named.files, None, change, gained)
        present = self._files.read(named.files, keep=False).below(self._above_of(block, block))
        content = present.below(overlay.content)
        known, file = content.coded.known_count, ""
        if known:
            file = self._files.write(self._tenant, self._column, block, content, keep=False)
            self._whole.append(file)
        return StagedBlock(block, named.files, file, change, known)


class Naming(NamedTuple):
    """Puts in force what was staged of a block, as the block is now."""

    files: BlockFiles
    writer: OverlayWriter
    staged: StagedBlock
    now: NamedBlock
    kept: Ints

    def named(self, as_of_us: int) -> NamedBlock:
        """`kept`: those of the block who keep their present value."""
        files, known = self.now.files, self.now.known_count
        if self.staged.file is not None:
            files, known = self._replaced(self.staged.file)
        elif self.staged.change:
            files, known = self._overlaid()
        return NamedBlock(files, known, as_of_us)

    def _replaced(self, file: str) -> tuple[str, int]:
        if not len(self.kept):
            return file, self.staged.known
        present = self.files.peek(self.now.files, self.kept)
        coded = present.coded.only(self.kept)
        restored = Overlay(Block.of(coded, present.moments), coded)
        known = self.staged.known + _gained(restored, self.files.peek(file, self.kept))
        return _over(file, self.writer.add(self.staged.block, restored)), known

    def _overlaid(self) -> tuple[str, int]:
        staged, now, part = self.staged, self.now, self.staged.change
        overlay: Overlay | None = None
        if len(self.kept):
            overlay = self.files.overlay(staged.change)
            if within(overlay.old.persons, self.kept).any():
                overlay = overlay.without(self.kept)
                if not len(overlay.old.persons):
                    return now.files, now.known_count
                part = self.writer.add(staged.block, overlay)
        if part == staged.change and now.files == staged.below:
            return _over(now.files, part), now.known_count + staged.known
        overlay = overlay or self.files.overlay(part)
        filed = self.files.peek(now.files, overlay.old.persons)
        return _over(now.files, part), now.known_count + _gained(overlay, filed)


def _overlay(before: Coded, after: Coded) -> Overlay:
    """Who differs, those who have nothing any more among them. Both are of whom was looked at."""
    everybody = union(before.persons, after.persons)
    old, new = before.only(everybody), after.only(everybody)
    different = changed(old, new)
    return Overlay(Block.of(new.take(different), Coded.empty()), old.take(different))


def _gained(overlay: Overlay, filed: Block) -> int:
    """How many known values more the files of a block hold with an overlay; `filed`: of its persons, at least."""
    coded = overlay.content.coded
    return coded.known_count - int(np.count_nonzero(within(filed.coded.persons, coded.persons)))


def _over(files: str, part: str) -> str:
    return f"{files} {part}" if files else part


def blocks_of(persons: Ints) -> list[int]:
    """Where persons (ascending) are."""
    blocks = persons >> BLOCK_BITS
    first = np.ones(len(blocks), np.bool_)
    np.not_equal(blocks[1:], blocks[:-1], out=first[1:])
    found: list[int] = blocks[first].tolist()
    return found


def places_of(persons: Ints, first: int, last: int) -> slice:
    """Where those of some blocks stand among ascending persons."""
    bounds = np.array([first, last + 1], np.int64) << BLOCK_BITS
    return slice(*np.searchsorted(persons, bounds).tolist())


def _joined(blocks: Sequence[Block]) -> Block:
    """Of blocks, ascending, one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    parts = [Block.empty(), *blocks]
    return Block(
        Coded(
            np.concatenate([each.coded.persons for each in parts]),
            np.concatenate([each.coded.counts for each in parts]),
            np.concatenate([each.coded.codes for each in parts]),
        ),
        np.concatenate([each.streamed for each in parts]),
        np.concatenate([each.streamed_as_of for each in parts]),
    )
