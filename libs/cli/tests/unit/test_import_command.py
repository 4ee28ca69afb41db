"""The import command before it sends anything: what it refuses, and the files that it leaves alone."""

from pathlib import Path

import pytest
from cli.commands.importing import _told_how_far
from cli.exits import Exit, Refusal
from cli.importing.sending import ImportResult
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


def test_a_file_that_is_not_there_is_named_before_its_mapping(tmp_path: Path) -> None:
    refused = dry_run(tmp_path / "none.csv")
    assert refused.exit_code == Exit.USAGE
    assert "none.csv is not a file" in refused.output


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt(), Refusal("away", Exit.NOT_REACHED)])
def test_an_import_that_ends_early_says_how_much_was_taken(
    file: Path, ended_by: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    result = ImportResult(rows=2_000, accepted=1_200, repeated=300)
    with pytest.raises(type(ended_by)), _told_how_far(file, result):
        raise ended_by
    assert "people.csv: 1,500 rows were taken before the import ended" in capsys.readouterr().err


def test_an_empty_file_is_told_as_such(file: Path) -> None:
    file.write_text("")
    refused = dry_run(file)
    assert refused.exit_code == Exit.BAD_DATA
    assert "is empty" in refused.output
