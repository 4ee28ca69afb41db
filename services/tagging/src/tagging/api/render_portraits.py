"""Portraits, templates and timelines as messages."""

from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import portrait_template_pb2 as template_pb
from huaxiang.tagging.v1 import tag_pb2
from servicekit.values import timestamp_of
from tagging.api.render_tags import STATE_NAMES, timeline_event, value_of_tag
from tagging.app.portraits.compose import Comparison, ComposedPortrait
from tagging.app.portraits.timeline import TagChange
from tagging.catalogue.messages import value_message
from tagging.domain.class_profile import ClassProfile
from tagging.domain.definition import Wording
from tagging.domain.portrait_description import Description, Language
from tagging.domain.portrait_document import class_digest, etag_of
from tagging.domain.portrait_phrases import Phrase, TagPhrases
from tagging.domain.portrait_template import MemberClass, PortraitTemplate, TagCondition, TemplateGroup
from tagging.domain.shown_events import ShownEvent
from tagging.store.portrait_ports import StoredTemplate

LANGUAGES = {Language.ZH: pb.LANGUAGE_ZH, Language.EN: pb.LANGUAGE_EN}


def portrait_bytes(portrait: ComposedPortrait) -> bytes:
    """An encoded GetPortraitResponse, without attributes, as_of and revision: these differ from call to call."""
    message = pb.GetPortraitResponse(
        person_id=portrait.person.person_id,
        state=STATE_NAMES[portrait.person.state],
        values=[value_of_tag(each) for each in portrait.values],
        timeline=[timeline_event(each) for each in portrait.timeline],
        groups=[_group(each) for each in portrait.groups],
    )
    if portrait.comparison is not None:
        message.comparison.CopyFrom(_comparison(portrait.comparison))
    if portrait.description is not None:
        message.description.CopyFrom(_description(portrait.description))
    return message.SerializeToString()


def timeline_entry(entry: ShownEvent | TagChange) -> pb.TimelineEntry:
    time = timestamp_of(entry.time)
    match entry:
        case ShownEvent():
            return pb.TimelineEntry(time=time, event=timeline_event(entry))
        case TagChange(tag_id, _, old, new):
            change = pb.TagValueChange(tag_id=tag_id)
            if old is not None:
                change.old.CopyFrom(value_message(old))
            if new is not None:
                change.new.CopyFrom(value_message(new))
            return pb.TimelineEntry(time=time, change=change)


def template_message(stored: StoredTemplate, withheld: frozenset[str]) -> template_pb.PortraitTemplate:
    """`withheld`: tags that the caller may not read."""
    template, profile = stored.template, stored.profile
    message = definition_message(template)
    message.etag = etag_of(template)
    message.update_time.CopyFrom(timestamp_of(stored.update_time))
    if profile is not None and profile.made_for == class_digest(template):
        message.class_profile.CopyFrom(_profile(profile, withheld))
    return message


def definition_message(template: PortraitTemplate) -> template_pb.PortraitTemplate:
    """What people wrote, without what the service says of it."""
    message = template_pb.PortraitTemplate(
        template_id=template.template_id,
        name=_wording(template.name),
        groups=[_group(each) for each in template.groups],
        roles=template.roles,
        phrases=[_phrases(each) for each in template.phrases],
    )
    if template.member_class is not None:
        message.member_class.CopyFrom(_member_class(template.member_class))
    return message


def _group(group: TemplateGroup) -> template_pb.PortraitTemplateGroup:
    return template_pb.PortraitTemplateGroup(name=_wording(group.name), tag_ids=group.tag_ids)


def _member_class(member_class: MemberClass) -> template_pb.MemberClass:
    message = template_pb.MemberClass(name=_wording(member_class.name))
    match member_class.condition:
        case str() as rule:
            message.rule = rule
        case TagCondition(tag_id, value):
            message.tag.tag_id = tag_id
            message.tag.value.CopyFrom(value_message(value))
    return message


def _phrases(phrases: TagPhrases) -> template_pb.TagPhrases:
    return template_pb.TagPhrases(tag_id=phrases.tag_id, phrases=[_phrase(each) for each in phrases.phrases])


def _phrase(phrase: Phrase) -> template_pb.Phrase:
    message = template_pb.Phrase(text=_wording(phrase.text))
    if phrase.word.zh:
        message.word.CopyFrom(_wording(phrase.word))
    for field, bound in (
        (message.equals, phrase.equals),
        (message.at_least, phrase.at_least),
        (message.below, phrase.below),
    ):
        if bound is not None:
            field.CopyFrom(value_message(bound))
    return message


def _comparison(comparison: Comparison) -> pb.ClassComparison:
    message = pb.ClassComparison(name=_wording(comparison.member_class.name), is_member=comparison.is_member)
    if comparison.profile is not None:
        message.profile.CopyFrom(_profile(comparison.profile, comparison.withheld))
    return message


def _profile(profile: ClassProfile, withheld: frozenset[str]) -> template_pb.ClassProfile:
    message = template_pb.ClassProfile(
        run_id=profile.run_id, as_of=timestamp_of(profile.as_of), member_count=profile.member_count
    )
    for each in profile.values:
        if each.tag_id in withheld:
            message.values.add(tag_id=each.tag_id, withheld=True)
        else:
            message.values.add(
                tag_id=each.tag_id,
                value=value_message(each.value),
                kind=int(each.kind),  # the numbers are the contract's
                known_count=each.known_count,
                same_count=each.same_count,
            )
    return message


def _description(description: Description) -> pb.Description:
    parts = [
        pb.DescriptionPart(text=each.text, tag_ids=each.tag_ids, reason=each.reason)
        for each in description.parts
    ]
    return pb.Description(language=LANGUAGES[description.language], text=description.text, parts=parts)


def _wording(wording: Wording) -> tag_pb2.TagText:
    return tag_pb2.TagText(zh=wording.zh, en=wording.en)
