"""Ordinary mistakes: one line that says what to mend, an exit code, and nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.calls.people import person_id_of
from cli.demo.suite import MARK
from cli.exits import Exit, Refusal
from cli.main import app
from cli.suite.folder import SuiteFolder
from cli.suite.running import RunningSuite
from click.testing import Result
from typer.testing import CliRunner


def invoked(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def one_line(result: Result) -> str:
    lines = result.output.strip().splitlines()
    assert len(lines) == 1, result.output
    return str(lines[0])


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n", b"[]"])
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_an_empty_catalogue_is_no_wish_to_delete_all(
    tmp_path: Path, command: str, content: bytes | None
) -> None:
    target = tmp_path / "tags.yaml" if content is not None else tmp_path
    if content is not None:
        target.write_bytes(content)
    refused = invoked("tags", command, target, "--delete-missing", "--folder", tmp_path)
    assert refused.exit_code == Exit.BAD_DATA
    assert f"{target}: no tag is defined there" in one_line(refused)


def test_a_catalogue_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    missing = invoked("tags", "plan", tmp_path / "none.yaml", "--folder", tmp_path)
    assert missing.exit_code == Exit.USAGE
    assert "none.yaml: No such file" in one_line(missing)
    (tmp_path / "old.yaml").write_bytes("- tag_id: 标签".encode("gb18030"))
    encoded = invoked("tags", "plan", tmp_path / "old.yaml", "--folder", tmp_path)
    assert encoded.exit_code == Exit.BAD_DATA
    assert "is not UTF-8" in one_line(encoded)


def test_a_query_right_behind_sql_is_told_where_it_belongs(tmp_path: Path) -> None:
    file = tmp_path / "tags.yaml"
    file.write_text("- {tag_id: a, name: a, type: number, update: run, sql: SELECT 1}", encoding="utf-8")
    refused = invoked("tags", "plan", file, "--folder", tmp_path)
    assert refused.exit_code == Exit.BAD_DATA
    assert 'write sql: {query: "SELECT ..."}' in one_line(refused)


def test_an_empty_reference_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "items.csv").touch()
    refused = invoked("reference", "put", "items", tmp_path / "items.csv", "--folder", tmp_path)
    assert refused.exit_code == Exit.BAD_DATA
    assert "is empty" in one_line(refused)


def test_an_option_that_is_no_moment_is_blamed_itself(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,brand\n1,A\n")
    put = ["reference", "put", "items", tmp_path / "items.csv", "--since", "yesterday"]
    refused = invoked(*put, "--folder", tmp_path)
    assert refused.exit_code == Exit.USAGE
    assert one_line(refused).startswith("huaxiang: --since 'yesterday' is not a time such as")


@pytest.mark.parametrize(
    "command", [["init", "--folder"], ["up", "--folder"], ["demo", "--folder"], ["simulate"]]
)
def test_a_file_in_place_of_a_folder_is_told_as_such(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").touch()
    refused = invoked(*command, tmp_path / "file")
    assert refused.exit_code == Exit.USAGE
    assert str(tmp_path / "file") in one_line(refused)


def test_a_person_is_named_in_one_way(tmp_path: Path) -> None:
    for arguments in ([], ["7", "--identifier", "phone=1"]):
        refused = invoked("portrait", *arguments, "--folder", tmp_path)
        assert refused.exit_code == Exit.USAGE
        assert "name a person" in one_line(refused)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "name a segment, or say a rule"),
        (["vip", "--rule", "is_vip"], "name a segment, or say a rule"),
        (["vip", "--population", "all"], "--population goes with --rule"),
        (["--rule", "is_vip", "--population", "some"], "population 'some'"),
        (["--rule", "is_vip"], "no suite runs"),
    ],
)
def test_a_plan_is_of_a_segment_or_of_a_rule(tmp_path: Path, arguments: list[str], problem: str) -> None:
    refused = invoked("segments", "plan", *arguments, "--folder", tmp_path)
    assert refused.exit_code in {Exit.USAGE, Exit.NOT_REACHED}
    assert problem in one_line(refused)


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        (["--to", "segment:like"], "--to goes with --expand"),
        (["--to", "segment:", "--expand", "5"], "names no segment"),
    ],
)
def test_where_lookalikes_go_is_settled_before_any_is_sought(
    tmp_path: Path, to: list[str], problem: str
) -> None:
    refused = invoked("segments", "lookalike", "buyers", "--tag", "city", *to, "--folder", tmp_path)
    assert refused.exit_code == Exit.USAGE
    assert problem in one_line(refused)


@pytest.mark.parametrize("who", ["99999999999999999999999", "9223372036854775808", "9" * 5_000])
async def test_an_id_beyond_all_ids_is_nobody_s(tmp_path: Path, who: str) -> None:
    suite = RunningSuite(SuiteFolder(tmp_path), 1, {})
    with pytest.raises(Refusal, match="no person") as refused:
        await person_id_of(suite, who)
    assert refused.value.code is Exit.BAD_DATA


@pytest.mark.parametrize("arguments", [["--data", "nofile"], ["--persons", "3"], ["--data", __file__]])
def test_an_earlier_demo_stays_until_there_is_another(tmp_path: Path, arguments: list[str]) -> None:
    root = tmp_path / "demo"
    root.mkdir()
    (root / MARK).touch()
    (root / "report.json").write_text("earlier")
    refused = invoked("demo", "--folder", root, *arguments)
    assert refused.exit_code == Exit.USAGE
    assert (root / "report.json").read_text() == "earlier"
    assert [each.name for each in tmp_path.iterdir()] == ["demo"]


SAYS = "import cli.output as o\no.say_what_can_be_said()\n"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("o.print_json({'name': '画像'})", '"name": "\\u753b\\u50cf"'),
        ("o.console.print('画像 █')", "?? ?"),
        ("o.notes.print('画像')\no.console.print('.')", "."),
    ],
)
def test_a_stream_that_lacks_characters_gets_what_it_can_hold(program: str, expected: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    command = [sys.executable, "-c", SAYS + program]
    said = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert said.returncode == 0, said.stderr
    assert expected in said.stdout.decode("ascii")
