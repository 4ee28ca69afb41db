"""What people read says nothing twice."""

import pytest
from cli.calls import explanations
from cli.commands import lake, tags
from huaxiang.tagging.v1 import tag_service_pb2
from huaxiang.type.v1 import explanation_pb2, value_pb2
from rich.console import Console


def drawn(explanation: explanation_pb2.Explanation) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(explanations.tree("why", explanation))
    return captured.get()


def test_a_literal_is_said_once_and_a_tag_with_its_value() -> None:
    female = value_pb2.Value(text_value="female")
    explanation = explanation_pb2.Explanation(
        text="gender = 'female'",
        parts=[
            explanation_pb2.Explanation(text="gender", value=female),
            explanation_pb2.Explanation(text="'female'", value=female),
            explanation_pb2.Explanation(text="1", value=value_pb2.Value(number_value=10_000)),
        ],
    )
    said = drawn(explanation)
    assert "gender = female" in said
    assert "'female' = female" not in said
    assert "1 = 1" not in said


def test_a_catalogue_that_is_all_new_has_no_column_of_changed_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    change = tag_service_pb2.TagDifference(tag_id="city", kind=tag_service_pb2.TAG_CHANGE_KIND_CREATED)
    tags._say(tag_service_pb2.ApplyTagsResponse(differences=[change]), only_plan=True)
    said = capsys.readouterr().out
    assert "city" in said
    assert "fields" not in said


def test_a_day_is_told_as_a_date() -> None:
    assert lake._day(20_758) == "2026-11-01"
