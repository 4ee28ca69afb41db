"""A portrait as people read it."""

import pytest
from cli.calls.tag_names import TagNames
from cli.commands.portrait_drawing import draw
from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.type.v1 import explanation_pb2, value_pb2

LEVEL = tag_pb2.TagDefinition(
    tag_id="level", name=tag_pb2.TagText(zh="等级", en="Level"), category="会员/等级"
)
LEVEL.value_type.options.add(value="gold", name=tag_pb2.TagText(zh="金卡", en="Gold\u202e"))
NAMES = {"会员": tag_pb2.TagText(zh="会员", en="Member")}
GOLD, SILVER = value_pb2.Value(text_value="gold"), value_pb2.Value(text_value="silver")
PORTRAIT = pb.GetPortraitResponse(
    person_id=7,
    state="member",
    values=[
        tag_pb2.TagValue(
            tag_id="level", value=value_pb2.Value(list_value=value_pb2.ValueList(values=[GOLD, SILVER]))
        ),
        tag_pb2.TagValue(tag_id="secret", withheld=True),
    ],
    timeline=[explanation_pb2.EvidenceEvent(type=f"e{number}") for number in range(11)],
)


def drawn(language: str, capsys: pytest.CaptureFixture[str]) -> str:
    draw(PORTRAIT, TagNames(language, {"level": LEVEL}, NAMES))
    return capsys.readouterr().out


def test_tags_and_options_are_called_by_their_names_with_their_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    english = drawn("en", capsys)
    assert "Level (level)" in english
    assert "Gold\\u202e (gold), silver" in english
    assert "Member/等级" in english
    chinese = drawn("zh", capsys)
    assert "等级 (level)" in chinese
    assert "金卡 (gold), silver" in chinese


def test_without_a_language_codes_stand_alone(capsys: pytest.CaptureFixture[str]) -> None:
    said = drawn("", capsys)
    assert "gold, silver" in said
    assert "Level" not in said


def test_what_may_not_be_read_and_what_is_not_shown_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    said = drawn("", capsys)
    assert "attributes: none, or (withheld)" in said
    assert ["secret", "(withheld)"] in [line.split() for line in said.splitlines()]
    assert "e9" in said
    assert "e10" not in said
    assert "there are more events: --json shows the latest 11" in said
