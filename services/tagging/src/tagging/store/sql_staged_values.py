"""Values of whole columns, in files before the transaction that puts them in force names these."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rules.values import Kind
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import (
    BLOCK_BITS,
    Coded,
    Ints,
    Shape,
    Vector,
    changed,
    encode,
    microseconds,
    union,
    within,
)
from tagging.store import sql_texts, sql_value_blocks, sql_value_columns
from tagging.store.block_files import BlockFiles
from tagging.store.blocks import Block
from tagging.store.overlay_files import Overlay, OverlayWriter
from tagging.store.sql_history import HistoryRecorder
from tagging.store.sql_value_blocks import NOTHING, NamedBlock
from tagging.store.sql_values import FOLDED_OVERLAYS, unpacked
from tagging.store.value_ports import BlockChange, StagedBlock, StagedColumn

NOBODY = np.empty(0, np.int64)
OVERLAID_SHARE = 4
"""A block whose overlay would tell of more than one in so many of its values is written whole."""
BLOCKS_AT_ONCE = 16
"""Blocks that are looked at together: a million persons in memory, whatever a column has."""
MOST_FILES = 2 * FOLDED_OVERLAYS
"""Files lying over each other, at most: what the background has not folded by then is written whole."""


class SqlStagedValues:
    """StagedValues over the store and a folder of block files. `machine_ms`: the machine's time, milliseconds."""

    def __init__(self, files: BlockFiles, machine_ms: Callable[[], int]) -> None:
        self._files = files
        self._machine_ms = machine_ms
        self._recorder = HistoryRecorder()

    def codes(
        self, connection: Connection, tenant: str, column: str, texts: Collection[str]
    ) -> Mapping[str, int]:
        return sql_texts.codes_of(connection, tenant, column, texts)

    def stage(
        self,
        connection: Connection,
        tenant: str,
        column: str,
        persons: Ints,
        values: Vector,
        codes: Mapping[str, int],
        as_of: dt.datetime,
        among: Ints | None = None,
    ) -> StagedColumn:
        shape = sql_value_columns.shape_of(connection, tenant, column)
        named = sql_value_blocks.of_column(connection, tenant, column)
        above = _streamed(connection, tenant, column)
        found = _Found.of(persons, values, shape, codes, among)
        present = {*named, *above}
        concerned = sorted({*_blocks(persons)} | present if among is None else {*_blocks(among)})
        writer = self._files.overlays(tenant, column)
        staging = _Staging(self._files, writer, tenant, column, named, above, found)
        with self._files.together():
            blocks = [
                each
                for first in range(0, len(concerned), BLOCKS_AT_ONCE)
                for each in staging.stage(concerned[first : first + BLOCKS_AT_ONCE])
            ]
            self._files.finish(writer)
        streamed = np.concatenate([NOBODY, *(above[each].streamed for each in concerned if each in above)])
        if among is not None:
            streamed = streamed[within(streamed, among)]
        standing = sorted(({*_blocks(persons)} | present) - {*concerned})
        written = writer.name if writer.path is not None else ""
        return StagedColumn(column, as_of, blocks, standing, streamed, written)

    def put_in_force(
        self, connection: Connection, tenant: str, staged: StagedColumn, keep: Ints
    ) -> Iterator[BlockChange] | None:
        column, as_of_us = staged.column, microseconds(staged.as_of)
        now = sql_value_blocks.of_column(connection, tenant, column)
        if any(each.below and each.block not in now for each in staged.blocks):
            return None
        writer = self._files.overlays(tenant, column)
        renamed: list[tuple[int, NamedBlock]] = []
        for each in staged.blocks:
            kept = keep[keep >> BLOCK_BITS == each.block]
            naming = _Naming(self._files, writer, each, now.get(each.block, NOTHING), kept)
            renamed.append((each.block, naming.named(as_of_us)))
        self._files.finish(writer)
        sql_value_blocks.put(connection, tenant, column, renamed)
        sql_value_blocks.stand(connection, tenant, column, staged.standing, as_of_us)
        replaced = [now.get(block, NOTHING).files for block, _ in renamed]
        sql_value_blocks.retire_unnamed(
            connection, tenant, column, [*replaced, staged.written], self._machine_ms()
        )
        execute_many(
            connection,
            "DELETE FROM value_delta WHERE tenant = ? AND person_id = ? AND column_name = ?",
            [(tenant, person, column) for person in staged.streamed[~within(staged.streamed, keep)].tolist()],
        )
        return self._changes(connection, tenant, staged, keep)

    def discard(self, staged: StagedColumn) -> None:
        for name in (staged.written, *(each.file for each in staged.blocks)):
            if name:
                self._files.remove(name)

    def _changes(
        self, connection: Connection, tenant: str, staged: StagedColumn, keep: Ints
    ) -> Iterator[BlockChange]:
        column = staged.column
        shape = sql_value_columns.shape_of(connection, tenant, column)
        records = column in self._recorder.columns(connection, tenant)
        for each in staged.blocks:
            old, new = Coded.empty(), Coded.empty()
            if each.change:
                kept = keep[keep >> BLOCK_BITS == each.block]
                old, new = self._files.overlay(each.change).without(kept).change()
            if records:
                self._recorder.record(connection, tenant, column, each.block, old, microseconds(staged.as_of))
            # To others a weighted list is its texts; that its weights changed is told by an entry that changes none.
            old, new = old.plain(shape), new.plain(shape)
            texts: dict[int, str] = {}
            if shape.base is Kind.TEXT and len(old.persons):
                told = {*old.codes.tolist(), *new.codes.tolist()}
                texts = sql_texts.take_unsent(connection, tenant, column, told)
            yield BlockChange(column, each.block, old, new, staged.as_of, texts)


@dataclass(frozen=True)
class _Found:
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
    ) -> "_Found":
        """Of more persons than were asked for."""
        if among is not None and len(persons):
            places = np.minimum(np.searchsorted(persons, among), len(persons) - 1)
            places = places[persons[places] == among]
            persons, values = persons[places], Vector(values.known[places], values.data[places])
        return _Found(persons, values, shape, codes, among)

    def between(self, first: int, last: int) -> tuple[Ints | None, Coded]:
        """Of whom anything was computed in blocks, and what is known of them."""
        part = _of_blocks(self.persons, first, last)
        values = Vector(self.values.known[part], self.values.data[part])
        after = encode(self.persons[part], values, self.shape, self.codes).known()
        return None if self.among is None else self.among[_of_blocks(self.among, first, last)], after


class _Staging(NamedTuple):
    """Writes what becomes of blocks of a column."""

    files: BlockFiles
    writer: OverlayWriter
    tenant: str
    column: str
    named: Mapping[int, NamedBlock]
    above: Mapping[int, Block]
    found: _Found

    def stage(self, blocks: Sequence[int]) -> Iterator[StagedBlock]:
        """Of all, ascending, that anything was computed of from the first to the last: looked at together."""
        looked_at, after = self.found.between(blocks[0], blocks[-1])
        delta = _joined([self.above[each] for each in blocks if each in self.above])
        if looked_at is not None:
            delta = delta.of_persons(looked_at)
        filed = _joined([self._filed(each, looked_at) for each in blocks])
        overlay = _overlay(filed, delta, after)
        told = overlay.content.coded
        gained = (told.counts > 0).astype(np.int64) - within(told.persons, filed.coded.persons)
        for block in blocks:
            part = _of_blocks(told.persons, block, block)
            yield self._staged(block, overlay.part(part), int(gained[part].sum()), looked_at, after)

    def _filed(self, block: int, looked_at: Ints | None) -> Block:
        below = self.named.get(block, NOTHING).files
        if looked_at is None:
            return self.files.read(below, keep=False)
        return self.files.peek(below, looked_at[_of_blocks(looked_at, block, block)])

    def _staged(
        self, block: int, overlay: Overlay, gained: int, looked_at: Ints | None, after: Coded
    ) -> StagedBlock:
        named = self.named.get(block, NOTHING)
        told = len(overlay.old.persons)
        if not told:
            return StagedBlock(block, named.files, None, "", 0)
        change = self.writer.add(block, overlay)
        if told * OVERLAID_SHARE <= named.known_count and named.files.count(" ") < MOST_FILES:
            return StagedBlock(block, named.files, None, change, gained)
        content = self._whole(block, looked_at, after.part(_of_blocks(after.persons, block, block)))
        known = content.coded.known_count
        file = self.files.write(self.tenant, self.column, block, content, keep=False) if known else ""
        return StagedBlock(block, named.files, file, change, known)

    def _whole(self, block: int, looked_at: Ints | None, after: Coded) -> Block:
        if looked_at is None:
            return Block.of(after, Coded.empty())
        looked_at = looked_at[_of_blocks(looked_at, block, block)]
        present = self.files.read(self.named.get(block, NOTHING).files, keep=False)
        present = present.below(self.above.get(block, Block.empty()))
        staying = present.coded.without(looked_at).overlaid(after)
        return Block.of(staying, present.moments.without(looked_at))


class _Naming(NamedTuple):
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
        staged, now = self.staged, self.now
        if now.files == staged.below and not len(self.kept):
            return _over(now.files, staged.change), now.known_count + staged.known
        overlay = self.files.overlay(staged.change)
        part = staged.change
        if within(overlay.content.coded.persons, self.kept).any():
            overlay = overlay.without(self.kept)
            if not len(overlay.content.coded.persons):
                return now.files, now.known_count
            part = self.writer.add(staged.block, overlay)
        filed = self.files.peek(now.files, overlay.content.coded.persons)
        return _over(now.files, part), now.known_count + _gained(overlay, filed)


def _overlay(filed: Block, delta: Block, after: Coded) -> Overlay:
    """Who differs, and whose value was the stream's: it is not any more. All are of whom was looked at."""
    before = filed.coded.overlaid(delta.coded)
    everybody = union(before.persons, after.persons)
    old, new = before.only(everybody), after.only(everybody)
    told = changed(old, new) | within(everybody, filed.streamed) | within(everybody, delta.streamed)
    return Overlay(Block.of(new.take(told), Coded.empty()), old.take(told))


def _gained(overlay: Overlay, filed: Block) -> int:
    """How many known values more the files of a block hold with an overlay; `filed`: of its persons, at least."""
    coded = overlay.content.coded
    return coded.known_count - int(np.count_nonzero(within(filed.coded.persons, coded.persons)))


def _over(files: str, part: str) -> str:
    return f"{files} {part}" if files else part


def _streamed(connection: Connection, tenant: str, column: str) -> dict[int, Block]:
    """By block, what the stream gave above its files, unknown values among it."""
    rows = execute(
        connection,
        "SELECT block, person_id, codes, as_of_us FROM value_delta WHERE tenant = ? AND column_name = ?",
        (tenant, column),
    )
    codes: dict[int, dict[int, tuple[int, ...]]] = {}
    moments: dict[int, dict[int, tuple[int]]] = {}
    for block, person, packed, as_of_us in rows:
        codes.setdefault(block, {})[person] = unpacked(packed)
        moments.setdefault(block, {})[person] = (as_of_us,)
    return {block: Block.of(Coded.of(found), Coded.of(moments[block])) for block, found in codes.items()}


def _blocks(persons: Ints) -> list[int]:
    """Where persons (ascending) are."""
    blocks = persons >> BLOCK_BITS
    first = np.ones(len(blocks), np.bool_)
    np.not_equal(blocks[1:], blocks[:-1], out=first[1:])
    found: list[int] = blocks[first].tolist()
    return found


def _of_blocks(persons: Ints, first: int, last: int) -> slice:
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
