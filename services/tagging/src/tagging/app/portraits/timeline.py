"""What happened to a person, page by page, newest first."""

from collections.abc import Collection
from dataclasses import dataclass

from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.read_values import ReadValues
from tagging.domain.columns import microseconds
from tagging.domain.events import Event
from tagging.errors import PersonUnknown
from tagging.store.ports import FactStores, Place


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """`next` is where the next page begins, None on the last one."""

    person_id: int
    events: tuple[Event, ...]
    next: Place | None
    revision: Revision


class ReadTimeline:
    """Reads in the caller's snapshot; follows redirects."""

    def __init__(self, facts: FactStores, values: ReadValues) -> None:
        self._facts = facts
        self._values = values

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        types: Collection[str],
        before: Place | None,
        limit: int,
    ) -> TimelinePage:
        """`types` empty is all. Raises PersonUnknown."""
        person = self._facts.key_map.living(connection, tenant, [person_id]).get(person_id)
        if person is None:
            raise PersonUnknown(person_id)
        events = self._facts.events.latest(
            connection, tenant, person.person_id, limit + 1, types=types or None, before=before
        )
        following = None
        if len(events) > limit:
            last = events[limit - 1]
            following = Place(microseconds(last.time), last.ingest_sequence)
        return TimelinePage(
            person.person_id, tuple(events[:limit]), following, self._values.revision(connection)
        )
