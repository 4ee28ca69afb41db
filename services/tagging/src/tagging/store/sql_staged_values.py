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
from tagging.store.sql_values import FOLDED_OVERLAYS
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
        above = _above(connection, tenant, column)
        found = _Found.of(persons, values, shape, codes, among)
        present = {*named, *_blocks(above.streamed)}
        concerned = sorted({*_blocks(persons)} | present if among is None else {*_blocks(among)})
        writer = self._files.overlays(tenant, column)
        staging = _Staging(self._files, writer, tenant, column, named, above, found)
        blocks: list[StagedBlock] = []
        superseded: list[Ints] = [NOBODY]
        with self._files.together():
            for first in range(0, len(concerned), BLOCKS_AT_ONCE):
                staged, persons_ = staging.stage(concerned[first : first + BLOCKS_AT_ONCE])
                blocks += staged
                superseded.append(persons_)
            self._files.finish(writer)
        standing = sorted(({*_blocks(persons)} | present) - {*concerned})
        written = writer.name if writer.path is not None else ""
        return StagedColumn(column, as_of, blocks, standing, np.concatenate(superseded), written)

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
            [(tenant, each, column) for each in staged.superseded[~within(staged.superseded, keep)].tolist()],
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
                overlay = self._files.overlay(each.change).without(kept)
                old, new = overlay.old, overlay.content.coded
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
    above: Block
    found: _Found

    def stage(self, blocks: Sequence[int]) -> tuple[list[StagedBlock], Ints]:
        """Of all, ascending, that anything was computed of from the first to the last: looked at together. Beside them
        those above whose value another takes the place of."""
        looked_at, after = self.found.between(blocks[0], blocks[-1])
        above = self._above(blocks[0], blocks[-1])
        if looked_at is not None:
            above = above.of_persons(looked_at)
        filed = _joined([self._filed(each, looked_at) for each in blocks])
        overlay = _overlay(filed.coded.overlaid(above.coded), after)
        told = overlay.content.coded
        gained = (told.counts > 0).astype(np.int64) - within(told.persons, filed.coded.persons)
        staged = []
        for block in blocks:
            part = _of_blocks(told.persons, block, block)
            staged.append(self._staged(block, overlay.part(part), int(gained[part].sum())))
        return staged, above.streamed[within(above.streamed, told.persons)]

    def _above(self, first: int, last: int) -> Block:
        part = _of_blocks(self.above.streamed, first, last)
        moments = self.above.streamed[part], self.above.streamed_as_of[part]
        return Block(self.above.coded.part(part), *moments)

    def _filed(self, block: int, looked_at: Ints | None) -> Block:
        below = self.named.get(block, NOTHING).files
        if looked_at is None:
            return self.files.read(below, keep=False)
        return self.files.peek(below, looked_at[_of_blocks(looked_at, block, block)])

    def _staged(self, block: int, overlay: Overlay, gained: int) -> StagedBlock:
        named = self.named.get(block, NOTHING)
        told = len(overlay.old.persons)
        if not told:
            return StagedBlock(block, named.files, None, "", 0)
        change = self.writer.add(block, overlay)
        if told * OVERLAID_SHARE <= named.known_count and named.files.count(" ") < MOST_FILES:
            return StagedBlock(block, named.files, None, change, gained)
        present = self.files.read(named.files, keep=False).below(self._above(block, block))
        content = present.below(overlay.content)
        known = content.coded.known_count
        file = self.files.write(self.tenant, self.column, block, content, keep=False) if known else ""
        return StagedBlock(block, named.files, file, change, known)


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


def _above(connection: Connection, tenant: str, column: str) -> Block:
    """What the stream gave above files, unknown values among it: as many rows as a day has."""
    rows = execute(
        connection,
        "SELECT person_id, codes, as_of_us FROM value_delta WHERE tenant = ? AND column_name = ? "
        "ORDER BY block, person_id",
        (tenant, column),
    ).all()
    persons = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    counts = np.fromiter((len(row[1]) // 8 for row in rows), np.uint16, len(rows))
    codes = np.frombuffer(b"".join(row[1] for row in rows), "<i8").astype(np.int64)
    moments = np.fromiter((row[2] for row in rows), np.int64, len(rows))
    return Block(Coded(persons, counts, codes), persons, moments)


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
