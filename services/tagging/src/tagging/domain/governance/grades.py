"""A tag says something of the tags and events that it rests on: whoever takes something sensitive into another grade is
told. From personal to internal is what coarser tags are for, an age band of a birth date."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from rules.event_reads import read_of_events
from rules.tree import Node
from tagging.domain.definition import Grade, TagDefinition
from tagging.domain.event_grades import EventGrades
from tagging.domain.kinds.sql import SqlKind


def lowered_events(
    definition: TagDefinition, questions: Iterable[Node], grades: EventGrades
) -> Iterator[str]:
    """A warning for each sensitive event type, or property of one, that a definition of another grade reads."""
    if definition.grade is Grade.SENSITIVE:
        return
    read: set[str] = set()
    by_query = _read_by_query(definition.kind, grades) if isinstance(definition.kind, SqlKind) else ()
    for event_type, names in (*read_of_events(questions), *by_query):
        if grades.of_type(event_type).grade is Grade.SENSITIVE:
            read.add(f"events '{event_type}'")
        read |= {
            f"'{event_type}.{name}'"
            for name in names
            if grades.of_property(event_type, name).grade is Grade.SENSITIVE
        }
    for each in sorted(read):
        yield (
            f"tag '{definition.tag_id}' is {definition.grade.value}, but reads {each}, which is sensitive: "
            "its readers learn something of that"
        )


def _read_by_query(kind: SqlKind, grades: EventGrades) -> Iterator[tuple[str, list[str]]]:
    """What SQL names of events and of their graded properties."""
    for what, event_type in kind.inputs():
        if what == "events":
            graded = (name for owner, name in grades.properties if owner == event_type)
            yield event_type, [name for name in graded if kind.mentions(name)]


def lowered(
    definition: TagDefinition, rests_on: Collection[str], others: Mapping[str, TagDefinition]
) -> Iterator[str]:
    """A warning for each sensitive tag that a definition of another grade names."""
    if definition.grade is Grade.SENSITIVE:
        return
    for tag_id in sorted(rests_on):
        other = others.get(tag_id)
        if other is not None and other.grade is Grade.SENSITIVE:
            yield (
                f"tag '{definition.tag_id}' is {definition.grade.value}, but rests on '{tag_id}', which is "
                f"{other.grade.value}: its readers learn something of that one"
            )
