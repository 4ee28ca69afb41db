"""Persons as identity states them, and what an applied statement changes here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from rules.evaluate.meaning import Value

NO_PROFILING = "no_profiling"
"""identity's attribute of persons who object to profiling."""


class PersonState(IntEnum):
    """The numbers are those of huaxiang.tagging.v1.UniverseState."""

    ANONYMOUS = 1
    KNOWN = 2
    MEMBER = 3
    REDIRECTED = 4
    ERASED = 5

    @property
    def is_living(self) -> bool:
        """Whether the id stands for a person of its own."""
        return self <= PersonState.MEMBER


@dataclass(frozen=True, slots=True)
class Person:
    """A person id and all that identity says of it; of two statements the one of the higher version holds.

    redirect_person_id  whom it stands for when redirected, else 0
    key_ids             ascending; empty unless living
    birth_hash          unsigned 64 bits
    attributes          those whose release is open
    """

    person_id: int
    version: int
    state: PersonState
    redirect_person_id: int = 0
    key_ids: tuple[int, ...] = ()
    birth_hash: int = 0
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def objects(self) -> bool:
        """Whether the person objects to profiling: then nothing is derived of it."""
        return self.attributes.get(NO_PROFILING) is True


@dataclass(frozen=True, slots=True)
class PersonDelta:
    """What a batch of statements changed.

    changed    whose state, redirect or birth hash is news, in order of person_id: new entries of the universe
    overtaken  what is stored of persons of which an older statement came: another lane was faster
    touched    every id whose events, attributes or state may now differ, redirected and erased ids included:
               fold these again
    """

    changed: tuple[Person, ...] = ()
    overtaken: tuple[Person, ...] = ()
    touched: frozenset[int] = frozenset()
