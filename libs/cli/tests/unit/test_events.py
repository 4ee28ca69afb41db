"""Declarations as people write them, rows with a history, and events that may not be read."""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from cli.calls import events, explanations, reference
from cli.exits import Refusal
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.type.v1 import explanation_pb2
from rich.console import Console

DOCS = Path(__file__).parents[4] / "docs/events.md"


def test_the_declaration_of_the_page_is_read_as_it_is_meant() -> None:
    said = re.search(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert said is not None
    made = events.message(yaml.safe_load(said[1]))
    assert (made.name, made.text.zh, made.grade) == ("danced", "跳舞", tag_pb2.TAG_GRADE_INTERNAL)
    mood, partner, steps = made.properties
    assert (mood.base, mood.grade, mood.purpose) == (
        tag_pb2.BASE_TYPE_TEXT,
        tag_pb2.TAG_GRADE_SENSITIVE,
        "health",
    )
    assert partner.reference_table == "items"
    assert (steps.base, steps.repeated_values) == (tag_pb2.BASE_TYPE_NUMBER, True)


def test_a_suggestion_can_be_declared() -> None:
    property_ = pb.EventProperty(name="steps", base=tag_pb2.BASE_TYPE_NUMBER, repeated_values=True)
    kept = pb.EventProperty(
        name="partner_item",
        base=tag_pb2.BASE_TYPE_TEXT,
        reference_table="items",
        grade=tag_pb2.TAG_GRADE_SENSITIVE,
        purpose="health",
    )
    made = pb.EventType(
        name="danced",
        text=tag_pb2.TagText(zh="跳舞"),
        properties=[property_, kept],
        grade=tag_pb2.TAG_GRADE_PERSONAL,
    )
    again = events.message(yaml.safe_load(yaml.safe_dump(events.document(made))))
    assert again.properties[0].base == property_.base
    assert again.properties[0].repeated_values
    assert again.text.zh == "跳舞"
    assert (again.grade, again.properties[1].purpose) == (made.grade, "health")
    assert (again.properties[1].grade, again.properties[1].reference_table) == (kept.grade, "items")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("danced", "is written as fields"),
        ({"name": "danced", "propertys": []}, "has no propertys"),
        (
            {"name": "danced", "properties": [{"name": "mood", "typ": "text"}]},
            "a property of danced has no typ",
        ),
        ({"name": "danced", "properties": [{"name": "mood", "type": "string"}]}, "is none of"),
        ({"name": "danced", "grade": "secret"}, "is none of"),
    ],
)
def test_a_document_that_is_no_declaration_is_refused(document: object, problem: str) -> None:
    with pytest.raises(Refusal, match=problem):
        events.message(document)  # type: ignore[arg-type]


def test_rows_say_from_when_they_are_in_force(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("id,brand,in_force_from,ended\ni1,A,,\ni1,B,2026-05-01,\ni1,,2026-06-01,true\n")
    since = reference.Since("2026-01-01T08:00", ZoneInfo("Asia/Shanghai"))
    first, second, last = reference._rows(file, "id", {"brand": "text"}, since)
    assert first.in_force_from.ToDatetime(dt.UTC) == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert second.in_force_from.ToDatetime(dt.UTC) == dt.datetime(2026, 4, 30, 16, tzinfo=dt.UTC)
    assert (last.ended, dict(last.columns)) == (True, {})
    (always, *_) = reference._rows(file, "id", {"brand": "text"}, reference.ALWAYS)
    assert not always.HasField("in_force_from")
    file.write_text("id,in_force_from\ni1,soon\n")
    with pytest.raises(Refusal, match="line 2: in_force_from or ended"):
        list(reference._rows(file, "id", {}, reference.ALWAYS))


def test_what_is_withheld_of_evidence_is_said() -> None:
    evidence = [
        explanation_pb2.EvidenceEvent(
            type="skin_tested", time=Timestamp(), withheld_properties=["skin_type"]
        ),
        explanation_pb2.EvidenceEvent(time=Timestamp(), withheld=True),
    ]
    explanation = explanation_pb2.Explanation(text="COUNT(x)", evidence=evidence)
    console = Console(width=100)
    with console.capture() as captured:
        console.print(explanations.tree("why", explanation))
    assert "(withheld: skin_type)" in captured.get()
    assert "UTC (withheld)" in captured.get()
    told = explanations.document(explanation)["evidence"]
    assert [each["withheld"] for each in told] == [False, True]
