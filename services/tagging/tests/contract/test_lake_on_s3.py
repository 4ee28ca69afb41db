"""The whole lake over an S3-compatible store: flushed, read, compacted, swept, rid of the erased, opened elsewhere."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from s3_server import make_bucket, s3_server
from servicekit.database import Database
from tagging.app.compact_lake import CompactLake
from tagging.app.flush_lake import FlushLake
from tagging.app.retire_files import RetireFiles
from tagging.config import Config, S3Bucket
from tagging.domain.events import Event
from tagging.domain.persons import Person, PersonState
from tagging.lake_wiring import lake_objects
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_forgetting import LakeForgetting
from tagging.store.lake_relations import DuckLakeRelations
from tagging.store.lake_rewriting import LakeMerging
from tagging.store.sql_dictionaries import SqlEventDictionaries
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_references import SqlReferenceTables
from tagging.store.sql_tenants import SqlTenants

NOON = dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)
DICTIONARY = standard_dictionary()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def config(tmp_path: Path, s3: str) -> Config:
    keys = tmp_path / "s3.keys"
    keys.write_text("access\nsecret\n", encoding="utf-8")
    bucket = tmp_path.name.replace("_", "-").lower()
    make_bucket(s3, bucket)
    return Config(
        keys=tmp_path,
        service_key_file=tmp_path,
        data=tmp_path / "here",
        lake_store=S3Bucket(bucket, "suite"),
        lake_s3_endpoint=s3,
        lake_s3_region="us-east-1",
        lake_s3_key_file=keys,
    )


class S3Lake:
    """A lake whose files lie in a bucket; `data` has the local copies."""

    def __init__(self, database: Database, config: Config) -> None:
        self.database, self.manifest, self.key_map = database, SqlManifest(), SqlKeyMap()
        self.tenants, self.events = SqlTenants(), SqlEventStore()
        self.folder = LakeFolder(config.folder / "lake", LakeColumns(DICTIONARY), lake_objects(config))
        self.flush_lake = FlushLake(database, self.manifest, self.tenants, self.folder)
        rewriting = LakeMerging(self.folder)
        self.retire = RetireFiles(rewriting, readers_s=0.0)
        self.compact = CompactLake(
            database, self.manifest, self.tenants, rewriting, self.retire, asyncio.Lock()
        )

    async def fill(self) -> None:
        self.database.write_now(self.tenants.ensure, "t1", NOON)
        persons = [Person(key, 1, PersonState.MEMBER, key_ids=(key,)) for key in (1, 2)]
        self.database.write_now(self.key_map.apply, "t1", persons)
        for sequence in range(1, 7):
            event = Event(sequence, "shop", f"e{sequence}", "order_paid", NOON, sequence % 2 + 1)
            self.database.write_now(self.events.append, "t1", [event])
            await self.flush_lake.flush("t1")

    def named(self) -> set[str]:
        return {file.path for file in self.database.read_now(self.manifest.files, "t1")}

    def read(self) -> list[tuple[int, int]]:
        relations = DuckLakeRelations(
            self.folder,
            self.manifest,
            self.key_map,
            SqlReferenceTables(),
            SqlEventDictionaries(DICTIONARY),
            DICTIONARY,
        )
        with duckdb.connect() as duck:
            self.database.read_now(relations.attach, duck, "t1", ["order_paid"]).relate()
            return duck.sql(
                "SELECT person_id, ingest_seq FROM events_order_paid ORDER BY ingest_seq"
            ).fetchall()


async def test_a_lake_in_a_bucket(database: Database, config: Config, tmp_path: Path) -> None:
    lake = S3Lake(database, config)
    await lake.fill()
    before = lake.read()
    assert len(before) == len(lake.named()) == 6
    abandoned = LakeMerging(lake.folder).merged("t1", database.read_now(lake.manifest.files, "t1"))
    assert abandoned.path in lake.folder.objects.paths()
    assert lake.read() == before, "what is not named does not count"
    assert lake.folder.sweep(lake.named()) == 1

    done = await lake.compact.compact("t1")
    assert (done.files_before, done.files_after) == (6, 1)
    assert await lake.retire.remove_due() == 6
    assert lake.folder.objects.paths() == lake.named()
    elsewhere = S3Lake(database, Config(**{**vars(config), "data": tmp_path / "there"}))
    assert elsewhere.read() == lake.read() == before

    (file,) = database.read_now(lake.manifest.files, "t1")
    rewritten = LakeForgetting(lake.folder.objects).rewritten(file, {1}, "e1")
    assert rewritten is not None
    assert database.write_now(lake.manifest.replace, "t1", [file.path], [rewritten])
    lake.folder.objects.remove(file.path)
    assert elsewhere.read() == [row for row in before if row[0] == 2]
    for path in lake.folder.objects.paths():
        assert 1 not in pq.read_table(lake.folder.objects.open(path))["anchor_key_id"].to_pylist()


async def test_a_flush_that_the_store_does_not_take_is_done_again(database: Database, config: Config) -> None:
    lake = S3Lake(database, Config(**{**vars(config), "lake_store": S3Bucket("missing", "")}))
    with pytest.raises(OSError, match="missing"):
        await lake.fill()
    assert lake.named() == set()
    working = S3Lake(database, config)
    await working.flush_lake.flush("t1")
    assert len(working.read()) == 1


@pytest.mark.parametrize("content", ["", "one", "one two three"])
def test_a_key_file_has_two_keys(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys"
    file.write_text(content, encoding="utf-8")
    config = Config(keys=tmp_path, service_key_file=tmp_path, lake_s3_key_file=file)
    with pytest.raises(ValueError, match="HUAXIANG_LAKE_S3_KEY_FILE") as refused:
        config.lake_s3_keys()
    assert "three" not in str(refused.value)
