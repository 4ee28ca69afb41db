"""Templates as documents, and their limits."""

import datetime as dt
import json

import pytest
from tagging.catalogue.files import FileInvalid
from tagging.catalogue.phrase_files import parse_templates
from tagging.domain.definition import Wording
from tagging.domain.portrait_document import etag_of, from_document, to_document
from tagging.domain.portrait_phrases import Phrase, TagPhrases
from tagging.domain.portrait_template import (
    MemberClass,
    PortraitTemplate,
    TagCondition,
    TemplateGroup,
    TemplateInvalid,
    check_limits,
)

GROUPS = (TemplateGroup(Wording("价值", "Value"), ("rfm_class", "orders")),)
NAME = Wording("客服", "Service desk")
WHOLE = PortraitTemplate(
    "desk",
    NAME,
    (*GROUPS, TemplateGroup(Wording(), ("city",))),
    MemberClass(Wording("忠诚", "Loyal"), TagCondition("stage", "loyal")),
    ("viewer", "app"),
    (
        TagPhrases(
            "orders",
            (
                Phrase(Wording("多", "many"), Wording("常", "often"), at_least=125_000),
                Phrase(Wording("旧", "old"), below=dt.date(2026, 1, 1)),
                Phrase(Wording("钟", "clock"), at_least=dt.datetime(2026, 1, 1, 8, tzinfo=dt.UTC)),
                Phrase(Wording("是", "yes"), equals=True),
                Phrase(Wording("{value}次", "{value} times")),
            ),
        ),
    ),
)


@pytest.mark.parametrize(
    "template",
    [
        WHOLE,
        PortraitTemplate("plain", NAME, GROUPS),
        PortraitTemplate("ruled", NAME, GROUPS, MemberClass(Wording(), "orders >= 2")),
    ],
)
def test_a_document_holds_all(template: PortraitTemplate) -> None:
    stored = json.loads(json.dumps(to_document(template)))
    assert from_document(stored) == template
    assert etag_of(from_document(stored)) == etag_of(template)
    check_limits(template)


def test_a_file_reads_as_it_is_written_by_hand() -> None:
    text = """
- template_id: desk
  name: {zh: 客服, en: Service desk}
  groups:
    - {name: {zh: 价值, en: Value}, tags: [rfm_class, orders]}
  member_class: {name: 忠诚, tag: {since: 2026-01-01}}
  phrases:
    - tag_id: orders
      phrases: [{at_least: 12.5, zh: 多, en: many}]
"""
    (template,) = parse_templates(text, "desk.yaml")
    assert template.member_class == MemberClass(
        Wording("忠诚", "忠诚"), TagCondition("since", dt.date(2026, 1, 1))
    )
    assert template.phrases[0].phrases[0].at_least == 125_000


BAD = [
    ({"template_id": "Desk"}, "template_id"),
    ({"name": {}}, "name"),
    ({"name": "x" * 129}, "name"),
    ({"groups": []}, "groups"),
    ({"groups": [{"tags": []}]}, "groups[0].tag_ids"),
    ({"groups": [{"tags": ["a", "b"]}, {"tags": ["a"]}]}, "groups"),
    ({"groups": [{"tags": [f"t{number}" for number in range(501)]}]}, "groups"),
    ({"groups": [{"tags": "abc"}]}, "groups[0].tags"),
    ({"roles": ["r"] * 21}, "roles"),
    ({"member_class": {"name": "x"}}, "member_class"),
    ({"member_class": {"rule": "a", "tag": {"a": 1}}}, "member_class"),
    ({"member_class": {"tag": {"a": 1, "b": 2}}}, "member_class.tag"),
    ({"member_class": {"rule": "a" * 10_001}}, "member_class.rule"),
    ({"phrases": [{"tag_id": "a", "phrases": [{"zh": "好"}]}]}, "phrases of a"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_what_breaks_a_limit_is_refused_by_its_field(change: dict[str, object], field: str) -> None:
    document = {"template_id": "desk", "name": "x", "groups": [{"tags": ["a"]}], **change}
    with pytest.raises(TemplateInvalid) as refused:
        check_limits(from_document(document))
    assert refused.value.field == field


def test_a_file_that_holds_no_templates_says_so() -> None:
    for text in ("desk", "- desk", "- {template_id: desk}", "{"):
        with pytest.raises(FileInvalid, match=r"bad\.yaml"):
            parse_templates(text, "bad.yaml")
