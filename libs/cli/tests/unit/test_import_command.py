"""The import command before it sends anything: what it refuses, and the files that it leaves alone."""

from pathlib import Path

import pytest
from cli.exits import Exit
from cli.main import app
from click.testing import Result
from typer.testing import CliRunner

MAPPING = "source: crm\nrecord_id: [id]\ntime: at\n"
ROWS = "id,at\n1,2026-01-01\n2,soon\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    path.with_suffix(".yaml").write_text(MAPPING)
    return path


def dry_run(file: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["import", str(file), "--dry-run", *options])


def test_a_dry_run_writes_what_it_would_refuse(file: Path) -> None:
    assert dry_run(file).exit_code == Exit.BAD_DATA
    rejects = file.with_name("people.csv.rejects.csv").read_text(encoding="utf-8-sig")
    assert rejects.splitlines()[1].startswith("3,not sent,at,")


def test_no_rejects_no_file(file: Path) -> None:
    file.write_text(ROWS.replace("soon", "2026/1/2 9:05"))
    assert dry_run(file).exit_code == Exit.OK
    assert not file.with_name("people.csv.rejects.csv").exists()


@pytest.mark.parametrize("name", ["people.csv", "people.yaml", "other.csv"])
def test_rejects_never_overwrite_what_is_imported(file: Path, name: str) -> None:
    target = file.with_name(name)
    if name == "other.csv":
        target.symlink_to(file)
    refused = dry_run(file, "--rejects", str(target))
    assert refused.exit_code == Exit.USAGE
    assert "overwrite" in refused.output
    assert file.read_text() == ROWS
    assert file.with_suffix(".yaml").read_text() == MAPPING


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rejects", "/nonexist/x.csv"], "/nonexist/x.csv: No such file"),
        (["--rejects", "/tmp"], "/tmp: Is a directory"),
        (["--encoding", "foo"], "'foo' is no encoding"),
        (["--mapping", "/nonexist.yaml"], "there is no mapping /nonexist.yaml"),
        (["--mapping", "/tmp"], "/tmp: Is a directory"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(file: Path, options: list[str], said: str) -> None:
    refused = dry_run(file, *options)
    assert refused.exit_code == Exit.USAGE
    assert said in refused.output
    assert len(refused.output.strip().splitlines()) == 1


def test_an_empty_file_is_told_as_such(file: Path) -> None:
    file.write_text("")
    refused = dry_run(file)
    assert refused.exit_code == Exit.BAD_DATA
    assert "is empty" in refused.output
