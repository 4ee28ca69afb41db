"""Cells of exported lists."""

import pytest
from cli.commands.segment_exports import _cell
from huaxiang.type.v1 import value_pb2


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
