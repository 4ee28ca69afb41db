"""Columns whose files cannot be named or removed, or hold the erased: others are settled, and no such file stays."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyroaring import BitMap
from segments.api import render
from segments.app.debts import FileDebts
from segments.app.index_status import IndexStatus
from segments.app.load import load
from segments.app.settle_columns import SettleColumns
from segments.app.version import Version
from segments.domain.changes import PersonState
from segments.domain.extent import ColumnState, ColumnStatus, Containers
from segments.domain.packing import unpack
from segments.domain.touched import Touched
from segments.index import answering, readiness, settling
from segments.index.column_files import LazyColumnFiles
from segments.index.damages import Damages
from segments.index.tenant import TenantIndex
from segments.main import SOURCES
from segments.store.ports import Stores
from segments.store.sql_days import SqlSegmentDays
from segments.store.sql_dictionary import SqlDictionaryStore
from segments.store.sql_folders import SqlFolderStore
from segments.store.sql_frozen import SqlFrozenMembers
from segments.store.sql_index import SqlIndexStore
from segments.store.sql_journal import SqlJournal
from segments.store.sql_manifests import SqlColumnManifests
from segments.store.sql_recycle_bin import SqlRecycleBin
from segments.store.sql_segments import SqlSegmentStore
from segments.store.sql_uses import SqlSegmentUses
from segments.store.sql_versions import SqlSegmentVersions
from segments.workers.board import VersionBoard
from segments_changes import CATALOGUE, NOON, TENANT, block_change, person_change, person_values, tag_change
from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.revision import LANES, Lane

COLUMNS = ("is_vip", "points")


class Settling:
    """A tenant with two columns, and who settles them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder
        changelog = Changelog("segments", sources=SOURCES)
        self.stores = Stores(
            index=SqlIndexStore(),
            segments=SqlSegmentStore(),
            folders=SqlFolderStore(),
            versions=SqlSegmentVersions(),
            days=SqlSegmentDays(),
            frozen=SqlFrozenMembers(),
            recycle_bin=SqlRecycleBin(SqlSegmentVersions()),
            uses=SqlSegmentUses(),
            dictionary=SqlDictionaryStore(),
            manifests=SqlColumnManifests(),
            journal=SqlJournal(
                changelog, render.movement_payload, render.segment_payload, render.deletion_payload
            ),
        )
        files = LazyColumnFiles(folder, 1 << 20, Damages())
        version = database.read_now(load, self.stores, TenantIndex, files)
        self.board = VersionBoard(database, self.stores, version)
        self.settle = SettleColumns(self.board, database, self.stores, files)
        self.debts = FileDebts(self.board, self.settle)
        self._status = IndexStatus(self.board, database, self.stores.index, files, lambda: NOON)

    async def tell(self, *changes: Any) -> None:
        def prepare(draft: Version) -> Touched:
            touched = Touched()
            draft.writable(TENANT).index.apply(changes, Lane.LIVE, dict.fromkeys(LANES, 0), touched)
            return touched

        def store(connection: Any, draft: Version, touched: Touched) -> None:
            self.stores.index.save(connection, TENANT, touched, draft.tenant(TENANT).index)

        await self.board.change(prepare, store)

    def restarted(self) -> "Settling":
        return Settling(self._database, self._folder)

    async def status(self) -> dict[str, ColumnStatus]:
        found = await self._status.page(TENANT, "", 9, troubled_only=False)
        return {each.column: each for each in found.columns}

    @property
    def index(self) -> Any:
        return self.board.current.tenant(TENANT).index

    @property
    def owes(self) -> bool:
        return bool(self.index.debts())

    def written(self) -> bytes:
        """All that the files hold."""
        return b"".join(each.read_bytes() for each in self._folder.iterdir())

    def rows(self, query: str) -> Any:
        return self._database.read_now(lambda each: execute(each, query).all())

    def named(self) -> set[str]:
        return {
            file
            for each in self._database.read_now(self.stores.manifests.all).values()
            for file in each.names
        }

    def files(self) -> set[str]:
        return {each.name for each in self._folder.iterdir()}

    @contextmanager
    def without_manifest(self) -> Iterator[None]:
        """Nothing can be written to it."""
        self._database.write_now(lambda each: execute(each, "ALTER TABLE column_file RENAME TO away"))
        try:
            yield
        finally:
            self._database.write_now(lambda each: execute(each, "ALTER TABLE away RENAME TO column_file"))


@pytest.fixture
async def columns(
    database: Database, threads: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settling:
    monkeypatch.setattr(answering, "BY_BLOCKS_FROM", 1)
    monkeypatch.setattr(settling, "SINCE_LEAST", 0)
    monkeypatch.setattr(readiness, "engine_is_ready", lambda: True)
    found = Settling(database, tmp_path / "columns")
    assert await found.settle() == 0
    tags = [tag_change(CATALOGUE.tags[each]) for each in COLUMNS]
    await found.tell(*tags, person_change(1), person_values(0, 1, is_vip=True, points=7))
    return found


async def test_a_commit_that_fails_leaves_no_file_for_long(columns: Settling) -> None:
    with columns.without_manifest():
        assert await columns.settle() == 0
    assert len(columns.files()) == len(COLUMNS), "both were tried"
    assert await columns.settle() == len(COLUMNS)
    assert columns.files() == columns.named()


async def test_a_column_is_settled_though_its_old_file_stays(columns: Settling, tmp_path: Path) -> None:
    await columns.settle()
    await columns.tell(person_values(1, 1, is_vip=False, points=8))
    for each in columns.files():
        (tmp_path / "columns" / each).unlink()
        (tmp_path / "columns" / each).mkdir()
    assert await columns.settle() == len(COLUMNS)


async def test_what_columns_take_is_told_without_reading_their_files(
    columns: Settling, tmp_path: Path
) -> None:
    await columns.settle()
    await columns.tell(person_values(1, 1, points=8))
    told = await columns.status()
    resting, changed = told["is_vip"].extent, told["points"].extent
    assert resting.file is not None
    assert changed.file is not None
    assert {resting.file.file, changed.file.file} == columns.files()
    assert (resting.bytes, resting.persons, resting.containers) == (0, None, None), "nobody has asked for it"
    assert (changed.persons, changed.blocks, changed.changes, told["points"].beside) == (1, 1, 1, 1)
    assert changed.containers == Containers(run=1, slices=1)
    assert changed.bytes > 0
    assert all(each.written is not None and each.state is ColumnState.READY for each in told.values())

    path = tmp_path / "columns" / resting.file.file
    flipped = bytearray(path.read_bytes())
    flipped[20] ^= 1
    path.write_bytes(flipped)
    again = columns.restarted()
    assert not again.index.is_empty("is_vip")
    assert (await again.status())["is_vip"].state is ColumnState.READY, "nobody has read it"
    assert again.index.damage_of(["is_vip"])
    found = (await again.status())["is_vip"]
    assert (found.state, found.note) == (ColumnState.REBUILDING, path.name)


ERASED = PersonState.ERASED


@pytest.fixture
async def names(columns: Settling, monkeypatch: pytest.MonkeyPatch) -> Settling:
    """Three persons have names beside, in a file that no number of changes makes due again."""
    tag = tag_change(CATALOGUE.tags["nickname"])
    people = [person_values(0, each, nickname=name) for each, name in enumerate(("wanda", "karl", "ida"), 1)]
    await columns.tell(tag, person_change(2), person_change(3), *people)
    await columns.settle()
    assert all(each in columns.written() for each in (b"wanda", b"karl", b"ida"))
    monkeypatch.setattr(settling, "SINCE_LEAST", 1 << 40)
    monkeypatch.setattr(settling, "OWED_EACH", 3)
    return columns


async def test_who_is_erased_is_in_no_file_after_the_next_look(names: Settling) -> None:
    await names.tell(person_values(1, 2, nickname=None))
    assert (names.owes, await names.settle()) == (False, 0), "who has lost a value waits for others"
    await names.tell(person_change(1, 2, ERASED), person_values(3, 1, nickname=None))
    assert names.owes
    assert await names.settle() == 1, "of the one column that had a value"
    assert not names.owes
    assert names.files() == names.named()
    assert (b"wanda" in names.written(), b"ida" in names.written()) == (False, True)
    assert dict(names.index.held("nickname").values(BitMap([1, 2, 3]))) == {3: "ida"}


@pytest.mark.parametrize(
    "told",
    [
        [person_change(1, 2, ERASED)],
        [person_change(1, 2, PersonState.REDIRECTED, 3), person_change(3, 2, ERASED)],
    ],
    ids=["oneself", "whom one was merged into"],
)
async def test_a_restart_in_between_forgets_no_erasure(names: Settling, told: list[Any]) -> None:
    await names.tell(*told, person_values(3, 1, nickname=None))
    again = names.restarted()
    assert again.owes
    assert await again.settle() == 1
    assert (b"wanda" in again.written(), b"ida" in again.written()) == (False, True)
    assert dict(again.index.held("nickname").values(BitMap([1, 2, 3]))) == {2: "karl", 3: "ida"}


async def test_an_erasure_that_is_told_after_the_loss_of_the_value_makes_a_merge_due(names: Settling) -> None:
    await names.tell(person_values(2, 1, nickname=None))
    await names.tell(person_change(1, 3, ERASED))
    assert (names.owes, names.restarted().owes) == (True, True)
    assert await names.settle() == 1
    assert b"wanda" not in names.written()


async def test_those_who_are_erased_soon_after_leave_together(names: Settling) -> None:
    for person in (1, 2):
        await names.tell(person_change(person, person, ERASED), person_values(person, person, nickname=None))
        assert await names.settle() == (person == 1)
    await names.tell(person_change(3, 3, ERASED), person_values(3, 3, nickname=None))
    assert [await names.settle(), await names.settle()] == [0, 1]
    assert not names.owes
    assert (b"karl" in names.written(), b"ida" in names.written()) == (False, False)


async def test_what_was_replaced_leaves_the_files_some_looks_later(
    names: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "BEHIND_MOST", 2)
    assert [await names.settle() for _ in range(4)] == [0, 0, 0, 0], "there is nothing to write"
    await names.tell(person_values(1, 1, nickname="w."), person_values(1, 3, nickname="i."))
    assert [await names.settle() for _ in range(4)] == [0, 0, 1, 0]
    held = [name in names.written() for name in (b"wanda", b"ida", b"karl", b"w.")]
    assert held == [False, False, True, True]


async def test_what_was_not_named_is_due_at_the_next_look(
    names: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    await names.tell(person_change(1, 2, ERASED), person_values(3, 1, nickname=None))
    with names.without_manifest():
        assert await names.settle() == 0
    assert (await names.settle(), names.owes) == (1, False), "for the sake of the erased"
    monkeypatch.setattr(settling, "BEHIND_MOST", 1)
    await names.tell(person_values(4, 2, nickname="k."))
    assert await names.settle() == 0
    with names.without_manifest():
        assert await names.settle() == 0
    assert (await names.settle(), b"karl" in names.written()) == (1, False), (
        "for the sake of what was replaced"
    )


async def test_a_text_that_was_left_in_a_file_leaves_it_some_looks_after_a_restart(
    names: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SINCE_LEAST", 0)
    await names.tell(person_values(1, 1, nickname="w."))
    await names.settle()
    assert b"wanda" in names.written(), "the dictionary is not waste for the most part"
    monkeypatch.setattr(settling, "SINCE_LEAST", 1 << 40)
    monkeypatch.setattr(settling, "BEHIND_MOST", 2)
    again = names.restarted()
    assert [await again.settle() for _ in range(3)] == [0, 1, 0]
    assert (b"wanda" in again.written(), b"w." in again.written()) == (False, True)


async def test_how_long_a_file_has_been_behind_outlives_a_restart(
    names: Settling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await names.tell(person_values(1, 1, nickname="w."))
    monkeypatch.setattr(settling, "BEHIND_MOST", 1_000)
    monkeypatch.setattr(settling, "OPENED_LEAST", 2)
    for each in names.files():
        os.utime(tmp_path / "columns" / each, (0, 0))
    again = names.restarted()
    assert [await again.settle() for _ in range(3)] == [0, 1, 0], "as after hours of running"
    assert (b"wanda" in again.written(), b"w." in again.written()) == (False, True)


def tell_while_written(columns: Settling, monkeypatch: pytest.MonkeyPatch, *changes: Any) -> None:
    """When the next file has been written, and is not named yet."""
    written, loop = settling.write, asyncio.get_running_loop()

    def overtaken(*given: Any) -> Any:
        monkeypatch.setattr(settling, "write", written)
        named = written(*given)
        asyncio.run_coroutine_threadsafe(columns.tell(*changes), loop).result(10)
        return named

    monkeypatch.setattr(settling, "write", overtaken)


async def test_who_is_erased_while_a_file_is_written_is_in_the_one_after_it_no_more(
    names: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    await names.tell(person_change(2, 1, ERASED), person_values(1, 2, nickname=None))
    earlier = names.debts.of(TENANT)
    assert earlier is not None
    assert not names.debts.are_paid(TENANT, earlier)
    tell_while_written(names, monkeypatch, person_change(1, 2, ERASED), person_values(2, 1, nickname=None))
    assert await names.settle() == 1
    assert (b"wanda" in names.written(), b"karl" in names.written(), names.owes) == (True, False, True)
    assert names.debts.are_paid(TENANT, earlier), "who comes later delays nobody"
    assert [await names.settle() for _ in range(3)] == [0, 0, 1]
    assert (b"wanda" in names.written(), names.owes) == (False, False)


async def test_who_is_erased_is_in_no_block_beside_the_file(
    names: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    await names.tell(block_change(1, "nickname", {1: "female", 2: "male"}))
    await names.tell(person_change(1, 2, ERASED), person_values(2, 1, nickname=None))
    tell_while_written(names, monkeypatch, person_values(3, 3, nickname="i."))
    assert (await names.settle(), names.owes) == (1, False)
    ((packed,),) = names.rows("SELECT pack FROM column_block")
    assert set(unpack(bytes(packed)).texts.values()) == {"male", "i."}, "the block moved meanwhile"
    assert dict(names.restarted().index.held("nickname").values(BitMap([1, 2, 3]))) == {2: "male", 3: "i."}


async def test_a_file_that_a_column_has_left_is_owed_until_it_is_removed(names: Settling) -> None:
    assert names.debts.of(TENANT) == {}
    await names.tell(tag_change(CATALOGUE.tags["nickname"], 5, deleted=True))
    assert (names.debts.of(TENANT), b"wanda" in names.written()) == (None, True)
    assert await names.settle() == 0
    assert (names.debts.of(TENANT), b"wanda" in names.written()) == ({}, False)
    again = names.restarted()
    assert again.debts.of(TENANT) is None, "a process that was killed may have left one"
    await again.settle()
    assert again.debts.of(TENANT) == {}
