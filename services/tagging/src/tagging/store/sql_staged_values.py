"""Values of whole columns, in files before the transaction that puts them in force names these."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
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
        found = Found(persons, values, shape, codes, among)
        present = {*named, *above}
        concerned = {*_blocks(persons)} | present if among is None else {*_blocks(among)}
        writer = self._files.overlays(tenant, column)
        blocks: list[StagedBlock] = []
        streamed: list[Ints] = [NOBODY]
        with self._files.together():
            for block in sorted(concerned):
                staging = _Staging(self._files, tenant, column, block, named.get(block, NOTHING))
                delta = above.get(block, Block.empty())
                looked_at, after = found.of_block(block)
                blocks.append(staging.stage(looked_at, after, delta, writer))
                given = delta.streamed
                streamed.append(given if looked_at is None else given[within(given, looked_at)])
            self._files.finish(writer)
        standing = sorted(({*_blocks(persons)} | present) - concerned)
        written = writer.name if writer.path is not None else ""
        return StagedColumn(column, as_of, blocks, standing, np.concatenate(streamed), written)

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
class Found:
    """What was computed of a column. `among`: of whom, ascending, living or not; None is everybody."""

    persons: Ints
    values: Vector
    shape: Shape
    codes: Mapping[str, int]
    among: Ints | None

    def of_block(self, block: int) -> tuple[Ints | None, Coded]:
        """Of whom anything was computed in a block, and what is known of them."""
        part = _of_block(self.persons, block)
        persons, known, data = self.persons[part], self.values.known[part], self.values.data[part]
        looked_at = None
        if self.among is not None:
            looked_at = self.among[_of_block(self.among, block)]
            chosen = within(persons, looked_at)
            persons, known, data = persons[chosen], known[chosen], data[chosen]
        return looked_at, encode(persons, Vector(known, data), self.shape, self.codes).known()


class _Staging(NamedTuple):
    """Writes what becomes of a block."""

    files: BlockFiles
    tenant: str
    column: str
    block: int
    named: NamedBlock

    def stage(self, looked_at: Ints | None, after: Coded, delta: Block, writer: OverlayWriter) -> StagedBlock:
        """`after`: what is known of whom was looked at (None: everybody). `delta`: what the stream gave above files."""
        below = self.named.files
        if looked_at is None:
            filed = self.files.read(below, keep=False)
            overlay = _overlay(filed, delta, after)
        else:
            filed = self.files.peek(below, looked_at)
            overlay = _overlay(filed, delta.of_persons(looked_at), after)
        told = overlay.content.coded.persons
        if not len(told):
            return StagedBlock(self.block, below, None, "", 0)
        change = writer.add(self.block, overlay)
        if len(told) * OVERLAID_SHARE <= self.named.known_count and below.count(" ") < MOST_FILES:
            return StagedBlock(self.block, below, None, change, _gained(overlay, filed))
        content = Block.of(after, Coded.empty())
        if looked_at is not None:
            present = self.files.read(below, keep=False).below(delta)
            staying = present.coded.without(looked_at).overlaid(after)
            content = Block.of(staying, present.moments.without(looked_at))
        known = content.coded.known_count
        file = self.files.write(self.tenant, self.column, self.block, content, keep=False) if known else ""
        return StagedBlock(self.block, below, file, change, known)


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


def _of_block(persons: Ints, block: int) -> slice:
    """Where those of a block stand among ascending persons."""
    bounds = np.array([block, block + 1], np.int64) << BLOCK_BITS
    return slice(*np.searchsorted(persons, bounds).tolist())
