"""What sources say about a person, and which saying survives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Release(StrEnum):
    """How far a value travels: contact never leaves identity, portrait only to a portrait, open may become
    tags.
    """

    CONTACT = "contact"
    PORTRAIT = "portrait"
    OPEN = "open"


class ValueType(StrEnum):
    """The types an attribute may have."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class AttributeDefinition:
    """A declared attribute; `allowed` lists the texts it may have, empty for any; `source_ranks` empty: as for all.
    `objection`: a bool that stands while any source says it, whatever others say; a source takes back its own alone."""

    name: str
    type: ValueType
    release: Release
    en: str
    zh: str
    allowed: frozenset[str]
    source_ranks: Mapping[str, int] = field(default_factory=dict)
    objection: bool = False


@dataclass(frozen=True)
class AttributeDictionary:
    """The declared attributes, and the rank of each source: the lowest wins; sources not ranked come last,
    alike. An attribute may rank sources in its own way.
    """

    definitions: Mapping[str, AttributeDefinition]
    source_ranks: Mapping[str, int]

    def rank(self, statement: "AttributeStatement") -> tuple[int, bool, int, bytes]:
        """What survives of several statements is the greatest: by source, verified, latest time, value order."""
        declared = self.definitions.get(statement.name)
        if declared is not None and declared.objection:
            return int.from_bytes(statement.value), statement.verified, statement.time_us, statement.value
        ranks = self.source_ranks if declared is None or not declared.source_ranks else declared.source_ranks
        return (
            -ranks.get(statement.source, len(ranks)),
            statement.verified,
            statement.time_us,
            statement.value,
        )

    def objections(self) -> frozenset[str]:
        """The attributes by which a person objects."""
        return frozenset(name for name, declared in self.definitions.items() if declared.objection)

    def closed(self) -> frozenset[str]:
        """The attributes whose values name or locate a person."""
        return frozenset(
            name for name, declared in self.definitions.items() if declared.release is not Release.OPEN
        )


@dataclass(frozen=True, slots=True)
class AttributeStatement:
    """What a source said last of an attribute at one key. `value` is the value's canonical encoding; of a `closed`
    one, which names or locates the person, it is kept unreadable at rest."""

    name: str
    source: str
    time_us: int
    value: bytes
    closed: bool = field(default=False, compare=False)
    verified: bool = False


def sealing_place(key_id: int, name: str, source: str) -> bytes:
    """What the sealed value of a closed attribute is bound to: it opens nowhere else."""
    return f"{key_id}\0{name}\0{source}".encode()


def later(one: AttributeStatement, other: AttributeStatement) -> AttributeStatement:
    """Of two statements by one source the one that stands: a verified one, then the later; at one time the greater
    encoding, so that order does not matter.
    """
    return max(one, other, key=lambda said: (said.verified, said.time_us, said.value))


def ranked(
    statements: Iterable[AttributeStatement], dictionary: AttributeDictionary
) -> dict[str, list[AttributeStatement]]:
    """Every statement by attribute, in order of name; the one that survives first, each source once."""
    of_place: dict[tuple[str, str], AttributeStatement] = {}
    for statement in statements:
        place = (statement.name, statement.source)
        of_place[place] = later(of_place.get(place, statement), statement)
    found: dict[str, list[AttributeStatement]] = {}
    for _, statement in sorted(of_place.items()):
        found.setdefault(statement.name, []).append(statement)
    for said in found.values():
        said.sort(key=dictionary.rank, reverse=True)
    return found


def survivors(statements: Iterable[AttributeStatement], dictionary: AttributeDictionary) -> dict[str, bytes]:
    """The value of each attribute: by source rank, then verified, then latest time, then value order."""
    best: dict[str, tuple[tuple[int, bool, int, bytes], bytes]] = {}
    for statement in statements:
        strength = dictionary.rank(statement)
        if statement.name not in best or strength > best[statement.name][0]:
            best[statement.name] = (strength, statement.value)
    return {name: value for name, (_, value) in sorted(best.items())}


def parse_attributes(document: Mapping[str, Any]) -> AttributeDictionary:
    """The dictionary of a document shaped like standards/attributes.yaml. Raises ValueError on an unknown
    word.
    """
    definitions = {
        item["name"]: AttributeDefinition(
            item["name"],
            ValueType(item["type"]),
            Release(item["release"]),
            item["en"],
            item["zh"],
            frozenset(item.get("allowed", ())),
            {source: rank for rank, source in enumerate(item.get("sources", ()))},
            bool(item.get("objection", False)),
        )
        for item in document["attributes"]
    }
    ranks = {source: rank for rank, source in enumerate(document["source_ranks"])}
    return AttributeDictionary(definitions, ranks)


def parse_property_releases(document: Mapping[str, Any]) -> frozenset[str]:
    """The event properties that do not leave identity, of a document shaped like
    standards/properties.yaml.
    """
    return frozenset(document[Release.CONTACT]) | frozenset(document[Release.PORTRAIT])
