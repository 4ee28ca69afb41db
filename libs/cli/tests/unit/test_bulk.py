"""A file as columns over identity's bulk import: the same end as by single records, however often it breaks off."""

import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from cli.exits import Exit, Refusal
from cli.importing import columns
from cli.importing.bulk import BulkImport, import_id_of
from cli.importing.columns import ColumnPlan
from cli.importing.journal import Journal
from cli.importing.mapping import load_mapping
from cli.importing.rejects import Rejects
from cli.importing.sending import ImportResult, send_file
from cli.main import app
from identity.main import wire
from servicekit.client import MAX_INGEST_MESSAGE_BYTES
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.testing.servers import LocalServer, serving
from typer.testing import CliRunner

MAPPING = """
source: crm
record_id: ["=person", 会员号]
time: 更新时间
identifiers:
  - {namespace: member_id, column: 会员号}
  - {namespace: phone, column: 手机}
attributes:
  name: 姓名
  gender: {column: 性别, values: {男: male, 女: female}}
  birth_date: {column: 生日, type: date}
  no_profiling: {column: 拒绝, type: bool}
contact_points:
  - {channel: sms, column: 手机}
consents:
  - {purpose: marketing, channel: sms, address: 手机, granted: {column: 短信, values: ["是"]}, time: 更新时间}
"""
HEADER = "会员号,手机,姓名,性别,生日,拒绝,短信,更新时间"
ROWS, PER_MESSAGE = 95, 10


def line(number: int) -> str:
    """Every 11th has a masked phone, every 17th a time that is none, every 23rd no number."""
    phone = "138****0001" if number % 11 == 0 else f"1390000{number:04d}"
    time = "soon" if number % 17 == 0 else "2026-04-01 12:00:00"
    member = "" if number % 23 == 0 else f"M{number:04d}"
    return (
        f"{member},{phone},王小明,{'男' if number % 2 else '女'},1990-01-{1 + number % 28:02d},否,是,{time}"
    )


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(columns, "ROWS_PER_MESSAGE", PER_MESSAGE)
    path = tmp_path / "members.csv"
    path.write_text("\n".join([HEADER, *map(line, range(1, ROWS + 1))]) + "\n", encoding="utf-8")
    path.with_suffix(".yaml").write_text(MAPPING, encoding="utf-8")
    return path


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LocalServer]:
    database = Database.open(f"sqlite:///{tmp_path / 'identity.db'}")
    clock = ManualClock(datetime(2026, 5, 1, 12, tzinfo=UTC))
    wiring = wire(database, secrets.token_bytes(32), clock, ("tagging",))
    async with serving(
        wiring.services, tmp_path, name="identity", max_message_bytes=MAX_INGEST_MESSAGE_BYTES
    ) as served:
        yield served
    await wiring.ingest.close()
    await wiring.imports.close()
    database.close_now()


async def send(
    server: LocalServer, file: Path, advance: Callable[[int], None] = lambda rows: None, tenant: str = "t1"
) -> tuple[ImportResult, list[str]]:
    """The result and the lines of the rejects file."""
    mapping = file.with_suffix(".yaml")
    import_id = import_id_of(file, mapping, None)
    journal = Journal(file.with_name(f"{file.name}.import.json"), import_id)
    rejects = file.with_name("rejects.csv")
    result = ImportResult()
    going_on = journal.goes_on(rejects)
    with Rejects(rejects, going_on=going_on) as rejected:
        if not going_on:
            journal.remove()
        run = BulkImport(ColumnPlan(load_mapping(mapping)), import_id, journal, rejected, advance, result)
        await run.send(server.connect("source", tenant), file, None)
    return result, rejects.read_text(encoding="utf-8-sig").splitlines() if rejects.exists() else []


async def test_a_bulk_import_tells_what_an_import_tells(server: LocalServer, file: Path) -> None:
    result, told = await send(server, file)
    mapping = load_mapping(file.with_suffix(".yaml"))
    rejects = file.with_name("single.csv")
    with Rejects(rejects) as rejected:
        single = await send_file(server.connect("source", "t2"), file, mapping, rejected, lambda rows: None)
    assert sorted(told) == sorted(rejects.read_text(encoding="utf-8-sig").splitlines())
    result.revision = single.revision
    assert result == single


async def test_rows_that_came_by_columns_are_known_to_an_import(server: LocalServer, file: Path) -> None:
    result, _ = await send(server, file)
    with Rejects(file.with_name("single.csv")) as rejected:
        mapping = load_mapping(file.with_suffix(".yaml"))
        again = await send_file(server.connect("source"), file, mapping, rejected, lambda rows: None)
    assert (again.accepted, again.repeated) == (0, result.accepted)


@pytest.mark.parametrize("rows", [1, 30, 60, ROWS])
async def test_an_import_that_broke_off_goes_on(server: LocalServer, file: Path, rows: int) -> None:
    """Nothing is told twice and nothing is left out of the rejects."""
    left = rows

    def stop(told: int) -> None:
        nonlocal left
        left -= told
        if left <= 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await send(server, file, stop)
    result, told = await send(server, file)
    whole, all_told = await send(server, file, tenant="t2")
    result.revision = whole.revision
    assert result == whole
    assert told == all_told


async def test_a_finished_import_is_not_sent_again(
    server: LocalServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command tells what became of it then, and leaves the rejects where they are."""
    first = await send(server, file)
    sent: list[int] = []
    batch = ColumnPlan.batch
    monkeypatch.setattr(ColumnPlan, "batch", lambda plan, rows: sent.append(len(rows)) or batch(plan, rows))
    again = await send(server, file)
    assert not sent
    again[0].revision = first[0].revision
    assert again == first


@pytest.mark.parametrize("lost", ["members.csv.import.json", "rejects.csv"])
async def test_an_import_whose_rejects_are_lost_is_told_again(
    server: LocalServer, file: Path, lost: str
) -> None:
    """What is committed is not counted twice."""
    result, told = await send(server, file)
    file.with_name(lost).unlink()
    again, told_again = await send(server, file)
    again.revision = result.revision
    assert (again, told_again) == (result, told)


def test_two_imports_do_not_write_one_rejects_file(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    with Rejects(path) as first:
        first.add(2, "refused", "phone", "is none")
        with pytest.raises(Refusal, match="another import") as refused, Rejects(path):
            pass
        assert refused.value.code is Exit.CONFLICT
    assert len(path.read_text(encoding="utf-8-sig").splitlines()) == 2
    with Rejects(path):
        pass
    assert not path.exists()


async def test_files_of_every_kind_are_taken(server: LocalServer, file: Path) -> None:
    first, _ = await send(server, file)
    options = pyarrow.csv.ConvertOptions(column_types={name: pa.string() for name in HEADER.split(",")})
    table = pyarrow.csv.read_csv(file, convert_options=options)
    for name, write in (
        ("members.parquet", pyarrow.parquet.write_table),
        ("members.feather", pyarrow.feather.write_feather),
    ):
        other = file.with_name(name)
        write(table, other)
        result, _ = await send(server, other)
        assert (result.repeated, result.accepted) == (first.accepted, 0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("event: {type: visit, properties: {}}\n", "tells of events"),
        ("lane: live\n", "live lane"),
    ],
)
def test_what_is_no_persons_file_is_refused(file: Path, more: str, said: str) -> None:
    mapping = file.with_suffix(".yaml")
    mapping.write_text(MAPPING + more, encoding="utf-8")
    with pytest.raises(Refusal, match=said):
        ColumnPlan(load_mapping(mapping))
    refused = CliRunner().invoke(app, ["import", str(file), "--bulk"])
    assert refused.exit_code == Exit.USAGE
    assert "without --bulk" in refused.output
