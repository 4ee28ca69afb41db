"""Names as people write them to surname and given name, or nothing when a name is masked or a title alone."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_NAME_CHARS = 64
_MASKED = re.compile(r"[*●•█?]|[xX]{2,}|某")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+")
_BETWEEN = re.compile(r"[\s.,·•・\-_'’]+")


@dataclass(frozen=True, slots=True)
class Name:
    """A surname and a given name in normal form: simplified characters, or lower-case letters. Either may be empty."""

    surname: str
    given: str

    @property
    def text(self) -> str:
        """Both, as one word for comparing."""
        return self.surname + self.given


@dataclass(frozen=True)
class NameTables:
    """`compound_surnames` have two characters or more; `titles` follow a name; `simplified` maps single characters."""

    compound_surnames: frozenset[str]
    titles: tuple[str, ...]
    simplified: Mapping[int, str]

    def parse(self, written: str) -> Name | None:
        """The name that was written, None when it names nobody: empty, masked, too long, or a surname with a title."""
        text = unicodedata.normalize("NFKC", written).strip()
        if not text or len(text) > MAX_NAME_CHARS or _MASKED.search(text):
            return None
        joined = _BETWEEN.sub("", text)
        if _HAN.fullmatch(joined):
            return self._chinese(joined.translate(self.simplified))
        words = _BETWEEN.sub(" ", text).casefold().split()
        if not words or not any(character.isalpha() for character in text):
            return None
        return Name(words[-1], " ".join(words[:-1]))

    def _chinese(self, text: str) -> Name | None:
        for title in self.titles:
            if text.endswith(title):
                text = text.removesuffix(title)
                break
        if len(text) < 2:
            return None
        size = next(
            (size for size in (4, 3, 2) if len(text) > size and text[:size] in self.compound_surnames), 1
        )
        return Name(text[:size], text[size:])


def parse_name_tables(document: Mapping[str, Any]) -> NameTables:
    """The tables of a document shaped like standards/names.yaml. Raises ValueError when traditional and simplified
    characters do not pair up."""
    pairs = "".join(document["traditional_simplified"].split())
    if len(pairs) % 2:
        raise ValueError("traditional_simplified must list pairs of characters")
    return NameTables(
        frozenset(document["compound_surnames"]),
        tuple(sorted(document["titles"], key=len, reverse=True)),
        {ord(pairs[index]): pairs[index + 1] for index in range(0, len(pairs), 2)},
    )
