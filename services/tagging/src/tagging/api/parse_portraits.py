"""Requests about portraits as the use cases take them, limits checked."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import portrait_template_pb2 as template_pb
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Scalar
from rules.values import normal_text
from servicekit.errors import InvalidField
from servicekit.principal import Principal
from servicekit.rights import may
from tagging.api.parse_tags import MAX_PORTRAIT_TAGS, at_most, readable_grades
from tagging.app.portraits.looks import Look
from tagging.catalogue.messages import value_of
from tagging.domain.definition import Wording
from tagging.domain.portrait_description import Language
from tagging.domain.portrait_phrases import Phrase, TagPhrases
from tagging.domain.portrait_template import MemberClass, PortraitTemplate, TagCondition, TemplateGroup
from tagging.errors import TemplateRefused

MAX_PORTRAITS = 100
MAX_EVENT_TYPES = 100
MAX_TIMELINE_PAGE = 500
TIMELINE_PAGE = 50
MAX_TEMPLATE_PAGE = 200
WRITE_TEMPLATES = "tagging.templates.write"
_LANGUAGES: Mapping[int, Language | None] = {
    pb.LANGUAGE_UNSPECIFIED: None,
    pb.LANGUAGE_ZH: Language.ZH,
    pb.LANGUAGE_EN: Language.EN,
}
KEPT_LOOKS = 4_096


def look_of(principal: Principal, request: pb.GetPortraitRequest | pb.BatchGetPortraitsRequest) -> Look:
    """Raises BatchTooLarge, InvalidField."""
    at_most("tag_ids", request.tag_ids, MAX_PORTRAIT_TAGS)
    return _look(
        principal, tuple(request.tag_ids), request.template_id, request.language, request.without_timeline
    )


@lru_cache(maxsize=KEPT_LOOKS)
def _look(
    principal: Principal,
    tag_ids: tuple[str, ...],
    template_id: str,
    language: int,
    without_timeline: bool,
) -> Look:
    if tag_ids and template_id:
        raise InvalidField("template_id", "stands together with tag_ids: name either")
    if language not in _LANGUAGES:
        raise InvalidField("language", "is none of LANGUAGE_ZH, LANGUAGE_EN")
    return Look(
        tag_ids=tag_ids,
        template_id=template_id,
        language=_LANGUAGES[language],
        has_timeline=not without_timeline,
        grades=readable_grades(principal),
        roles=principal.roles,
        reads_all_templates=may(principal, WRITE_TEMPLATES),
    )


def template_of(message: template_pb.PortraitTemplate) -> PortraitTemplate:
    """Raises TemplateRefused for what is no value; its limits are checked where it is kept."""
    return PortraitTemplate(
        template_id=message.template_id,
        name=_wording(message.name),
        groups=tuple(TemplateGroup(_wording(each.name), tuple(each.tag_ids)) for each in message.groups),
        member_class=_member_class(message) if message.HasField("member_class") else None,
        roles=tuple(message.roles),
        phrases=tuple(
            TagPhrases(each.tag_id, _phrases(message.template_id, each.tag_id, each.phrases))
            for each in message.phrases
        ),
    )


def _member_class(message: template_pb.PortraitTemplate) -> MemberClass:
    said = message.member_class
    name = _wording(said.name)
    if said.WhichOneof("condition") != "tag":
        return MemberClass(name, said.rule)
    value = _scalar(message.template_id, "member_class.tag", said.tag.value)
    if value is None:
        raise TemplateRefused(message.template_id, "member_class.tag", "has no value")
    return MemberClass(name, TagCondition(said.tag.tag_id, value))


def _phrases(template_id: str, tag_id: str, messages: Sequence[template_pb.Phrase]) -> tuple[Phrase, ...]:
    where = f"phrases of {tag_id}"
    return tuple(
        Phrase(
            _wording(each.text),
            _wording(each.word),
            _scalar(template_id, where, each.equals),
            _scalar(template_id, where, each.at_least),
            _scalar(template_id, where, each.below),
        )
        for each in messages
    )


def _scalar(template_id: str, field: str, message: value_pb2.Value) -> Scalar | None:
    try:
        found = value_of(message)
    except ValueError as error:
        raise TemplateRefused(template_id, field, str(error)) from error
    if isinstance(found, tuple):
        raise TemplateRefused(template_id, field, "is a list where a plain value is needed")
    return found


def _wording(message: tag_pb2.TagText) -> Wording:
    return Wording(normal_text(message.zh), normal_text(message.en))
