"""A person in words, from tags and phrases: the same tags give the same words."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from rules.evaluate.meaning import Scalar, Value
from rules.values import decimal_text
from rules.windows import CalendarSettings

from .definition import AttributeKind, LayeredRuleKind, StatisticKind, TagDefinition, Wording
from .portrait_phrases import AGO, PLACEHOLDER, VALUE, Phrase, TagPhrases

MAX_PARTS = 20
LISTED_VALUES = 3
"""Values of a list that are said; the others are left out."""


class Language(Enum):
    ZH = "zh"
    EN = "en"

    def of(self, wording: Wording) -> str:
        """The wording in this language, in the other one when this is missing."""
        return (wording.zh or wording.en) if self is Language.ZH else (wording.en or wording.zh)


@dataclass(frozen=True, slots=True)
class KnownTag:
    """A tag whose value the reader may see; `as_of` is the moment that the value is of."""

    definition: TagDefinition
    value: Value
    as_of: dt.datetime


@dataclass(frozen=True, slots=True)
class Part:
    """Words, the tags that they say (the first one before all), and why they are said."""

    text: str
    tag_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Description:
    language: Language
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return ("，" if self.language is Language.ZH else ", ").join(each.text for each in self.parts)


def describe(
    known: Mapping[str, KnownTag],
    order: Sequence[str],
    phrases: Mapping[str, TagPhrases],
    speaker: "Speaker",
) -> Description:
    """The tags of `order` in that order, as far as they are known: by their phrases, else "name: value". What one part
    has said of another tag that tag does not say again."""
    parts: list[Part] = []
    said: set[str] = set()
    for tag_id in order:
        if tag_id not in known or tag_id in said:
            continue
        told = speaker.part(tag_id, known, phrases)
        if told is None:
            continue
        parts.append(told)
        said.update(told.tag_ids)
        if len(parts) == MAX_PARTS:
            break
    kept = [each for index, each in enumerate(parts) if not _said_elsewhere(each, parts[index + 1 :])]
    return Description(speaker.language, tuple(kept))


def _said_elsewhere(part: Part, later: Sequence[Part]) -> bool:
    return any(part.tag_ids[0] in each.tag_ids for each in later)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Speaks one language on one day of a tenant."""

    language: Language
    today: dt.date
    calendar: CalendarSettings

    def part(
        self, tag_id: str, known: Mapping[str, KnownTag], phrases: Mapping[str, TagPhrases]
    ) -> Part | None:
        """None when the phrase that fits says nothing."""
        words, mentioned = self._reading(tag_id, known, phrases)
        if words is None:
            told = known[tag_id]
            words = f"{self._name(told)}{self._colon}{self.value_text(told.definition, told.value)}"
        if not words:
            return None
        reasons = [self.reason(known[each]) for each in (tag_id, *mentioned)]
        return Part(words, (tag_id, *mentioned), "；".join(reasons) if self._zh else "; ".join(reasons))

    def reason(self, told: KnownTag) -> str:
        """The tag's name and value, how it is computed, and the day it is of."""
        day = self.calendar.day_of(told.as_of).isoformat()
        value = self.value_text(told.definition, told.value)
        how = self._how(told)
        said = f"{self._name(told)}{self._colon}{value}"
        if self._zh:
            return f"{said}（{how}，截至 {day}）" if how else f"{said}（截至 {day}）"
        return f"{said} ({how}, as of {day})" if how else f"{said} (as of {day})"

    def value_text(self, definition: TagDefinition, value: Value) -> str:
        """As people read it: options by their names, several one after the other."""
        elements = value if isinstance(value, tuple) else (value,)
        texts = [self._scalar_text(definition, each) for each in elements[:LISTED_VALUES]]
        return ("、" if self._zh else " and ").join(texts)

    @property
    def _zh(self) -> bool:
        return self.language is Language.ZH

    @property
    def _colon(self) -> str:
        return "：" if self._zh else ": "

    def _name(self, told: KnownTag) -> str:
        return self.language.of(told.definition.name) or told.definition.tag_id

    def _reading(
        self, tag_id: str, known: Mapping[str, KnownTag], phrases: Mapping[str, TagPhrases]
    ) -> tuple[str | None, tuple[str, ...]]:
        """The first phrase that fits and whose other tags are known, filled in, and these tags; None when none is."""
        told = known[tag_id]
        for phrase in _fitting(told, phrases):
            if not phrase.mentioned <= known.keys():
                continue
            text = phrase.text.zh if self._zh else phrase.text.en
            named = dict.fromkeys(each for each in PLACEHOLDER.findall(text) if each not in (VALUE, AGO))
            others = {each: self._word(known[each], phrases) for each in named}
            return self._filled(text, phrase, told, others), tuple(named)
        return None, ()

    def _word(self, told: KnownTag, phrases: Mapping[str, TagPhrases]) -> str:
        """How the value reads within a phrase of another tag."""
        for phrase in _fitting(told, phrases):
            if word := phrase.word.zh if self._zh else phrase.word.en:
                return self._filled(word, phrase, told, {})
        return self.value_text(told.definition, told.value)

    def _filled(self, text: str, phrase: Phrase, told: KnownTag, others: Mapping[str, str]) -> str:
        value = told.value
        if phrase.equals is not None and isinstance(value, tuple):
            value = phrase.equals
        words = {VALUE: self.value_text(told.definition, value), **others}
        if phrase.tells_time:
            words[AGO] = self._ago(told.value)
        return PLACEHOLDER.sub(lambda match: words[match[1]], text)

    def _ago(self, value: Value) -> str:
        latest = max(value) if isinstance(value, tuple) else value
        assert isinstance(latest, dt.date)
        days = (self.today - self._day(latest)).days
        if days in (-1, 0, 1):
            return {-1: "明天", 0: "今天", 1: "昨天"}[days] if self._zh else _NEAR[days]
        if self._zh:
            return f"{days}天前" if days > 0 else f"{-days}天后"
        return f"{days} days ago" if days > 0 else f"in {-days} days"

    def _day(self, value: dt.date) -> dt.date:
        return self.calendar.day_of(value) if isinstance(value, dt.datetime) else value

    def _scalar_text(self, definition: TagDefinition, value: Scalar) -> str:
        match value:
            case bool():
                return ("是" if value else "否") if self._zh else ("yes" if value else "no")
            case int():
                return decimal_text(value)
            case dt.date():
                return self._day(value).isoformat()
            case str():
                for option in definition.value_type.options:
                    if option.value == value:
                        return self.language.of(option.name) or value
                return value

    def _how(self, told: KnownTag) -> str:
        """How the value came about: the definition's own note, else what it computes."""
        definition = told.definition
        noted = self.language.of(definition.calculation)
        if noted:
            return noted
        match definition.kind:
            case AttributeKind(attribute):
                return f"资料 {attribute}" if self._zh else f"stated: {attribute}"
            case StatisticKind(expression):
                return " ".join(expression.split())
            case LayeredRuleKind(layers):
                held = next((each.when for each in layers if each.then == told.value), "")
                return " ".join(held.split())
            case _:
                return self.language.of(definition.description)


_NEAR = {-1: "tomorrow", 0: "today", 1: "yesterday"}


def _fitting(told: KnownTag, phrases: Mapping[str, TagPhrases]) -> Iterator[Phrase]:
    listed = phrases.get(told.definition.tag_id)
    return (each for each in (listed.phrases if listed else ()) if each.fits(told.value))
