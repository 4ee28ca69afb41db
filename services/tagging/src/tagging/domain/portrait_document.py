"""A template as a plain document: what YAML files hold and what the store keeps.

    template_id: service_desk
    name: {zh: 客服, en: Service desk}
    groups:
      - {name: {zh: 价值, en: Value}, tags: [rfm_class, lifecycle_stage]}
    member_class: {name: {zh: 忠诚, en: Loyal}, tag: {lifecycle_stage: loyal}}      # or rule: ...
    roles: [viewer]
    phrases:
      - tag_id: rfm_frequency
        phrases:
          - {at_least: 12, zh: 常客, en: buys often, word: {zh: 经常, en: often}}
          - {zh: "买过{value}次", en: "bought {value} times"}

Numbers, dates and moments are as YAML has them, or {number: "1.5"}, {date: ...}, {datetime: ...}, which JSON can hold.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from rules.evaluate.meaning import Scalar
from rules.values import decimal_text, normal_text, scaled

from .definition import Wording
from .portrait_phrases import Phrase, TagPhrases
from .portrait_template import MemberClass, PortraitTemplate, TagCondition, TemplateGroup, TemplateInvalid

Document = dict[str, Any]
_FIELDS = {"template_id", "name", "groups", "member_class", "roles", "phrases"}


def etag_of(template: PortraitTemplate) -> str:
    """Changes with every change of the template."""
    text = json.dumps(to_document(template), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def class_digest(template: PortraitTemplate) -> str:
    """Changes when the class or the tags do: what is typical is to be found anew."""
    text = json.dumps([_class_document(template.member_class), sorted(template.tag_ids)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def to_document(template: PortraitTemplate) -> Document:
    """Without what is empty; `from_document` reads it back."""
    found: Document = {
        "template_id": template.template_id,
        "name": _wording_document(template.name),
        "groups": [
            {"name": _wording_document(each.name), "tags": list(each.tag_ids)} for each in template.groups
        ],
        "member_class": _class_document(template.member_class),
        "roles": list(template.roles),
        "phrases": [phrases_document(each) for each in template.phrases],
    }
    return {name: value for name, value in found.items() if value}


def from_document(document: Mapping[str, Any]) -> PortraitTemplate:
    """Raises TemplateInvalid with the field that is wrong."""
    return _Reader(str(document.get("template_id", ""))).template(document)


def phrases_document(phrases: TagPhrases) -> Document:
    listed = []
    for phrase in phrases.phrases:
        found: Document = {
            name: scalar_document(bound)
            for name in ("equals", "at_least", "below")
            if (bound := getattr(phrase, name)) is not None
        }
        if phrase.word.zh:
            found["word"] = _wording_document(phrase.word)
        listed.append(found | {"zh": phrase.text.zh, "en": phrase.text.en})
    return {"tag_id": phrases.tag_id, "phrases": listed}


def phrases_from_document(where: str, document: Mapping[str, Any]) -> TagPhrases:
    """Of a list of phrases that belongs to no template; `where` names it. Raises TemplateInvalid."""
    return _Reader(where).tag_phrases(0, document)


def scalar_document(value: Scalar) -> Any:
    """Bool, texts as they are; numbers as {number: "1.5"}, dates as {date: ...}, moments as {datetime: ...}."""
    match value:
        case bool() | str():
            return value
        case int():
            return {"number": decimal_text(value)}
        case dt.datetime():
            return {"datetime": value.isoformat()}
        case dt.date():
            return {"date": value.isoformat()}


def scalar_from_document(given: Any) -> Scalar:
    """What `scalar_document` wrote. Raises TemplateInvalid for anything else."""
    return _Reader("").scalar("value", given)


def _class_document(member_class: MemberClass | None) -> Document:
    if member_class is None:
        return {}
    named: Document = {"name": _wording_document(member_class.name)}
    match member_class.condition:
        case str() as rule:
            return named | {"rule": rule}
        case TagCondition(tag_id, value):
            return named | {"tag": {tag_id: scalar_document(value)}}


def _wording_document(wording: Wording) -> Document:
    return {name: text for name, text in (("zh", wording.zh), ("en", wording.en)) if text}


class _Reader:
    """Reads what may hold anything; `template_id` goes into every fault."""

    def __init__(self, template_id: str) -> None:
        self._template_id = template_id

    def template(self, document: Mapping[str, Any]) -> PortraitTemplate:
        if unknown := sorted(map(str, document.keys() - _FIELDS)):
            raise self.fail(unknown[0], f"is not known; known are {', '.join(sorted(_FIELDS))}")
        return PortraitTemplate(
            template_id=self._template_id,
            name=self._wording("name", document.get("name")),
            groups=tuple(
                self._group(f"groups[{number}]", each)
                for number, each in enumerate(self._listed("groups", document.get("groups")))
            ),
            member_class=self._member_class(document.get("member_class")),
            roles=tuple(str(each) for each in self._listed("roles", document.get("roles"))),
            phrases=tuple(
                self.tag_phrases(number, each)
                for number, each in enumerate(self._listed("phrases", document.get("phrases")))
            ),
        )

    def tag_phrases(self, number: int, given: object) -> TagPhrases:
        known = self._known(f"phrases[{number}]", given, {"tag_id", "phrases"})
        tag_id = str(known.get("tag_id", ""))
        where = f"phrases of {tag_id}"
        listed = self._listed(where, known.get("phrases"))
        return TagPhrases(tag_id, tuple(self._phrase(where, each) for each in listed))

    def fail(self, field: str, problem: str) -> TemplateInvalid:
        return TemplateInvalid(self._template_id, field, problem)

    def _group(self, where: str, given: object) -> TemplateGroup:
        known = self._known(where, given, {"name", "tags"})
        tags = self._listed(f"{where}.tags", known.get("tags"))
        return TemplateGroup(self._wording(f"{where}.name", known.get("name")), tuple(map(str, tags)))

    def _member_class(self, given: object) -> MemberClass | None:
        if given is None:
            return None
        known = self._known("member_class", given, {"name", "rule", "tag"})
        name = self._wording("member_class.name", known.get("name"))
        if "tag" not in known:
            return MemberClass(name, str(known.get("rule", "")))
        if "rule" in known:
            raise self.fail("member_class", "has both a rule and a tag")
        tag = known["tag"]
        if not isinstance(tag, Mapping) or len(tag) != 1:
            raise self.fail("member_class.tag", "names one tag and its value: {lifecycle_stage: loyal}")
        ((tag_id, value),) = tag.items()
        return MemberClass(name, TagCondition(str(tag_id), self.scalar("member_class.tag", value)))

    def _phrase(self, where: str, given: object) -> Phrase:
        known = self._known(where, given, {"zh", "en", "word", "equals", "at_least", "below"})
        bounds = {
            name: self.scalar(f"{where}.{name}", known[name])
            for name in ("equals", "at_least", "below")
            if name in known
        }
        text = {name: known[name] for name in ("zh", "en") if name in known}
        word = self._wording(f"{where}.word", known.get("word"))
        return Phrase(self._wording(where, text), word, **bounds)

    def _wording(self, where: str, given: object) -> Wording:
        if isinstance(given, str):
            return Wording(normal_text(given), normal_text(given))
        known = self._known(where, given or {}, {"zh", "en"})
        texts = {name: known.get(name, "") for name in ("zh", "en")}
        if not all(isinstance(each, str) for each in texts.values()):
            raise self.fail(where, "is not a text")
        return Wording(normal_text(texts["zh"]), normal_text(texts["en"]))

    def scalar(self, where: str, given: object) -> Scalar:
        match given:
            case bool():
                return given
            case str():
                return normal_text(given)
            case int() | float():
                return self._number(where, given)
            case dt.datetime() if given.tzinfo is not None:
                return given.astimezone(dt.UTC)
            case dt.datetime():
                raise self.fail(where, f"lacks a time zone: {given}")
            case dt.date():
                return given
            case {"number": number}:
                return self._number(where, number)
            case {"date": str() as date}:
                return self._parsed(where, dt.date.fromisoformat, date)
            case {"datetime": str() as moment}:
                return self.scalar(where, self._parsed(where, dt.datetime.fromisoformat, moment))
        raise self.fail(where, f"is not a value: {given!r}")

    def _number(self, where: str, given: object) -> int:
        try:
            return scaled(format(Decimal(str(given)), "f"))
        except (InvalidOperation, ValueError):
            raise self.fail(where, f"is not a number with at most four decimals: {given!r}") from None

    def _parsed(self, where: str, parse: Callable[[str], Scalar], given: str) -> Scalar:
        try:
            return parse(given)
        except ValueError:
            raise self.fail(where, f"is not a date: {given!r}") from None

    def _listed(self, where: str, given: object) -> Sequence[Any]:
        if given is None:
            return ()
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise self.fail(where, "is not a list")
        return given

    def _known(self, where: str, given: object, names: set[str]) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            raise self.fail(where, "is not a mapping")
        if unknown := sorted(map(str, given.keys() - names)):
            raise self.fail(f"{where}.{unknown[0]}", f"is not known; known are {', '.join(sorted(names))}")
        return given
