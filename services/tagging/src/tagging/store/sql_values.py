"""The record of values: block files that the table `value_block` names, and rows of `value_delta` above them."""

import datetime as dt
import struct
from collections.abc import Callable, Collection, Iterable, Mapping
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
from tagging.store import sql_texts, sql_value_columns
from tagging.store.block_files import Block, BlockFiles
from tagging.store.sql_history import HistoryRecorder
from tagging.store.sql_lists import pieces
from tagging.store.sql_standing import fall_with
from tagging.store.sql_value_codes import decoded, encoded, vector_of
from tagging.store.tag_ports import BlockChange, StoredValue

_PUT = (
    "INSERT INTO value_delta (tenant, person_id, column_name, block, codes, as_of_us) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, person_id, column_name) "
    "DO UPDATE SET codes = excluded.codes, as_of_us = excluded.as_of_us"
)
_PUT_BLOCK = (
    "INSERT INTO value_block (tenant, column_name, block, file, known_count, as_of_us) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, column_name, block) "
    "DO UPDATE SET file = excluded.file, known_count = excluded.known_count, as_of_us = excluded.as_of_us"
)
_STAND = (
    "INSERT INTO value_block (tenant, column_name, block, file, known_count, as_of_us) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, column_name, block) "
    "DO UPDATE SET as_of_us = excluded.as_of_us"
)


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
        self._retire(connection, (file for file, _ in self._manifest(connection, tenant, column).values()))
        for table in ("value_delta", "value_block", "value_text", "value_column"):
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
        below = self._blocks_of(connection, tenant, columns, [block for block, _ in by_block])
        found: dict[str, dict[int, Value | None]] = {}
        for column in columns:
            if column not in shapes:
                continue
            coded: dict[int, tuple[int, ...]] = {}
            for block, ids in by_block:
                if (named := below.get((column, block))) is not None:
                    codes_of = self._files.read(named[0]).codes_of(ids)
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
        if different.any() or folds or not self._stands(connection, tenant, column, block, as_of):
            gone = before.persons[~within(before.persons, after.persons)]
            staying = current.of_persons(keep) if looked_at is None else current.without(gone)
            content = _block(staying.overlaid(after), streamed.take(stays))
            self._name_block(connection, tenant, column, block, content, microseconds(as_of))
        if column in self._recorder.columns(connection, tenant):
            self._recorder.record(connection, tenant, column, block, old.take(different), microseconds(as_of))
        # To others a weighted list is its texts; that its weights changed is told by an entry that changes none.
        old, new = old.take(different).plain(shape), new.take(different).plain(shape)
        texts: dict[int, str] = {}
        if shape.base is Kind.TEXT and len(old.persons):
            told = {*old.codes.tolist(), *new.codes.tolist()}
            texts = sql_texts.take_unsent(connection, tenant, column, told)
        return BlockChange(column, block, old, new, as_of, texts)

    def stand(
        self, connection: Connection, tenant: str, column: str, blocks: Collection[int], as_of: dt.datetime
    ) -> None:
        execute_many(
            connection,
            _STAND,
            [(tenant, column, block, "", 0, microseconds(as_of)) for block in sorted(blocks)],
        )

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
        named = self._named(connection, tenant, column, block)
        return present.coded.overlaid(delta).known(), moment_of(named[1]) if named else None

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
        for column, block in heavy:
            present, delta, delta_as_of = self._present(connection, tenant, column, block)
            content = _block(present.coded.overlaid(delta).known(), _streamed(present, delta_as_of))
            named = self._named(connection, tenant, column, block)
            as_of = named[1] if named else max(delta_as_of.values())
            self._name_block(connection, tenant, column, block, content, as_of)
        return len(heavy)

    def retire(self, connection: Connection, before_machine_time_ms: int) -> list[str]:
        rows = execute(
            connection,
            "DELETE FROM retired_file WHERE machine_time_ms < ? RETURNING file",
            (before_machine_time_ms,),
        ).all()
        return [row[0] for row in rows]

    def remove(self, files: Collection[str]) -> None:
        for each in files:
            self._files.remove(each)

    def sweep(self, connection: Connection) -> int:
        rows = execute(connection, "SELECT file FROM value_block UNION SELECT file FROM retired_file")
        orphans = self._files.names() - {row[0] for row in rows}
        self.remove(orphans)
        return len(orphans)

    # ------------------------------------------------------------------------------------------ the parts

    def _present(
        self, connection: Connection, tenant: str, column: str, block: int, *, keep: bool = True
    ) -> tuple[Block, Coded, dict[int, int]]:
        """The block's file, the delta above it, and the moments of the delta."""
        named = self._named(connection, tenant, column, block)
        rows = execute(
            connection,
            "SELECT person_id, codes, as_of_us FROM value_delta "
            "WHERE tenant = ? AND column_name = ? AND block = ?",
            (tenant, column, block),
        ).all()
        delta = Coded.of({row[0]: _unpacked(row[1]) for row in rows})
        return self._files.read(named[0] if named else "", keep=keep), delta, {row[0]: row[2] for row in rows}

    def _name_block(
        self, connection: Connection, tenant: str, column: str, block: int, content: Block, as_of_us: int
    ) -> None:
        """Writes the file, then names it in the transaction; the file it replaces is removed later."""
        known = content.coded.known_count
        file = self._files.write(tenant, column, block, content) if known else ""
        before = self._named(connection, tenant, column, block)
        if before is not None:
            self._retire(connection, [before[0]])
        execute(connection, _PUT_BLOCK, (tenant, column, block, file, known, as_of_us))
        execute(
            connection,
            "DELETE FROM value_delta WHERE tenant = ? AND column_name = ? AND block = ?",
            (tenant, column, block),
        )

    def _retire(self, connection: Connection, files: Iterable[str]) -> None:
        now = self._machine_ms()
        execute_many(
            connection,
            "INSERT INTO retired_file (file, machine_time_ms) VALUES (?, ?) ON CONFLICT (file) DO NOTHING",
            [(file, now) for file in files if file],
        )

    def _stands(
        self, connection: Connection, tenant: str, column: str, block: int, as_of: dt.datetime
    ) -> bool:
        """Lets the block's file stand at a new moment; false when the block has none yet."""
        moved = execute(
            connection,
            "UPDATE value_block SET as_of_us = ? WHERE tenant = ? AND column_name = ? AND block = ?",
            (microseconds(as_of), tenant, column, block),
        )
        return moved.rowcount > 0

    def _named(self, connection: Connection, tenant: str, column: str, block: int) -> tuple[str, int] | None:
        """The block's file and its moment."""
        row = execute(
            connection,
            "SELECT file, as_of_us FROM value_block WHERE tenant = ? AND column_name = ? AND block = ?",
            (tenant, column, block),
        ).one_or_none()
        return None if row is None else (row[0], row[1])

    def _manifest(self, connection: Connection, tenant: str, column: str) -> dict[int, tuple[str, int]]:
        rows = execute(
            connection,
            "SELECT block, file, as_of_us FROM value_block WHERE tenant = ? AND column_name = ?",
            (tenant, column),
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def _blocks_of(
        self, connection: Connection, tenant: str, columns: Collection[str], blocks: Collection[int]
    ) -> dict[tuple[str, int], tuple[str, int]]:
        """Both are named: without the columns the engine would go over every block of the tenant."""
        found: dict[tuple[str, int], tuple[str, int]] = {}
        for names, name_marks in pieces(columns):
            for piece, marks in pieces(blocks):
                rows = execute(
                    connection,
                    f"SELECT column_name, block, file, as_of_us FROM value_block "
                    f"WHERE tenant = ? AND column_name IN ({name_marks}) AND block IN ({marks})",
                    (tenant, *names, *piece),
                )
                found |= {(row[0], row[1]): (row[2], row[3]) for row in rows}
        return found

    def _coded_of(
        self, connection: Connection, tenant: str, columns: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, tuple[tuple[int, ...], int, bool]]]:
        """column -> person -> (codes, moment, whether a run's), of those of whom anything was ever stored."""
        above = self._delta_of(connection, tenant, person_ids)
        by_block: dict[int, list[int]] = {}
        for person in person_ids:
            by_block.setdefault(block_of(person), []).append(person)
        below = self._blocks_of(connection, tenant, columns, sorted(by_block))
        found: dict[str, dict[int, tuple[tuple[int, ...], int, bool]]] = {each: {} for each in columns}
        for block, persons in by_block.items():
            wanted = np.array(persons, np.int64)
            for column in columns:
                named = below.get((column, block))
                if named is not None:
                    values = self._files.read(named[0]).values_of(wanted)
                    found[column] |= {
                        person: (codes, named[1] if moment is None else moment, moment is None)
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
            found |= {(row[0], row[1]): (_unpacked(row[2]), row[3]) for row in rows}
        return found


def _streamed(present: Block, delta_as_of: Mapping[int, int]) -> Coded:
    """The moments, in place of codes, of the persons whose value is the stream's."""
    below = Coded(present.streamed, np.ones(len(present.streamed), np.uint16), present.streamed_as_of)
    return below.overlaid(Coded.of({person: [moment] for person, moment in delta_as_of.items()}))


def _looked_at(persons: Ints, keep: Ints, among: Ints | None) -> Bools:
    """Of whom what was computed holds, be it that nothing was found."""
    free = ~within(persons, keep)
    return free if among is None else free & within(persons, among)


def _block(coded: Coded, streamed: Coded) -> Block:
    kept = streamed.take(within(streamed.persons, coded.persons))
    return Block(coded, kept.persons, kept.codes)


def _packed(codes: Collection[int]) -> bytes:
    return struct.pack(f"<{len(codes)}q", *codes)


def _unpacked(codes: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(codes) // 8}q", codes)
