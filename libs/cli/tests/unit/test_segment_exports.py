"""Exported lists: their cells, the file, and what becomes of it when the service goes away."""

import asyncio
import csv
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from cli.commands import segment_exports
from cli.exits import Exit, Refusal
from cli.export_files import as_text, cell
from huaxiang.segments.v1 import export_service_pb2 as pb
from huaxiang.segments.v1 import export_service_pb2_grpc as rpc
from huaxiang.type.v1 import value_pb2
from pyarrow import parquet
from typer.testing import CliRunner


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (value_pb2.Value(), ""),
        (value_pb2.Value(text_value="上海市"), "上海市"),
        (value_pb2.Value(text_value="=HYPERLINK(1)"), "'=HYPERLINK(1)"),
        (value_pb2.Value(number_value=-125_000), "-12.5"),
        (
            value_pb2.Value(list_value=value_pb2.ValueList(values=[value_pb2.Value(text_value="@a")])),
            "'@a",
        ),
    ],
)
def test_a_spreadsheet_shows_what_is_said_and_runs_nothing(value: value_pb2.Value, shown: str) -> None:
    assert cell(value) == shown


def test_phones_stay_as_other_systems_take_them_and_other_identifiers_run_nothing() -> None:
    assert as_text("+8613912345670; +8613912345671") == "+8613912345670; +8613912345671"
    assert as_text("+1+cmd|' /C calc'!A0") == "'+1+cmd|' /C calc'!A0"


class Door(rpc.ExportServiceServicer):
    """Sends two rows and goes away; then the row that was the last one again, and the rest."""

    def __init__(self) -> None:
        self.breaks_off = grpc.StatusCode.UNAVAILABLE
        self.after: list[int] = []
        self.traced: list[int] = []

    def GetExport(self, request, context):  # noqa: N802  # the rpc's name
        return pb.GetExportResponse(export=pb.Export(export_id=request.export_id, tag_ids=["city"]))

    def TraceExport(self, request, context):  # noqa: N802  # the rpc's name
        self.traced = list(request.person_ids)
        return pb.TraceExportResponse()

    def FetchExport(self, request, context):  # noqa: N802  # the rpc's name
        self.after.append(request.after_person_id)
        yield pb.FetchExportResponse(total_count=2)
        for person_id in (9, 4) if request.after_person_id == 0 else (4, 7):
            values = [value_pb2.Value(text_value="上海市")]
            yield pb.FetchExportResponse(rows=[pb.ExportRow(person_id=person_id, values=values)])
        if request.after_person_id == 0:
            context.abort(self.breaks_off, "away")


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Door]:
    """Where the command asks."""
    found, server = getattr(request, "param", Door)(), grpc.server(ThreadPoolExecutor(2))
    rpc.add_ExportServiceServicer_to_server(found, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def ask(folder, service, work, key):
        async def asked():
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                return await work(channel)

        return asyncio.run(asked())

    monkeypatch.setattr(segment_exports, "ask", ask)
    yield found
    server.stop(None).wait()


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_fetch_goes_on_where_it_broke_off(door: Door, tmp_path: Path, code: grpc.StatusCode) -> None:
    door.breaks_off = code
    file = tmp_path / "women.csv"
    told = CliRunner().invoke(segment_exports.app, ["fetch", "e1", "--to", str(file)])
    assert told.exit_code == Exit.OK, told.output
    assert door.after == [0, 4]
    assert file.read_text(encoding="utf-8") == "person_id,city\n9,上海市\n4,上海市\n7,上海市\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "3 people" in told.output


@pytest.mark.parametrize(("to", "code"), [(".", Exit.USAGE), ("..", Exit.USAGE), ("w.csv", Exit.CONFLICT)])
def test_a_fetch_into_a_folder_or_over_another_one_asks_nothing(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, code: Exit
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.csv.part").write_text("of another")
    told = CliRunner().invoke(segment_exports.app, ["fetch", "e1", "--to", to])
    assert told.exit_code == code
    assert door.after == []
    assert (tmp_path / "w.csv.part").read_text() == "of another"


class Marked(rpc.ExportServiceServicer):
    """Breaks off after the first of two messages, each of a row and one person who is left out."""

    def __init__(self) -> None:
        self.after: list[int] = []

    def GetExport(self, request, context):  # noqa: N802  # the rpc's name
        export = pb.Export(export_id=request.export_id, identifier_namespaces=["phone"])
        return pb.GetExportResponse(export=export)

    def FetchExport(self, request, context):  # noqa: N802  # the rpc's name
        self.after.append(request.after_person_id)
        first = request.after_person_id == 0
        yield pb.FetchExportResponse(total_count=4, watermark="export e1 by mia" if first else "later")
        row = pb.ExportRow(person_id=9 if first else 7)
        row.identifiers.add(values=["+8613912345670", "+8613912345671"])
        left_out = pb.LeftOut(no_consent=1)
        yield pb.FetchExportResponse(rows=[row], left_out=left_out, last_person_id=4 if first else 5)
        if first:
            context.abort(grpc.StatusCode.UNAVAILABLE, "away")


@pytest.mark.parametrize("door", [Marked], indirect=True)
@pytest.mark.parametrize("name", ["w.csv", "w.parquet"])
def test_a_file_carries_its_watermark_where_any_reader_finds_it(
    door: Marked, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    told = CliRunner().invoke(segment_exports.app, ["fetch", "e1", "--to", str(file)])
    assert told.exit_code == Exit.OK, told.output
    assert door.after == [0, 4], "behind the person who was left out"
    assert "2 without consent" in told.output
    phones = "+8613912345670; +8613912345671"
    if name.endswith(".csv"):
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
    else:
        table = parquet.read_table(file)
        assert table.schema.metadata[b"huaxiang.watermark"] == b"export e1 by mia"
        rows = [{name: str(value) for name, value in row.items()} for row in table.to_pylist()]
    assert rows == [
        {"person_id": person, "phone": phones, "watermark": "export e1 by mia"} for person in ("9", "7")
    ]


def test_what_is_refused_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise Refusal("it is not approved", Exit.BAD_DATA)

    monkeypatch.setattr(segment_exports, "ask", refuse)
    file = tmp_path / "women.csv"
    file.write_text("person_id\n1\n")
    told = CliRunner().invoke(segment_exports.app, ["fetch", "e1", "--to", str(file)])
    assert told.exit_code == Exit.BAD_DATA
    assert [each.name for each in tmp_path.iterdir()] == ["women.csv"]
    assert file.read_text() == "person_id\n1\n"


def test_what_no_id_can_be_is_left_out_of_a_list_to_trace(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"person_id,city\n7,x\n{'9' * 23},x\n{2**63},x\n{'1' * 5_000},x\n,x\n9,x\n")
    told = CliRunner().invoke(segment_exports.app, ["trace", str(file)])
    assert told.exit_code == Exit.OK, told.output
    assert door.traced == [7, 9]
