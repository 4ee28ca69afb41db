"""Text files in another encoding than UTF-8 are refused in a sentence, and empty ones wipe nothing."""

from pathlib import Path

import pytest
from cli.commands.segment_lists import _entries
from cli.exits import Exit, Refusal
from cli.main import app
from cli.text_files import read_text
from typer.testing import CliRunner


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("person_id\n7\n", encoding="utf-8-sig")
    assert read_text(file) == "person_id\n7\n"


def test_another_encoding_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "gbk.csv"
    file.write_text("会员,城市\n", encoding="gbk")
    with pytest.raises(Refusal, match="save it as UTF-8") as told:
        read_text(file)
    assert told.value.code is Exit.USAGE


@pytest.mark.parametrize(
    "command",
    [
        ["segments", "exports", "trace"],
        ["segments", "upload", "guests"],
        ["events", "declare"],
        ["tags", "naming", "set"],
        ["templates", "put"],
    ],
)
def test_files_are_read_so(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "gbk.csv"
    file.write_text("会员\n", encoding="gbk")
    told = CliRunner().invoke(app, [*command, str(file), "--folder", str(tmp_path)])
    assert "save it as UTF-8" in told.output
    assert (told.exit_code, type(told.exception)) == (Exit.USAGE, SystemExit)


def test_an_empty_list_is_refused_and_one_of_nobody_is_not(tmp_path: Path) -> None:
    file = tmp_path / "guests.txt"
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(Refusal, match="is empty; a list of nobody has the line person_id"):
        _entries(file)
    file.write_text("person_id\n", encoding="utf-8")
    assert _entries(file) == []
