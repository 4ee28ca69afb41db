"""Cells of exported lists."""

from pathlib import Path

import pytest
from cli.commands import segment_exports
from cli.commands.segment_exports import _cell
from cli.exits import Exit, Refusal
from huaxiang.type.v1 import value_pb2
from typer.testing import CliRunner


@pytest.mark.parametrize(
    ("value", "cell"),
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
def test_a_spreadsheet_shows_what_is_said_and_runs_nothing(value: value_pb2.Value, cell: str) -> None:
    assert _cell(value) == cell


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
