"""How the ids of new tags must be written, in one tenant."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rules.evaluate.meaning import text_test
from rules.patterns import MAX_PATTERN, PatternError, check_pattern
from rules.tree import TextOperator
from tagging.domain.definition import (
    MAX_DESCRIPTION_CHARACTERS,
    TAG_ID,
    Layer,
    TagDefinition,
    Wording,
)

from .categories import is_below

MAX_RULES = 100
MAX_WORDS = 1_000
MAX_WORD_CHARACTERS = 64


class NamingInvalid(ValueError):
    """The rules themselves are wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class NamingRule:
    """`layer` None: of every layer; `category` "": anywhere. The whole id must match `pattern`."""

    pattern: str
    layer: Layer | None = None
    category: str = ""
    example: str = ""
    description: Wording = field(default_factory=Wording)


@dataclass(frozen=True, slots=True)
class NamingRules:
    rules: tuple[NamingRule, ...] = ()
    reserved_words: tuple[str, ...] = ()

    @property
    def etag(self) -> str:
        return hashlib.blake2b(json.dumps(to_document(self)).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Breach:
    """Why an id is refused. `pattern` or `word` is what refuses it; `example` follows the rule."""

    problem: str
    pattern: str = ""
    word: str = ""
    example: str = ""


def check(rules: NamingRules) -> None:
    """Raises NamingInvalid for the first fault; examples must follow their own rule."""
    if len(rules.rules) > MAX_RULES:
        raise NamingInvalid("rules", f"holds {len(rules.rules)} rules, the limit is {MAX_RULES}")
    if len(rules.reserved_words) > MAX_WORDS:
        raise NamingInvalid("reserved_words", f"holds {len(rules.reserved_words)}, the limit is {MAX_WORDS}")
    for place, each in enumerate(rules.rules):
        where = f"rules[{place}]"
        if not 0 < len(each.pattern) <= MAX_PATTERN:
            raise NamingInvalid(f"{where}.pattern", f"has 1 to {MAX_PATTERN} characters")
        try:
            check_pattern(each.pattern)
        except PatternError as error:
            raise NamingInvalid(f"{where}.pattern", f"{error}; {error.hint}".rstrip("; ")) from error
        if max(len(each.description.zh), len(each.description.en)) > MAX_DESCRIPTION_CHARACTERS:
            raise NamingInvalid(
                f"{where}.description", f"the limit is {MAX_DESCRIPTION_CHARACTERS} characters"
            )
        if each.example and not (TAG_ID.fullmatch(each.example) and _follows(each, each.example)):
            raise NamingInvalid(f"{where}.example", f"'{each.example}' does not follow the rule")
    for place, word in enumerate(rules.reserved_words):
        if not 0 < len(word) <= MAX_WORD_CHARACTERS:
            raise NamingInvalid(f"reserved_words[{place}]", f"has 1 to {MAX_WORD_CHARACTERS} characters")


def breach(rules: NamingRules, tag_id: str, definition: TagDefinition | None) -> Breach | None:
    """The first rule that the id breaks. Without a definition only what holds for every tag counts."""
    for word in rules.reserved_words:
        if tag_id == word or word in tag_id.split("_"):
            return Breach(f"'{word}' is a reserved word", word=word)
    for each in rules.rules:
        if _concerns(each, definition) and not _follows(each, tag_id):
            told = each.description.en or each.description.zh
            problem = f"'{tag_id}' does not match {each.pattern}" + (f" ({told})" if told else "")
            return Breach(problem, each.pattern, "", each.example)
    return None


def _concerns(rule: NamingRule, definition: TagDefinition | None) -> bool:
    if definition is None:
        return rule.layer is None and not rule.category
    return (rule.layer is None or rule.layer is definition.layer) and is_below(
        definition.category, rule.category
    )


def _follows(rule: NamingRule, tag_id: str) -> bool:
    """In time linear in both: RE2."""
    return text_test(TextOperator.MATCHES, tag_id, f"^(?:{rule.pattern})$")


# ---------------------------------------------------------------------------------------------- documents


def to_document(rules: NamingRules) -> dict[str, Any]:
    """What the store keeps; `from_document` reads it back."""
    found = [
        {**asdict(replace(each, layer=None)), "layer": each.layer.value if each.layer else ""}
        for each in rules.rules
    ]
    return {"rules": found, "reserved_words": list(rules.reserved_words)}


def from_document(document: dict[str, Any]) -> NamingRules:
    rules = [
        NamingRule(
            each["pattern"],
            Layer(each["layer"]) if each["layer"] else None,
            each["category"],
            each["example"],
            Wording(**each["description"]),
        )
        for each in document["rules"]
    ]
    return NamingRules(tuple(rules), tuple(document["reserved_words"]))
