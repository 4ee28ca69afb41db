"""What a changelog holds and what is read of it; imported from servicekit.changelog."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from servicekit.upstream import Upstream, revisions


@dataclass(frozen=True, slots=True)
class Entry:
    """A change to append. `kind` names its type ("person", "event", "value"); `tenant` is "" for the whole
    suite.

    `payload` may be a function of the entry's own position, for payloads that carry it as their version.
    """

    kind: str
    tenant: str
    payload: bytes | Callable[[int], bytes]


class StoredEntry(NamedTuple):
    """A change as read. `machine_time_ms` is since 1970; `traceparent` is set when the writing call was
    sampled."""

    lane: Lane
    position: int
    kind: str
    tenant: str
    machine_time_ms: int
    traceparent: str | None
    payload: bytes


@dataclass(frozen=True)
class Head:
    """The changelog's end at one moment. Entries at or before `oldest` are gone.

    Every consequence of `upstream`, per lane, is at or before `position` in the same lane.
    """

    epoch: str
    position: int
    live_position: int
    bulk_position: int
    oldest: int
    upstream: Upstream = field(default_factory=dict)

    def last(self, lane: Lane) -> int:
        """The position of the lane's last entry; `position` is the greater of the two lanes'."""
        return self.live_position if lane is Lane.LIVE else self.bulk_position

    def progress(self, service: str) -> Progress:
        """What a bootstrap that reads this snapshot ends with: everything is in it, both lanes."""
        through = Revision(service, self.epoch, self.position, self.position)
        return Progress(through, revisions(self.upstream))


@dataclass(frozen=True)
class Page:
    """Entries of one lane in order; everything of that lane at or before `through` that matches was read."""

    entries: tuple[StoredEntry, ...]
    through: int
    head: Head
