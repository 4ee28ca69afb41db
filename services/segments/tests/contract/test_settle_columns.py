"""Columns whose files cannot be named or removed: others are settled, and no file stays that nobody names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from segments.api import render
from segments.app.load import load
from segments.app.settle_columns import SettleColumns
from segments.app.version import Version
from segments.domain.touched import Touched
from segments.index import readiness, settling, tenant
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
from segments_changes import CATALOGUE, TENANT, person_change, person_values, tag_change
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
        self.board = VersionBoard(database, self.stores, database.read_now(load, self.stores, TenantIndex))
        self.settle = SettleColumns(
            self.board, database, self.stores, LazyColumnFiles(folder, 1 << 20, Damages())
        )

    async def tell(self, *changes: Any) -> None:
        def prepare(draft: Version) -> Touched:
            touched = Touched()
            draft.writable(TENANT).index.apply(changes, Lane.LIVE, dict.fromkeys(LANES, 0), touched)
            return touched

        def store(connection: Any, draft: Version, touched: Touched) -> None:
            self.stores.index.save(connection, TENANT, touched, draft.tenant(TENANT).index)

        await self.board.change(prepare, store)

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
    monkeypatch.setattr(tenant, "BY_BLOCKS_FROM", 1)
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
