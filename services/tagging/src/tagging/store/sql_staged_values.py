"""Values of whole columns, in files before the transaction that puts them in force names these."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
from rules.values import Kind
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import Coded, Ints, Vector, microseconds, within
from tagging.store import sql_texts, sql_value_blocks, sql_value_columns
from tagging.store.block_files import BlockFiles
from tagging.store.blocks import Block, files_of
from tagging.store.sql_history import HistoryRecorder
from tagging.store.sql_value_blocks import NOTHING, NamedBlock
from tagging.store.staged_blocks import NOBODY, Found, Naming, Staging, blocks_of, places_of
from tagging.store.value_ports import BlockChange, StagedBlock, StagedColumn


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
        found = Found.of(persons, values, shape, codes, among)
        present = {*named, *blocks_of(above.streamed)}
        concerned = sorted({*blocks_of(persons)} | present if among is None else {*blocks_of(among)})
        staging = Staging(self._files, tenant, column, named, above, found)
        try:
            blocks, superseded = staging.stage_all(concerned)
        except BaseException:  # whoever tries again would fill the disk
            staging.discard()
            raise
        standing = sorted(({*blocks_of(persons)} | present) - {*concerned})
        return StagedColumn(column, as_of, blocks, standing, superseded, staging.written)

    def put_in_force(
        self,
        connection: Connection,
        tenant: str,
        staged: StagedColumn,
        keep: Ints,
        known: Collection[int] = (),
    ) -> Iterator[BlockChange] | None:
        column, as_of_us = staged.column, microseconds(staged.as_of)
        now = sql_value_blocks.of_column(connection, tenant, column)
        if any(each.below and each.block not in now for each in staged.blocks):
            return None
        writer = self._files.overlays(tenant, column)
        renamed: list[tuple[int, NamedBlock]] = []
        for each in staged.blocks:
            kept = keep[places_of(keep, each.block, each.block)]
            naming = Naming(self._files, writer, each, now.get(each.block, NOTHING), kept)
            renamed.append((each.block, naming.named(as_of_us)))
        self._files.finish(writer)
        sql_value_blocks.put(connection, tenant, column, renamed)
        sql_value_blocks.recall(
            connection, (name for each in staged.blocks for name in files_of(each.change))
        )
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
        return self._changes(connection, tenant, staged, keep, known)

    def changes(self, connection: Connection, tenant: str, staged: StagedColumn) -> Iterator[BlockChange]:
        shape = sql_value_columns.shape_of(connection, tenant, staged.column)
        assert shape.base is not Kind.TEXT
        for each in staged.blocks:
            old, new = self._change(each, NOBODY)
            yield BlockChange(staged.column, each.block, old.plain(shape), new.plain(shape), staged.as_of)

    def discard(self, staged: StagedColumn) -> None:
        for name in (staged.written, *(each.file for each in staged.blocks)):
            if name:
                self._files.remove(name)

    def _changes(
        self, connection: Connection, tenant: str, staged: StagedColumn, keep: Ints, known: Collection[int]
    ) -> Iterator[BlockChange]:
        column = staged.column
        shape = sql_value_columns.shape_of(connection, tenant, column)
        records = column in self._recorder.columns(connection, tenant)
        for each in staged.blocks:
            kept = keep[places_of(keep, each.block, each.block)]
            if each.block in known and not len(kept) and not records:
                continue
            old, new = self._change(each, kept)
            if records:
                self._recorder.record(connection, tenant, column, each.block, old, microseconds(staged.as_of))
            # To others a weighted list is its texts; that its weights changed is told by an entry that changes none.
            old, new = old.plain(shape), new.plain(shape)
            texts: dict[int, str] = {}
            if shape.base is Kind.TEXT and len(old.persons):
                told = {*old.codes.tolist(), *new.codes.tolist()}
                texts = sql_texts.take_unsent(connection, tenant, column, told)
            yield BlockChange(column, each.block, old, new, staged.as_of, texts)

    def _change(self, staged: StagedBlock, kept: Ints) -> tuple[Coded, Coded]:
        """Old and new of those who differ and are not kept."""
        if not staged.change:
            return Coded.empty(), Coded.empty()
        overlay = self._files.overlay(staged.change).without(kept)
        return overlay.old, overlay.content.coded


def _above(connection: Connection, tenant: str, column: str) -> Block:
    """What the stream gave above files, unknown values among it: as many rows as a day has."""
    rows = execute(
        connection,
        "SELECT person_id, codes, as_of_us FROM value_delta WHERE tenant = ? AND column_name = ? "
        "ORDER BY block, person_id",
        (tenant, column),
    ).all()
    if not rows:
        return Block.empty()
    persons, codes, moments = zip(*rows, strict=True)
    counts = np.fromiter(map(len, codes), np.int64, len(codes)) // 8
    values = np.frombuffer(b"".join(codes), "<i8").astype(np.int64)
    ids = np.array(persons, np.int64)
    return Block(Coded(ids, counts.astype(np.uint16), values), ids, np.array(moments, np.int64))
