"""Requests about tags as the use cases take them, limits checked."""

from collections.abc import Collection, Sequence

from huaxiang.tagging.v1 import tag_pb2
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.principal import Principal
from servicekit.rights import may
from tagging.catalogue.messages import GRADES, from_message
from tagging.domain.definition import DefinitionInvalid, Grade, TagDefinition
from tagging.errors import DefinitionRefused

MAX_DEFINITIONS = 2_000
MAX_PERSONS = 1_000
MAX_TAGS = 100
MAX_PORTRAIT_TAGS = 1_000
MAX_RUN_TAGS = 2_000
MAX_FORMS = 2_000
MAX_FORM_CHARACTERS = 10_000
MAX_CONSUMER_CHARACTERS = 64
MAX_REQUEST_ID_CHARACTERS = 128


def definitions_of(messages: Sequence[tag_pb2.TagDefinition]) -> list[TagDefinition]:
    """Raises BatchTooLarge, DefinitionRefused."""
    at_most("definitions", messages, MAX_DEFINITIONS)
    try:
        return [from_message(each) for each in messages]
    except DefinitionInvalid as error:
        raise DefinitionRefused(error.tag_id, error.field, error.problem) from error


def at_most(field: str, items: Collection[object], limit: int, least: int = 0) -> None:
    """Raises BatchTooLarge, InvalidField."""
    if len(items) > limit:
        raise BatchTooLarge(field, len(items), limit)
    if len(items) < least:
        raise InvalidField(field, f"holds {len(items)} items, {least} is the least")


def named(field: str, text: str, limit: int) -> str:
    """A name that the caller chose. Raises InvalidField."""
    if not 1 <= len(text) <= limit:
        raise InvalidField(field, f"has {len(text)} characters, allowed are 1 to {limit}")
    return text


def readable_grades(principal: Principal, only: Collection[int] = ()) -> frozenset[Grade]:
    """The grades that the caller's rights cover: tagging.values.read_<grade>. Who may read values at all
    reads public and internal ones. `only`: numbers of TagGrade beyond which nothing is read; none is no limit."""
    found = {Grade.PUBLIC, Grade.INTERNAL}
    for grade in Grade:
        if may(principal, f"tagging.values.read_{grade.value}"):
            found.add(grade)
    return frozenset(each for each in found if not only or GRADES[each] in only)
