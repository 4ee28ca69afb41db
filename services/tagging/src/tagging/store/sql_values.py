"""The record of values: block files that the table `value_block` names, and rows of `value_delta` above them."""

import datetime as dt
import struct
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

import numpy as np
from rules.evaluate.meaning import Value
from rules.values import Kind
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import (
    BLOCK_BITS,
    Bools,
    Coded,
    Ints,
    Shape,
    Vector,
    block_of,
    changed,
    encode,
    microseconds,
    moment_of,
    texts_of,
    union,
    within,
)
from tagging.store import sql_texts, sql_value_blocks, sql_value_columns
from tagging.store.block_files import BlockFiles
from tagging.store.blocks import Block, files_of
from tagging.store.sql_history import HistoryRecorder
from tagging.store.sql_lists import pieces
from tagging.store.sql_standing import fall_with
from tagging.store.sql_value_blocks import NamedBlock
from tagging.store.sql_value_codes import decoded, encoded, vector_of
from tagging.store.tag_ports import StoredValue
from tagging.store.value_ports import BlockChange

_PUT = (
    "INSERT INTO value_delta (tenant, person_id, column_name, block, codes, as_of_us) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, person_id, column_name) "
    "DO UPDATE SET codes = excluded.codes, as_of_us = excluded.as_of_us"
)
FOLDED_OVERLAYS, FOLDED_BLOCKS = 7, 32
"""So many overlays of a block are folded into one file, of so many blocks at a time."""


class SqlTagValues:
    """TagValues over the store and a folder of block files. `machine_ms`: the machine's time, milliseconds."""

    def __init__(self, files: BlockFiles, machine_ms: Callable[[], int]) -> None:
        self._files = files
        self._machine_ms = machine_ms
        self._recorder = HistoryRecorder()

    # ------------------------------------------------------------------------------------------- columns

    def columns(self, connection: Connection, tenant: str) -> dict[str, Shape]:
        return sql_value_columns.everything(connection, tenant)

    def declare(self, connection: Connection, tenant: str, column: str, shape: Shape) -> None:
        known = sql_value_columns.declared(connection, tenant, column)
        if known == shape:
            return
        if known is not None:
            self.drop(connection, tenant, column)
        execute(
            connection,
            "INSERT INTO value_column (tenant, column_name, base, multi_valued, weighted) VALUES (?, ?, ?, ?, ?)",
            (tenant, column, shape.base.value, shape.multi_valued, shape.weighted),
        )

    def drop(self, connection: Connection, tenant: str, column: str) -> None:
        sql_value_blocks.delete(connection, tenant, column, self._machine_ms())
        for table in ("value_delta", "value_text", "value_column"):
            execute(
                connection,
                f"DELETE FROM {table} WHERE tenant = ? AND column_name = ?",
                (tenant, column),
            )
        self._recorder.drop(connection, tenant, column)
        fall_with(connection, tenant, column)

    # ------------------------------------------------------------------------------------- single persons

    def get(
        self, connection: Connection, tenant: str, columns: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, StoredValue]]:
        shapes = self.columns(connection, tenant)
        asked = [each for each in columns if each in shapes]
        found: dict[str, dict[int, StoredValue]] = {}
        for column, coded in self._coded_of(connection, tenant, asked, person_ids).items():
            distinct = {codes for codes, _, _ in coded.values()}
            values = decoded(connection, tenant, column, shapes[column], distinct)
            found[column] = {
                person: StoredValue(values[codes], moment_of(as_of), from_run)
                for person, (codes, as_of, from_run) in coded.items()
            }
        return found

    def values(
        self, connection: Connection, tenant: str, columns: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, Value | None]]:
        shapes = self.columns(connection, tenant)
        above: dict[str, dict[int, tuple[int, ...]]] = {}
        for (column, person), (codes, _) in self._delta_of(connection, tenant, person_ids).items():
            above.setdefault(column, {})[person] = codes
        persons = np.array(sorted(person_ids), np.int64)
        by_block = [
            (block, persons[persons >> BLOCK_BITS == block])
            for block in np.unique(persons >> BLOCK_BITS).tolist()
        ]
        below = sql_value_blocks.of_columns(connection, tenant, columns, [block for block, _ in by_block])
        found: dict[str, dict[int, Value | None]] = {}
        for column in columns:
            if column not in shapes:
                continue
            coded: dict[int, tuple[int, ...]] = {}
            for block, ids in by_block:
                if (named := below.get((column, block))) is not None:
                    codes_of = self._files.read(named.files).codes_of(ids)
                    coded.update(zip(ids.tolist(), codes_of, strict=True))
            coded |= above.get(column, {})
            values = decoded(connection, tenant, column, shapes[column], set(coded.values()))
            found[column] = {person: values[codes] for person, codes in coded.items()}
        return found

    def put(
        self,
        connection: Connection,
        tenant: str,
        values: Mapping[str, Mapping[int, Value | None]],
        as_of: dt.datetime,
    ) -> None:
        shapes = self.columns(connection, tenant)
        kept = self._recorder.columns(connection, tenant)
        rows = []
        for column, by_person in values.items():
            coded = encoded(connection, tenant, column, shapes[column], by_person)
            if column in kept:
                self._record(connection, tenant, column, coded, microseconds(as_of))
            rows += [
                (tenant, person, column, block_of(person), _packed(codes), microseconds(as_of))
                for person, codes in coded.rows().items()
            ]
        execute_many(connection, _PUT, rows)

    # -------------------------------------------------------------------------------------- whole blocks

    def together(self) -> AbstractContextManager[None]:
        return self._files.together()

    def publish(
        self,
        connection: Connection,
        tenant: str,
        column: str,
        block: int,
        persons: Ints,
        values: Vector,
        keep: Ints,
        as_of: dt.datetime,
        among: Ints | None = None,
    ) -> BlockChange:
        shape = sql_value_columns.shape_of(connection, tenant, column)
        present, delta, delta_as_of = self._present(connection, tenant, column, block)
        streamed = _streamed(present, delta_as_of)
        current = present.coded.overlaid(delta).known()
        looked_at = None if among is None else among[~within(among, keep)]
        before = current.without(keep) if looked_at is None else current.of_persons(looked_at)
        codes = sql_texts.codes_of(connection, tenant, column, texts_of(values, shape))
        after = encode(persons, values, shape, codes).without(keep).known()
        everybody = union(before.persons, after.persons)
        old, new = before.only(everybody), after.only(everybody)
        different = changed(old, new)
        stays = ~_looked_at(streamed.persons, keep, among)
        folds = len(streamed.persons) > 0 if among is None else not stays.all()
        as_of_us = microseconds(as_of)
        stands = not (different.any() or folds)
        if not (stands and sql_value_blocks.stands(connection, tenant, column, block, as_of_us)):
            gone = before.persons[~within(before.persons, after.persons)]
            staying = current.of_persons(keep) if looked_at is None else current.without(gone)
            content = Block.of(staying.overlaid(after), streamed.take(stays))
            self._name_block(connection, tenant, column, block, content, as_of_us)
        if column in self._recorder.columns(connection, tenant):
            self._recorder.record(connection, tenant, column, block, old.take(different), as_of_us)
        # To others a weighted list is its texts; that its weights changed is told by an entry that changes none.
        old, new = old.take(different).plain(shape), new.take(different).plain(shape)
        texts: dict[int, str] = {}
        if shape.base is Kind.TEXT and len(old.persons):
            told = {*old.codes.tolist(), *new.codes.tolist()}
            texts = sql_texts.take_unsent(connection, tenant, column, told)
        return BlockChange(column, block, old, new, as_of, texts)

    def blocks(self, connection: Connection, tenant: str, column: str) -> list[int]:
        rows = execute(
            connection,
            "SELECT block FROM value_block WHERE tenant = ? AND column_name = ? "
            "UNION SELECT block FROM value_delta WHERE tenant = ? AND column_name = ? ORDER BY 1",
            (tenant, column, tenant, column),
        )
        return [row[0] for row in rows]

    def read_block(
        self, connection: Connection, tenant: str, column: str, block: int
    ) -> tuple[Coded, dt.datetime | None]:
        coded, as_of = self._read_block(connection, tenant, column, block)
        return coded.plain(sql_value_columns.shape_of(connection, tenant, column)), as_of

    def _read_block(
        self, connection: Connection, tenant: str, column: str, block: int
    ) -> tuple[Coded, dt.datetime | None]:
        """As `read_block`, with the weights of weighted lists."""
        present, delta, _ = self._present(connection, tenant, column, block)
        named = sql_value_blocks.named(connection, tenant, column, block)
        return present.coded.overlaid(delta).known(), moment_of(named.as_of_us) if named else None

    def scan_block(self, connection: Connection, tenant: str, column: str, block: int) -> Coded:
        present, delta, _ = self._present(connection, tenant, column, block, keep=False)
        return present.coded.overlaid(delta).known().plain(self.columns(connection, tenant)[column])

    def texts(self, connection: Connection, tenant: str, column: str) -> dict[int, str]:
        return sql_texts.whole(connection, tenant, column)

    def texts_of(
        self, connection: Connection, tenant: str, column: str, codes: Collection[int]
    ) -> dict[int, str]:
        return sql_texts.texts_of(connection, tenant, column, codes)

    def open_column(
        self, connection: Connection, tenant: str, column: str, among: Ints | None = None
    ) -> tuple[Ints, Vector]:
        shape = sql_value_columns.shape_of(connection, tenant, column)
        parts = [(Coded.empty().persons, Vector.unknown(0, shape))]
        for block in self.blocks(connection, tenant, column):
            coded, _ = self._read_block(connection, tenant, column, block)
            chosen = coded if among is None else coded.take(within(coded.persons, among))
            parts.append((chosen.persons, vector_of(connection, tenant, column, shape, chosen)))
        persons = np.concatenate([each for each, _ in parts])
        data = np.concatenate([each.data for _, each in parts])
        return persons, Vector(np.ones(len(persons), np.bool_), data)

    def known_count(self, connection: Connection, tenant: str, column: str) -> int:
        delta_blocks = {
            row[0]
            for row in execute(
                connection,
                "SELECT DISTINCT block FROM value_delta WHERE tenant = ? AND column_name = ?",
                (tenant, column),
            )
        }
        plain = {
            row[0]: row[1]
            for row in execute(
                connection,
                "SELECT block, known_count FROM value_block WHERE tenant = ? AND column_name = ?",
                (tenant, column),
            )
        }
        counted: int = sum(count for block, count in plain.items() if block not in delta_blocks)
        for block in delta_blocks:
            counted += self.read_block(connection, tenant, column, block)[0].known_count
        return counted

    def latest_put(self, connection: Connection, tenant: str) -> dt.datetime | None:
        sql = "SELECT max(as_of_us) FROM value_delta WHERE tenant = ?"
        latest = execute(connection, sql, (tenant,)).scalar_one_or_none()
        return None if latest is None else moment_of(latest)

    # ------------------------------------------------------------------------------------ the background

    def fold(self, connection: Connection, tenant: str, at_least: int) -> int:
        heavy = execute(
            connection,
            "SELECT column_name, block FROM value_delta WHERE tenant = ? "
            "GROUP BY column_name, block HAVING count(*) >= ? ORDER BY column_name, block",
            (tenant, at_least),
        ).all()
        due = {(row[0], row[1]) for row in heavy}
        due.update(sql_value_blocks.overlaid(connection, tenant, FOLDED_OVERLAYS, FOLDED_BLOCKS))
        return self._fold(connection, tenant, due)

    def fold_gone(
        self, connection: Connection, tenant: str, person_ids: Collection[int], at_most: int
    ) -> int:
        due = set(sql_value_blocks.with_overlays(connection, tenant, at_most))
        for piece, marks in pieces(person_ids):
            if len(due) >= at_most:
                break
            rows = execute(
                connection,
                "SELECT DISTINCT column_name, block FROM value_delta "
                f"WHERE tenant = ? AND person_id IN ({marks}) LIMIT ?",
                (tenant, *piece, at_most),
            )
            due.update((row[0], row[1]) for row in rows)
        return self._fold(connection, tenant, sorted(due)[:at_most])

    def _fold(self, connection: Connection, tenant: str, due: Collection[tuple[str, int]]) -> int:
        with self._files.together():
            for column, block in sorted(due):
                self._fold_block(connection, tenant, column, block)
        return len(due)

    def _fold_block(self, connection: Connection, tenant: str, column: str, block: int) -> None:
        present, delta, delta_as_of = self._present(connection, tenant, column, block)
        content = Block.of(present.coded.overlaid(delta).known(), _streamed(present, delta_as_of))
        named = sql_value_blocks.named(connection, tenant, column, block)
        as_of_us = named.as_of_us if named else max(delta_as_of.values())
        self._name_block(connection, tenant, column, block, content, as_of_us)

    def retire(self, connection: Connection, before_machine_time_ms: int) -> list[str]:
        return sql_value_blocks.take_retired(connection, before_machine_time_ms)

    def remove(self, files: Collection[str]) -> None:
        for each in files:
            self._files.remove(each)

    def sweep(self, connection: Connection) -> int:
        orphans = self._files.names() - sql_value_blocks.known_files(connection)
        self.remove(orphans)
        return len(orphans)

    # ------------------------------------------------------------------------------------------ the parts

    def _present(
        self, connection: Connection, tenant: str, column: str, block: int, *, keep: bool = True
    ) -> tuple[Block, Coded, dict[int, int]]:
        """The block's file, the delta above it, and the moments of the delta."""
        named = sql_value_blocks.named(connection, tenant, column, block)
        rows = execute(
            connection,
            "SELECT person_id, codes, as_of_us FROM value_delta "
            "WHERE tenant = ? AND column_name = ? AND block = ?",
            (tenant, column, block),
        ).all()
        delta = Coded.of({row[0]: unpacked(row[1]) for row in rows})
        block_ = self._files.read(named.files if named else "", keep=keep)
        return block_, delta, {row[0]: row[2] for row in rows}

    def _name_block(
        self, connection: Connection, tenant: str, column: str, block: int, content: Block, as_of_us: int
    ) -> None:
        """Writes the file, then names it in the transaction; the file it replaces is removed later."""
        known = content.coded.known_count
        file = self._files.write(tenant, column, block, content) if known else ""
        before = sql_value_blocks.named(connection, tenant, column, block)
        after = NamedBlock(file, known, as_of_us)
        sql_value_blocks.put(connection, tenant, column, [(block, after)])
        replaced = before.files if before is not None else ""
        if "@" in replaced:
            sql_value_blocks.retire_unnamed(connection, tenant, column, [replaced], self._machine_ms())
        else:
            sql_value_blocks.retire(connection, files_of(replaced), self._machine_ms())
        execute(
            connection,
            "DELETE FROM value_delta WHERE tenant = ? AND column_name = ? AND block = ?",
            (tenant, column, block),
        )

    def _coded_of(
        self, connection: Connection, tenant: str, columns: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, tuple[tuple[int, ...], int, bool]]]:
        """column -> person -> (codes, moment, whether a run's), of those of whom anything was ever stored."""
        above = self._delta_of(connection, tenant, person_ids)
        by_block: dict[int, list[int]] = {}
        for person in person_ids:
            by_block.setdefault(block_of(person), []).append(person)
        below = sql_value_blocks.of_columns(connection, tenant, columns, sorted(by_block))
        found: dict[str, dict[int, tuple[tuple[int, ...], int, bool]]] = {each: {} for each in columns}
        for block, persons in by_block.items():
            wanted = np.array(persons, np.int64)
            for column in columns:
                named = below.get((column, block))
                if named is not None:
                    values = self._files.read(named.files).values_of(wanted)
                    found[column] |= {
                        person: (codes, named.as_of_us if moment is None else moment, moment is None)
                        for person, (codes, moment) in zip(persons, values, strict=True)
                    }
        for (column, person), entry in above.items():
            if column in found:
                found[column][person] = (*entry, False)
        return found

    def _record(self, connection: Connection, tenant: str, column: str, new: Coded, as_of_us: int) -> None:
        """What these persons had, where they get something else."""
        persons = new.persons.tolist()
        present = self._coded_of(connection, tenant, [column], persons)[column]
        old = Coded.of({person: present[person][0] if person in present else () for person in persons})
        for block, part in old.take(changed(old, new)).blocks():
            self._recorder.record(connection, tenant, column, block, part, as_of_us)

    def _delta_of(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> dict[tuple[str, int], tuple[tuple[int, ...], int]]:
        found: dict[tuple[str, int], tuple[tuple[int, ...], int]] = {}
        for piece, marks in pieces(person_ids):
            rows = execute(
                connection,
                f"SELECT column_name, person_id, codes, as_of_us FROM value_delta "
                f"WHERE tenant = ? AND person_id IN ({marks})",
                (tenant, *piece),
            )
            found |= {(row[0], row[1]): (unpacked(row[2]), row[3]) for row in rows}
        return found


def _streamed(present: Block, delta_as_of: Mapping[int, int]) -> Coded:
    """The moments, in place of codes, of the persons whose value is the stream's."""
    return present.moments.overlaid(Coded.of({person: [moment] for person, moment in delta_as_of.items()}))


def _looked_at(persons: Ints, keep: Ints, among: Ints | None) -> Bools:
    """Of whom what was computed holds, be it that nothing was found."""
    free = ~within(persons, keep)
    return free if among is None else free & within(persons, among)


def _packed(codes: Collection[int]) -> bytes:
    return struct.pack(f"<{len(codes)}q", *codes)


def unpacked(codes: bytes) -> tuple[int, ...]:
    """The codes of a row of `value_delta`."""
    return struct.unpack(f"<{len(codes) // 8}q", codes)
