"""How the values of a tag read as parts of a sentence: phrases are data, one of a tag is chosen by its value."""

import datetime as dt
import re
from dataclasses import dataclass, field

from rules.evaluate.meaning import Scalar, Value

from .definition import Wording, kind_of

MAX_PHRASES = 50
MAX_PHRASE_CHARACTERS = 200
VALUE = "value"
AGO = "ago"
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class PhraseInvalid(ValueError):
    """A phrase breaks its limits; the text says how."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """`text` may hold {value}, {ago} and {other_tag}; the conditions are of the value's type, None asks nothing.

    word             how the value reads within a phrase of another tag; may hold {value} and {ago}
    equals           fits when the value, or one of several, is this
    at_least, below  fits from this number or date on, and before that one
    """

    text: Wording
    word: Wording = field(default_factory=Wording)
    equals: Scalar | None = None
    at_least: Scalar | None = None
    below: Scalar | None = None

    @property
    def mentioned(self) -> frozenset[str]:
        """The other tags that the text names, in either language."""
        return frozenset(_named(self.text) - {VALUE, AGO})

    @property
    def tells_time(self) -> bool:
        return AGO in _named(self.text) | _named(self.word)

    def fits(self, value: Value) -> bool:
        """Whether the conditions hold; a list fits when one of its elements does."""
        elements = value if isinstance(value, tuple) else (value,)
        return any(self._fits(each) for each in elements)

    def _fits(self, value: Scalar) -> bool:
        if self.tells_time and not isinstance(value, dt.date):
            return False
        if self.equals is not None and value != self.equals:
            return False
        return _not_before(value, self.at_least) and not (
            self.below is not None and _not_before(value, self.below)
        )


@dataclass(frozen=True, slots=True)
class TagPhrases:
    """The phrases of one tag; the first that fits is used."""

    tag_id: str
    phrases: tuple[Phrase, ...]


def check_phrases(phrases: TagPhrases) -> None:
    """Raises PhraseInvalid."""
    if not 1 <= len(phrases.phrases) <= MAX_PHRASES:
        raise PhraseInvalid(f"has {len(phrases.phrases)} phrases, allowed are 1 to {MAX_PHRASES}")
    for number, phrase in enumerate(phrases.phrases):
        where = f"phrases[{number}]: "
        for text in (phrase.text, phrase.word):
            if max(len(text.zh), len(text.en)) > MAX_PHRASE_CHARACTERS:
                raise PhraseInvalid(f"{where}is longer than {MAX_PHRASE_CHARACTERS} characters")
            if bool(text.zh) != bool(text.en):
                raise PhraseInvalid(f"{where}needs zh and en, or neither")
        if _named(phrase.word) - {VALUE, AGO}:
            raise PhraseInvalid(f"{where}a word may hold {{value}} and {{ago}} only")
        bounds = [each for each in (phrase.at_least, phrase.below) if each is not None]
        if any(isinstance(each, str | bool) for each in bounds):
            raise PhraseInvalid(f"{where}at_least and below are numbers or dates")
        if len(bounds) == 2 and kind_of(bounds[0]) is not kind_of(bounds[1]):
            raise PhraseInvalid(f"{where}at_least and below are of two types")


def _named(text: Wording) -> set[str]:
    return {*PLACEHOLDER.findall(text.zh), *PLACEHOLDER.findall(text.en)}


def _not_before(value: Scalar, bound: Scalar | None) -> bool:
    """value >= bound; true without a bound, false between values of different types."""
    if bound is None:
        return True
    if kind_of(value) is not kind_of(bound):
        return False
    return bool(value >= bound)  # type: ignore[operator]  # both are of one type
