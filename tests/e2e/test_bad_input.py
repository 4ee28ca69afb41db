"""Bad input at the whole suite: the error is clear, the exit code says which kind, and nothing is half-applied."""

import csv
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from cli.calls.people import person_id_of
from cli.exits import Exit, Refusal
from cli.suite import running
from cli.suite.folder import SuiteFolder
from command import huaxiang
from huaxiang.identity.v1 import ingest_service_pb2, record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from servicekit.client import connect
from servicekit.status import is_reason
from suite_process import SuiteProcess, free_base_port
from tenants import READ_AGAIN_S, add_key

MAPPING = """
source: shop
record_id: [order_id]
time: paid_at
identifiers:
  - {namespace: phone, column: phone}
  - {namespace: member_id, column: member}
event:
  type: order_paid
  properties:
    amount: {column: amount, type: number}
"""
ROWS = """order_id,paid_at,phone,member,amount
1,2026-06-01 10:00:00,13800000001,bad-1,10.50
2,2026-06-01 10:00:00,13800000002,bad-2
3,2026-06-01 10:00:00,13800000003,bad-3,free
4,soon,13800000004,bad-4,10
,2026-06-01 10:00:00,13800000005,bad-5,10
6,2199-01-01 00:00:00,13800000006,bad-6,10
7,2026-06-01 10:00:00,1.38E+10,bad-7,10
8,2026-06-01 10:00:00,12345,bad-8,10
9,2026-06-01 10:00:00,138****0009,bad-9,10
"""


@pytest.fixture(scope="module")
def catalogue(suite: SuiteProcess) -> None:
    suite.command("tags", "apply")


@pytest.fixture(scope="module")
def viewer_key(suite: SuiteProcess) -> str:
    """Of somebody who may only look."""
    key = add_key(suite, "viewer", "viewer")
    time.sleep(READ_AGAIN_S)
    return key


def with_mapping(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    file.with_suffix(".yaml").write_text(MAPPING, encoding="utf-8")
    return file


async def test_a_csv_with_broken_rows_keeps_the_good_ones_and_tells_line_and_reason(
    suite: SuiteProcess, tmp_path: Path
) -> None:
    file = with_mapping(tmp_path, "orders.csv", ROWS.encode("utf-8-sig"))
    ended = suite.run("import", str(file))
    assert ended.returncode == Exit.BAD_DATA, ended.stderr
    with (tmp_path / "orders.csv.rejects.csv").open(encoding="utf-8-sig", newline="") as written:
        rejects = {int(row["line"]): row for row in csv.DictReader(written)}
    assert sorted(rejects) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert (rejects[3]["outcome"], rejects[3]["reason"]) == ("not sent", "has 4 cells, the header has 5")
    assert (rejects[4]["field"], rejects[4]["reason"]) == ("amount", "is not a number")
    assert rejects[5]["field"] == "paid_at"
    assert rejects[6]["field"] == "order_id"
    assert (rejects[7]["outcome"], rejects[7]["field"]) == ("refused", "time")
    assert {rejects[line]["outcome"] for line in (8, 9, 10)} == {"left out"}
    assert "text" in rejects[8]["reason"], "a spreadsheet's rounding comes with the hint to export text"
    told = (tmp_path / "orders.csv.rejects.csv").read_text(encoding="utf-8-sig")
    for value in ("13800000003", "bad-3", "1.38E+10", "138****0009"):
        assert value not in told, "a rejects file holds no value of a row"
    running_suite = running.require(suite.folder)
    for member in ("bad-1", "bad-7", "bad-8", "bad-9"):
        assert await person_id_of(running_suite, f"member_id={member}") > 0
    for member in ("bad-2", "bad-3", "bad-4", "bad-5", "bad-6"):
        with pytest.raises(Refusal, match="nobody"):
            await person_id_of(running_suite, f"member_id={member}")


def test_importing_again_changes_nothing(suite: SuiteProcess, tmp_path: Path) -> None:
    content = ROWS.splitlines()[0] + "\n20,2026-06-02 10:00:00,13800000020,again-1,10\n"
    file = with_mapping(tmp_path, "orders.csv", content.encode("gb18030"))
    assert suite.command("import", str(file))["accepted"] == 1
    again = suite.command("import", str(file))
    assert (again["accepted"], again["repeated"]) == (0, 1)
    changed = with_mapping(tmp_path, "changed.csv", content.replace(",10\n", ",11\n").encode())
    ended = suite.run("import", str(changed))
    assert ended.returncode == Exit.BAD_DATA
    assert "known with other content" in ended.stdout


def test_a_file_without_a_named_column_sends_nothing(suite: SuiteProcess, tmp_path: Path) -> None:
    file = with_mapping(tmp_path, "orders.csv", b"order_id,phone\n1,13800000001\n")
    ended = suite.run("import", str(file))
    assert ended.returncode == Exit.BAD_DATA
    assert "has no column amount, member, paid_at; it has order_id, phone" in ended.stderr


@pytest.mark.usefixtures("catalogue")
def test_an_unknown_tag_in_a_rule_is_told_with_its_place_and_a_suggestion(suite: SuiteProcess) -> None:
    ended = suite.run("segments", "create", "misspelt", "--rule", "gendr = 'male'")
    assert ended.returncode == Exit.BAD_DATA
    assert "gendr" in ended.stderr
    assert "gender" in ended.stderr
    listed = suite.command("segments", "list")
    assert "misspelt" not in [each["segment"]["segment_id"] for each in listed["segments"]]


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    "rule", ["city = ", "COUNT(order_paid WHERE amout > 1) >= 1", "COUNT(order_payed) >= 1"]
)
def test_a_rule_that_cannot_be_is_refused(suite: SuiteProcess, rule: str) -> None:
    ended = suite.run("segments", "preview", rule)
    assert ended.returncode == Exit.BAD_DATA, ended.stderr
    assert "RULE_INVALID" in ended.stderr


def test_definitions_are_applied_all_or_not_at_all(suite: SuiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "tags.yaml"
    good = "- {tag_id: good_one, name: {zh: 好, en: Good}, type: number, statistic: COUNT(order_paid)}\n"
    bad = "- {tag_id: bad_one, name: {zh: 坏, en: Bad}, type: number, statistic: COUNT(order_payed)}\n"
    file.write_text(good + bad, encoding="utf-8")
    ended = suite.run("tags", "apply", str(file))
    assert ended.returncode == Exit.BAD_DATA, ended.stderr
    assert "order_payed" in ended.stderr
    assert suite.run("tags", "show", "good_one").returncode == Exit.BAD_DATA


async def test_a_call_without_the_right_is_refused_and_changes_nothing(
    suite: SuiteProcess, viewer_key: str
) -> None:
    record = record_pb2.Record(source="shop", record_id="sneaked")
    record.time.FromJsonString("2026-06-01T00:00:00Z")
    record.identifiers.add(namespace="member_id", value="sneaked")
    running_suite = running.require(suite.folder)
    async with connect(f"127.0.0.1:{running_suite.port('identity')}", key=viewer_key) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await IngestServiceStub(channel).IngestEvents(
                ingest_service_pb2.IngestEventsRequest(records=[record])
            )
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert is_reason(refused.value, "RIGHT_MISSING")
    with pytest.raises(Refusal, match="nobody"):
        await person_id_of(running_suite, "member_id=sneaked")


def test_a_command_without_the_right_says_so(suite: SuiteProcess, viewer_key: str, tmp_path: Path) -> None:
    viewer = SuiteFolder(tmp_path / "viewer")
    viewer.secrets.mkdir(parents=True)
    viewer.admin_key.write_text(viewer_key)
    shutil.copy(suite.folder.state, viewer.state)
    ended = huaxiang("tags", "apply", f"--folder={viewer.root}")
    assert ended.returncode == Exit.REFUSED
    assert "tagging.tags.write" in ended.stderr


def test_a_second_suite_on_the_same_ports_says_which_are_taken(suite: SuiteProcess, tmp_path: Path) -> None:
    ended = huaxiang("up", "--detach", f"--base-port={suite.base_port}", f"--folder={tmp_path}")
    assert ended.returncode == Exit.CONFLICT
    assert f"{suite.base_port + 1} (identity)" in ended.stderr
    assert "--base-port" in ended.stderr
    assert suite.command("status")["processes"]


def test_a_second_up_in_the_same_folder_is_refused(shared: SuiteProcess) -> None:
    ended = shared.run("up", "--detach")
    assert ended.returncode == Exit.CONFLICT
    assert "already runs" in ended.stderr


def test_a_data_folder_of_a_newer_version_is_refused_untouched(shared: SuiteProcess, tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    shutil.copytree(shared.folder.secrets, folder.secrets)
    store = folder.data / "identity" / "identity.db"
    store.parent.mkdir(parents=True)
    with (
        closing(sqlite3.connect(shared.folder.data / "identity" / "identity.db")) as current,
        closing(sqlite3.connect(store)) as newer,
    ):
        current.backup(newer)
        newer.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
        newer.commit()
    before = content(store)
    suite = SuiteProcess(folder, base_port=free_base_port())
    command = suite.process("up", "--detach", f"--base-port={suite.base_port}", "--no-sandbox")
    _, problems = command.communicate(timeout=120)
    assert command.returncode == Exit.FAILED
    assert "identity does not start: its data is of a newer version" in problems
    assert running.find(folder) is None
    assert content(store) == before


def content(store: Path) -> list[str]:
    """Its schema and all its rows."""
    with closing(sqlite3.connect(store)) as connection:
        return list(connection.iterdump())
