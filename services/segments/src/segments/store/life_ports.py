"""What the use cases need of segments' past: versions of what was said, and members as they were each day."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from pyroaring import BitMap
from segments.domain.exports import Export, ExportState, ExportStep
from segments.domain.frozen import Frozen
from segments.domain.kept_members import SegmentDay
from segments.domain.runs import Run
from segments.domain.segment import Deletion
from segments.domain.uses import SegmentUse
from segments.domain.versions import SegmentVersion
from sqlalchemy import Connection


class SegmentVersions(Protocol):
    """Versions by (tenant, segment_id, version)."""

    def put(self, connection: Connection, tenant: str, version: SegmentVersion) -> None:
        """Stores a new version."""
        ...

    def get(
        self, connection: Connection, tenant: str, segment_id: str, version: int
    ) -> SegmentVersion | None:
        """One version; None when there is none."""
        ...

    def page(
        self, connection: Connection, tenant: str, segment_id: str, below: int | None, limit: int
    ) -> list[SegmentVersion]:
        """Newest first, those below a version."""
        ...

    def remove(self, connection: Connection, tenant: str, segment_id: str) -> None:
        """Removes all of a segment's."""
        ...


class SegmentDays(Protocol):
    """Members of days by (tenant, segment_id, day); who they were goes before how many."""

    def put(self, connection: Connection, tenant: str, day: SegmentDay) -> None:
        """Stores a day with its members; one that is stored stays as it is."""
        ...

    def taken(self, connection: Connection, tenant: str, day: dt.date) -> frozenset[str]:
        """The segments that have a row for a day."""
        ...

    def get(self, connection: Connection, tenant: str, segment_id: str, day: dt.date) -> SegmentDay | None:
        """One day with its members; None when there is no row."""
        ...

    def between(
        self, connection: Connection, tenant: str, segment_id: str, first: dt.date, last: dt.date
    ) -> list[SegmentDay]:
        """The days from the first to the last, oldest first, without members."""
        ...

    def remove(self, connection: Connection, tenant: str, segment_id: str) -> None:
        """Removes all of a segment's."""
        ...

    def remove_members_before(self, connection: Connection, day: dt.date, limit: int) -> int:
        """Removes the members of at most `limit` older days of any tenant; answers of how many."""
        ...

    def remove_before(self, connection: Connection, day: dt.date, limit: int) -> int:
        """Removes at most `limit` older days of any tenant, members too; answers how many."""
        ...


class RecycleBin(Protocol):
    """Deleted segments by (tenant, segment_id)."""

    def put(self, connection: Connection, tenant: str, deletion: Deletion) -> None:
        """Stores one that is not there."""
        ...

    def get(self, connection: Connection, tenant: str, segment_id: str) -> Deletion | None:
        """One; None when it is not there."""
        ...

    def page(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Deletion]:
        """In order of segment_id, after one."""
        ...

    def remove(self, connection: Connection, tenant: str, segment_id: str) -> None:
        """Takes one out; what is not there is fine."""
        ...

    def due(self, connection: Connection, before: dt.datetime, limit: int) -> list[tuple[str, str]]:
        """(tenant, segment_id) of some that were deleted before a moment, oldest first."""
        ...


class FrozenMembers(Protocol):
    """Members that follow no rule, or wait to follow it again, by (tenant, segment_id); those of deleted segments stay
    until the purge."""

    def put(self, connection: Connection, tenant: str, segment_id: str, frozen: Frozen | None) -> None:
        """Stores them in place of any; None removes them."""
        ...

    def get(self, connection: Connection, tenant: str, segment_id: str) -> Frozen | None:
        """A segment's; None when there are none."""
        ...

    def all(self, connection: Connection) -> Iterator[tuple[str, str, Frozen]]:
        """(tenant, segment_id, members) of all tenants."""
        ...


class SegmentUses(Protocol):
    """What consumers said of their uses, by (tenant, consumer)."""

    def replace(self, connection: Connection, tenant: str, consumer: str, uses: Sequence[SegmentUse]) -> None:
        """Stores a consumer's uses in place of what it said before."""
        ...

    def all(self, connection: Connection, tenant: str) -> list[SegmentUse]:
        """Of all consumers, in order of kind and name."""
        ...


class Runs(Protocol):
    """Runs by (tenant, run_id)."""

    def get(self, connection: Connection, tenant: str, run_id: str) -> Run | None:
        """One run; None when there is none."""
        ...

    def of_request(self, connection: Connection, tenant: str, request_id: str) -> Run | None:
        """The run that a request made; None when there is none."""
        ...

    def page(
        self, connection: Connection, tenant: str, segment_id: str, before: int | None, limit: int
    ) -> list[Run]:
        """Newest first, of a segment or, with "", of any; those of a sequence below `before`."""
        ...

    def unfinished(self, connection: Connection, tenant: str) -> int:
        """How many have not ended."""
        ...

    def add(self, connection: Connection, tenant: str, run: Run) -> Run:
        """Stores a new run with the next sequence."""
        ...

    def put(self, connection: Connection, tenant: str, run: Run) -> None:
        """Stores where a run stands."""
        ...

    def end_all(self, connection: Connection, machine_ms: int) -> int:
        """At start-up: whatever ran before has died with its process and FAILED; answers how many."""
        ...

    def remove_before(self, connection: Connection, machine_ms: int, limit: int) -> int:
        """Removes at most `limit` runs of any tenant that ended before; answers how many."""
        ...


class Exports(Protocol):
    """Exports by (tenant, export_id), their members while these may be fetched, and what was done with them."""

    def take_turns(self, connection: Connection, tenant: str) -> None:
        """First in every transaction that asks for one: two of a tenant count one after the other what there is."""
        ...

    def add(self, connection: Connection, tenant: str, export: Export, members: BitMap) -> Export:
        """Stores a new export with the next sequence."""
        ...

    def get(self, connection: Connection, tenant: str, export_id: str) -> Export | None:
        """One export; None when there is none."""
        ...

    def of_request(self, connection: Connection, tenant: str, request_id: str) -> Export | None:
        """The export that a request made; None when there is none."""
        ...

    def page(self, connection: Connection, tenant: str, before: int | None, limit: int) -> list[Export]:
        """Newest first, of a sequence below `before`."""
        ...

    def lock(self, connection: Connection, tenant: str, export_id: str) -> None:
        """First in every transaction that decides on it: two decisions at once take turns."""
        ...

    def open(self, connection: Connection, tenant: str, now: dt.datetime) -> int:
        """How many are requested or approved, and not due yet."""
        ...

    def passed(self, connection: Connection, tenant: str, subject: str, since: dt.datetime) -> int:
        """How many members the exports have together that one subject asked for after a moment, and that went by
        themselves."""
        ...

    def members(self, connection: Connection, tenant: str, export_id: str) -> BitMap | None:
        """Its frozen members; None when they are forgotten."""
        ...

    def put_state(self, connection: Connection, tenant: str, export_id: str, state: ExportState) -> None:
        """Stores where an export stands."""
        ...

    def add_step(self, connection: Connection, tenant: str, export_id: str, step: ExportStep) -> None:
        """Appends to its history."""
        ...

    def steps(self, connection: Connection, tenant: str, export_id: str) -> list[ExportStep]:
        """Its history, oldest first."""
        ...

    def forget_members(self, connection: Connection, due_before: dt.datetime) -> int:
        """Forgets the members of those that were rejected or due before a moment; answers of how many."""
        ...
