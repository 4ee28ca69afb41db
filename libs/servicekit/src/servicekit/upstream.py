"""How far a service has come with the services to its left: cursors, and what may be promised to the right.

Table `upstream` holds, per consumer, service and lane, an epoch and a position. A consumer's row for the
service it watches is its cursor; its other rows are the upstream that the watched service reported. The
sink writes them in the transaction that applies the changes.

A service may be reached by more than one path (activation reads identity directly and through segments). A
promise "every consequence of identity up to p is here" holds only when every path has come that far, so
`settle` takes the least over the consumers that `Sources` declares, and nothing while one of them has not
reported. Lanes are kept apart, and each lane has its own epoch: after a restore to the left the two lanes
change over one after the other.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from servicekit.driver_sql import execute, execute_many
from servicekit.revision import LANES, Lane, Revision

Sources = Mapping[str, tuple[str, ...]]
"""Consumer name -> the services whose changes reach this service through it, the watched one first."""


class Point(NamedTuple):
    """A position in an epoch; compares by epoch first, which sorts by time."""

    epoch: str
    position: int


Upstream = Mapping[tuple[str, Lane], Point]
"""(service, lane) -> how far."""


class UpstreamRow(NamedTuple):
    """A row of the table."""

    consumer: str
    service: str
    lane: int
    epoch: str
    position: int


_ADVANCE = (
    "INSERT INTO upstream (consumer, service, lane, epoch, position) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (consumer, service, lane) "
    "DO UPDATE SET epoch = excluded.epoch, position = excluded.position "
    "WHERE excluded.epoch > upstream.epoch OR "
    "(excluded.epoch = upstream.epoch AND excluded.position > upstream.position)"
)


def advance(
    connection: Connection, consumer: str, lane: Lane, through: Revision, upstream: Iterable[Revision]
) -> None:
    """Stores a consumer's cursor and the reported upstream in one lane, in the transaction that applies a
    batch.

    Never goes back: a later epoch replaces, within an epoch the greater position stays.
    """
    execute_many(
        connection,
        _ADVANCE,
        [
            (consumer, revision.service, int(lane), revision.epoch, revision.position(lane))
            for revision in (through, *upstream)
            if revision is through or revision.position(lane) > 0
        ],
    )


def reset(connection: Connection, consumer: str, revision: Revision, upstream: Iterable[Revision]) -> None:
    """Replaces all that is stored of a consumer, both lanes; what Changelog.finish_bootstrap calls."""
    forget(connection, consumer)
    for lane in LANES:
        advance(connection, consumer, lane, revision, upstream)


def forget(connection: Connection, consumer: str) -> None:
    """Removes a consumer's cursor, so that it bootstraps; in the transaction that begins a bootstrap."""
    execute(connection, "DELETE FROM upstream WHERE consumer = ?", (consumer,))


def cursor(connection: Connection, consumer: str, service: str) -> Revision | None:
    """A consumer's cursor in the service it watches; None when it has none, or lanes of different epochs."""
    rows = execute(
        connection,
        "SELECT lane, epoch, position FROM upstream WHERE consumer = ? AND service = ?",
        (consumer, service),
    ).all()
    points = {Lane(lane): Point(epoch, position) for lane, epoch, position in rows}
    if len(points) != len(LANES) or len({point.epoch for point in points.values()}) != 1:
        return None
    return Revision(service, points[Lane.LIVE].epoch, points[Lane.LIVE].position, points[Lane.BULK].position)


def settle(sources: Sources, rows: Iterable[UpstreamRow]) -> dict[tuple[str, Lane], Point]:
    """What holds over all paths. Paths in different epochs promise the later epoch from its start."""
    stored = {(row.consumer, row.service, row.lane): Point(row.epoch, row.position) for row in rows}
    paths: dict[str, list[str]] = {}
    for consumer, services in sources.items():
        for service in services:
            paths.setdefault(service, []).append(consumer)
    settled: dict[tuple[str, Lane], Point] = {}
    for service, consumers in paths.items():
        for lane in LANES:
            points = [stored.get((consumer, service, int(lane))) for consumer in consumers]
            known = [point for point in points if point is not None]
            if len(known) != len(points):
                continue
            least, most = min(known), max(known)
            settled[service, lane] = least if least.epoch == most.epoch else Point(most.epoch, 0)
    return settled


def revisions(upstream: Upstream) -> tuple[Revision, ...]:
    """The same as revisions, one per service and epoch, in a stable order; 0 where a lane promises
    nothing."""
    found: dict[tuple[str, str], Revision] = {}
    for (service, lane), point in sorted(upstream.items()):
        known = found.get((service, point.epoch), Revision(service, point.epoch))
        found[service, point.epoch] = known.at(lane, point.position)
    return tuple(found.values())
