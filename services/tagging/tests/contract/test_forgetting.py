"""What erased persons leave behind in tagging: nothing, whatever was on its way when they were erased."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import privacy_service_pb2 as pb
from servicekit.revision import Lane, Revision
from sqlalchemy import text
from tagging.app.flush_lake import FlushLake
from tagging.app.forget_persons import ErasedPerson, ForgetPersons
from tagging.app.forget_values import ForgetValues
from tagging.app.retire_files import RetireFiles
from tagging.domain.persons import PersonState
from tagging.store import lake_forgetting
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_forgetting import LakeForgetting
from tagging.store.lake_rewriting import LakeMerging
from tagging.store.sql_erasure_proofs import SqlErasureProofs
from tagging.store.sql_manifest import SqlManifest
from tagging.workers import forgetting
from tagging.workers.forgetting import REWRITE_AFTER_S, ForgettingWorker

ERASED, OTHER = 1, 2
TOLD_AT = 10
EPOCH = "00000000000000aa"


class Identity:
    """PrivacyService as its stub: the person of one key was erased."""

    def __init__(self, world: Any) -> None:
        self.confirmed: list[int] = []
        self.ListUnconfirmedErasures, self.ConfirmErasure = self._list, self._confirm
        self._time = Timestamp()
        self._time.FromDatetime(world.clock.now())

    async def _list(self, request: pb.ListUnconfirmedErasuresRequest) -> pb.ListUnconfirmedErasuresResponse:
        erasure = pb.UnconfirmedErasure(
            tenant="t1",
            erasure_id=1,
            person_ids=[7],
            key_ids=[ERASED],
            revision=Revision("identity", EPOCH, live=TOLD_AT).to_proto(),
            time=self._time,
        )
        return pb.ListUnconfirmedErasuresResponse(erasures=[] if self.confirmed else [erasure])

    async def _confirm(self, request: pb.ConfirmErasureRequest) -> pb.ConfirmErasureResponse:
        self.confirmed.append(request.erasure_id)
        return pb.ConfirmErasureResponse()


class Forgetting:
    """The worker over one world."""

    def __init__(self, world: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.root, self.identity = world, root, Identity(world)
        self.folder = LakeFolder(root, LakeColumns(world.dictionary))
        self.manifest, self.proofs = SqlManifest(), SqlErasureProofs()
        self.clean: list[set[str]] = []
        """Files that columns may have been built of, as each look at the lake told."""
        self.flush_lake = FlushLake(world.database, self.manifest, world.facts.tenants, self.folder)
        self.forget = ForgetPersons(
            world.database,
            world.facts,
            self.manifest,
            LakeForgetting(self.folder.objects, lambda _, paths: self.clean.append(set(paths))),
            self.flush_lake,
            RetireFiles(LakeMerging(self.folder), readers_s=0.0),
            asyncio.Lock(),
            self.proofs,
            world.clock.now,
            values=ForgetValues(world.facts, world.tags),
        )
        monkeypatch.setattr(forgetting, "PrivacyServiceStub", lambda _: self.identity)
        channel: Any = None
        self.worker = ForgettingWorker(channel, self.forget, world.clock)

    def come(self, lane: Lane, position: int) -> None:
        through = Revision("identity", EPOCH, live=position, bulk=position)
        self.world.database.write_now(self.world.facts.progress.advance, lane, through)

    def event(self, key: int) -> None:
        self.world.store(self.world.event(key, "order_paid", self.world.ago(hours=1), amount=10_000))

    def anchors(self) -> list[int]:
        """Of the rows, and of what the lake's files hold."""
        sql = text("SELECT anchor_key_id FROM event ORDER BY anchor_key_id")
        rows = self.world.database.read_now(lambda c: list(c.execute(sql).scalars()))
        if any(self.root.rglob("*.parquet")):
            files = f"SELECT anchor_key_id FROM read_parquet('{self.root}/*/day=*/*.parquet')"
            rows += [row[0] for row in duckdb.sql(files).fetchall()]
        return sorted(rows)

    def named_files_are_there(self) -> bool:
        files = self.world.database.read_now(self.manifest.files, "t1")
        return all((self.root / file.path).exists() for file in files)


@pytest.fixture
def forgetting_world(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forgetting:
    return Forgetting(world, tmp_path / "lake", monkeypatch)


async def test_rows_go_at_once_and_files_when_it_is_time(forgetting_world: Forgetting) -> None:
    it = forgetting_world
    it.event(ERASED)
    it.event(OTHER)
    await it.flush_lake.flush("t1")
    it.event(ERASED)
    assert await it.worker.look() == 0
    assert it.anchors() == [ERASED, ERASED, ERASED, OTHER, OTHER], "not told yet"
    for lane in Lane:
        it.come(lane, TOLD_AT)
    assert await it.worker.look() == 0
    assert it.anchors() == [ERASED, OTHER, OTHER]
    it.world.clock.advance(dt.timedelta(seconds=REWRITE_AFTER_S))
    assert await it.worker.look() == 1
    assert set(it.anchors()) == {OTHER}
    assert it.identity.confirmed == [1]
    assert it.named_files_are_there()


async def test_files_of_values_hold_nothing_before_the_erasure_is_confirmed(
    forgetting_world: Forgetting,
) -> None:
    it, world = forgetting_world, forgetting_world.world
    world.define("{tag_id: paid, name: x, type: number, statistic: SUM(order_paid.amount) IN LAST 3 DAYS}")
    world.store(world.person(1, ERASED), world.person(2, OTHER))
    world.store(world.event(ERASED, "order_paid", world.ago(hours=1), amount=2**40 + 7))
    it.event(OTHER)
    world.run()
    world.store(world.person(1, state=PersonState.ERASED))
    said = (2**40 + 7).to_bytes(8, "little")
    files = list((world.folder / "values").rglob("*.npy"))
    assert [said in each.read_bytes() for each in files].count(True) == 1
    for lane in Lane:
        it.come(lane, TOLD_AT)
    world.clock.advance(dt.timedelta(seconds=REWRITE_AFTER_S))
    assert await it.worker.look() == 1
    world.tags.values.remove(world.database.write_now(world.tags.values.retire, 1))
    left = list((world.folder / "values").rglob("*.npy"))
    assert left
    assert not any(said in each.read_bytes() for each in left)


async def test_what_the_bulk_lane_brings_late_goes_before_the_erasure_is_confirmed(
    forgetting_world: Forgetting,
) -> None:
    it = forgetting_world
    it.come(Lane.LIVE, TOLD_AT)
    it.come(Lane.BULK, TOLD_AT - 1)
    await it.worker.look()
    it.event(ERASED)
    it.world.clock.advance(dt.timedelta(seconds=REWRITE_AFTER_S))
    assert await it.worker.look() == 0, "more may come"
    it.event(ERASED)
    await it.flush_lake.flush("t1")
    it.event(ERASED)
    it.come(Lane.BULK, TOLD_AT)
    assert await it.worker.look() == 1
    assert it.anchors() == []


async def test_a_file_that_is_written_anew_under_its_own_name_stays(forgetting_world: Forgetting) -> None:
    it = forgetting_world
    for key in (ERASED, OTHER, 3):
        it.event(key)
    await it.flush_lake.flush("t1")
    told_at = Revision("identity", EPOCH, live=1)
    for keys in ((ERASED,), (ERASED, 3)):
        erased = [ErasedPerson("t1", 1, keys, told_at)]
        await it.forget.forget_rows(erased)
        await it.forget.forget_files(erased)
        assert it.named_files_are_there()
    assert it.anchors() == [OTHER, OTHER]


async def test_what_was_done_to_files_is_written_down(forgetting_world: Forgetting) -> None:
    it = forgetting_world
    for keys in ((ERASED, OTHER), (ERASED,), (OTHER,)):
        for key in keys:
            it.event(key)
        await it.flush_lake.flush("t1")
        it.world.clock.advance(dt.timedelta(days=1))
    before = [file.path for file in it.world.database.read_now(it.manifest.files, "t1")]
    assert len(before) == 3
    erased = [ErasedPerson("t1", each, (ERASED,), Revision("identity", EPOCH, live=1)) for each in (4, 3)]
    await it.forget.forget_rows(erased)
    assert await it.forget.forget_files(erased) == 2
    assert await it.forget.forget_files(erased) == 0
    first, second = it.world.database.read_now(it.proofs.page, "t1", 0, 9)
    assert (first.number, first.time, first.erasure_ids) == (1, it.world.clock.now(), (3, 4))
    assert [(each.path, each.removed_count) for each in first.rewritten] == [(before[0], 1), (before[1], 1)]
    assert [bool(each.new_path) for each in first.rewritten] == [True, False]
    assert first.checked_file_count == 3
    assert (second.number, second.rewritten, second.checked_file_count) == (2, (), 2)
    assert it.world.database.read_now(it.proofs.page, "t1", 2, 9) == []
    assert it.world.database.read_now(it.proofs.page, "t2", 0, 9) == []
    files = list(it.root.rglob("*.parquet"))
    assert {str(each.relative_to(it.root)) for each in files} == {
        file.path for file in it.world.database.read_now(it.manifest.files, "t1")
    }
    for path in files:
        assert ERASED not in pq.read_table(path)["anchor_key_id"].to_pylist()


async def test_a_copy_that_still_holds_the_erased_is_never_named(
    forgetting_world: Forgetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = forgetting_world
    it.event(ERASED)
    it.event(OTHER)
    await it.flush_lake.flush("t1")
    before = it.world.database.read_now(it.manifest.files, "t1")
    monkeypatch.setattr(lake_forgetting.pc, "invert", lambda about: pa.array([True] * len(about)))
    with pytest.raises(RuntimeError, match="holds 1 events of theirs"):
        await it.forget.forget_files([ErasedPerson("t1", 1, (ERASED,), Revision("identity", EPOCH, live=1))])
    assert it.world.database.read_now(it.manifest.files, "t1") == before
    assert it.world.database.read_now(it.proofs.page, "t1", 0, 9) == []


async def test_columns_are_told_of_the_files_that_never_held_the_erased(forgetting_world: Forgetting) -> None:
    it = forgetting_world
    for key in (ERASED, OTHER):
        it.event(key)
        await it.flush_lake.flush("t1")
    (_, other) = [file.path for file in it.world.database.read_now(it.manifest.files, "t1")]
    erased = [ErasedPerson("t1", 1, (ERASED,), Revision("identity", EPOCH, live=1))]
    await it.forget.forget_rows(erased)
    assert (await it.forget.forget_files(erased), await it.forget.forget_files(erased)) == (1, 0)
    assert it.clean == [{other}, {other}]
