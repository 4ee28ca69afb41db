"""Who may read what of events: an event type has a grade, its properties may have others."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from rules.evaluate.person import PropertyValue
from rules.event_reads import read_of_events
from rules.tree import Node
from tagging.domain.definition import Grade


@dataclass(frozen=True, slots=True)
class Grading:
    """A grade, and what a sensitive thing is kept for."""

    grade: Grade = Grade.INTERNAL
    purpose: str = ""


ORDINARY = Grading()
"""Of what nobody graded: whoever may read values reads it."""


@dataclass(frozen=True)
class EventGrades:
    """By event type, and by event type and property; what is not there is ordinary."""

    types: Mapping[str, Grading] = field(default_factory=dict)
    properties: Mapping[tuple[str, str], Grading] = field(default_factory=dict)

    def of_type(self, event_type: str) -> Grading:
        return self.types.get(event_type, ORDINARY)

    def of_property(self, event_type: str, name: str) -> Grading:
        """Readers need the type's grade, too."""
        return self.properties.get((event_type, name), ORDINARY)

    def are_open(self, event_type: str, name: str) -> bool:
        """Whether everybody who reads values may read this property."""
        ordinary = {Grade.PUBLIC, Grade.INTERNAL}
        return (
            self.of_type(event_type).grade in ordinary
            and self.of_property(event_type, name).grade in ordinary
        )


@dataclass(frozen=True)
class EventRelease:
    """What a reader with these grades may see of events."""

    grades: EventGrades
    readable: Collection[Grade]

    def shows(self, event_type: str) -> bool:
        """Whether the reader may learn that such an event happened."""
        return self.grades.of_type(event_type).grade in self.readable

    def shows_property(self, event_type: str, name: str) -> bool:
        return self.grades.of_property(event_type, name).grade in self.readable

    def released(
        self, event_type: str, properties: Mapping[str, PropertyValue]
    ) -> tuple[dict[str, PropertyValue], list[str]]:
        """What may be seen of an event that is shown, and the names of what is there beside it."""
        shown = {name: each for name, each in properties.items() if self.shows_property(event_type, name)}
        return shown, sorted(properties.keys() - shown.keys())

    def purposes(self, questions: Iterable[Node]) -> tuple[str, ...]:
        """What the sensitive types and properties that are asked about are kept for, in order."""
        read = [
            self.grades.of_type(event_type) if name is None else self.grades.of_property(event_type, name)
            for event_type, names in read_of_events(questions)
            for name in (None, *sorted(names))
        ]
        found = {each.purpose for each in read if each.grade is Grade.SENSITIVE and each.purpose}
        return tuple(sorted(found))

    def missing(self, questions: Iterable[Node]) -> Grade | None:
        """A grade that the reader lacks for what is asked, None when there is none."""
        for event_type, names in read_of_events(questions):
            if not self.shows(event_type):
                return self.grades.of_type(event_type).grade
            for name in sorted(names):
                if not self.shows_property(event_type, name):
                    return self.grades.of_property(event_type, name).grade
        return None
