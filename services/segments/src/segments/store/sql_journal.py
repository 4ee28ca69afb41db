"""Journal on SQLite and PostgreSQL: the kit's changelog and upstream table."""

from collections.abc import Callable, Mapping

from pyroaring import BitMap
from segments.domain.movement import Followed, Movement
from segments.domain.segment import Segment
from servicekit.changelog import Changelog, Entry, Head
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from servicekit.upstream import advance, cursor, forget, revisions
from sqlalchemy import Connection

CONSUMER = "tagging"
SEGMENT_KIND = "segment"
DELETED_KIND = "deleted"
MEMBERS_KIND = "members"
PERSONS_PER_ENTRY = 65_536


class SqlJournal:
    """Implements Journal. The three functions render payloads: a serialized Change without tenant and position."""

    def __init__(
        self,
        changelog: Changelog,
        render_movement: Callable[[Movement], bytes],
        render_segment: Callable[[Segment], bytes],
        render_deletion: Callable[[str], bytes],
    ) -> None:
        self._changelog = changelog
        self._render_movement = render_movement
        self._render_segment = render_segment
        self._render_deletion = render_deletion

    def append(self, connection: Connection, lane: Lane, followed: Mapping[str, Followed]) -> Revision:
        entries = []
        for tenant, each in followed.items():
            entries += [
                Entry(DELETED_KIND, tenant, self._render_deletion(segment_id)) for segment_id in each.deleted
            ]
            entries += [Entry(SEGMENT_KIND, tenant, self._render_segment(item)) for item in each.segments]
            for movement in each.movements:
                entries += [
                    Entry(MEMBERS_KIND, tenant, self._render_movement(part)) for part in _parts(movement)
                ]
        upstream = self._changelog.head(connection).upstream
        return self._changelog.append(connection, lane, entries, rests_on=revisions(upstream))

    def head(self, connection: Connection) -> Head:
        return self._changelog.head(connection)

    def cursor(self, connection: Connection) -> Revision | None:
        found = cursor(connection, CONSUMER, CONSUMER)
        if found is None:
            return None
        slower = min(found.live, found.bulk)
        return found.at(Lane.LIVE, slower).at(Lane.BULK, slower)

    def advance(self, connection: Connection, lane: Lane, progress: Progress) -> None:
        advance(connection, CONSUMER, lane, progress.through, progress.upstream)

    def finish_bootstrap(self, connection: Connection, progress: Progress) -> None:
        self._changelog.finish_bootstrap(connection, CONSUMER, progress)

    def forget(self, connection: Connection) -> None:
        forget(connection, CONSUMER)


def settled_position(connection: Connection) -> int:
    """Up to where both lanes of tagging are told, so that none overtakes the other; 0 as long as that is not known."""
    told = cursor(connection, CONSUMER, CONSUMER)
    return 0 if told is None else min(told.live, told.bulk)


def _parts(movement: Movement) -> list[Movement]:
    """The same in entries of bounded size."""
    if len(movement.entered) + len(movement.left) <= PERSONS_PER_ENTRY:
        return [movement]
    parts = []
    for moved in (movement.entered, movement.left):
        persons = moved.to_array()
        for start in range(0, len(persons), PERSONS_PER_ENTRY):
            parts.append(movement.part(BitMap(persons[start : start + PERSONS_PER_ENTRY])))
    return parts
