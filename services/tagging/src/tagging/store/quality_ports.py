"""What the quality of tags needs of the store.

The conventions are those of ports.py; writers hold the tenant's lock.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from servicekit.changelog import Entry
from sqlalchemy import Connection
from tagging.domain.quality.alerts import Alert, AlertKind, Finding
from tagging.domain.quality.measurement import Measurement
from tagging.domain.quality.score import Score
from tagging.domain.quality.usage import Activity


@dataclass(frozen=True, slots=True)
class Scored:
    """A measurement with the score that it had under the rules of its time."""

    measured: Measurement
    score: Score


class Measurements(Protocol):
    """Measurements by tag and moment."""

    def put(self, connection: Connection, tenant: str, measurements: Collection[Scored]) -> None:
        """One of the same tag and moment is replaced."""
        ...

    def latest(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> dict[str, Scored]:
        """By tag; a tag that was never measured is left out."""
        ...

    def page(
        self, connection: Connection, tenant: str, after: str, limit: int, max_points: int | None = None
    ) -> list[Scored]:
        """The latest of each tag above `after` in order of tag_id, of at most so many points."""
        ...

    def history(
        self, connection: Connection, tenant: str, tag_id: str, before: dt.datetime | None, limit: int
    ) -> list[Scored]:
        """Newest first, of moments below `before`."""
        ...

    def standing_at(
        self, connection: Connection, tenant: str, tag_id: str, version: int, moment: dt.datetime
    ) -> Measurement | None:
        """The latest of this version at the moment or before it."""
        ...

    def times(self, connection: Connection, tenant: str, tag_id: str) -> list[dt.datetime]:
        """Ascending."""
        ...

    def remove(
        self, connection: Connection, tenant: str, tag_id: str, times: Collection[dt.datetime]
    ) -> None: ...

    def tag_ids(self, connection: Connection, tenant: str) -> set[str]:
        """The tags of which any is kept."""
        ...

    def drop(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None:
        """Everything of these tags."""
        ...


class Alerts(Protocol):
    """Alerts, numbered from 1 in the tenant; a number is never given twice."""

    def open(
        self, connection: Connection, tenant: str, tag_ids: Collection[str] | None = None
    ) -> dict[str, dict[AlertKind, Alert]]:
        """tag -> kind -> the open one; of all tags when None. Tags without any are left out."""
        ...

    def add(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        findings: Collection[Finding],
        now: dt.datetime,
    ) -> list[Alert]:
        """Opens one for each finding, in their order."""
        ...

    def put(self, connection: Connection, tenant: str, alerts: Collection[Alert]) -> None:
        """Stores alerts that exist as they are now."""
        ...

    def page(
        self,
        connection: Connection,
        tenant: str,
        *,
        tag_id: str = "",
        with_closed: bool = False,
        before: int | None = None,
        limit: int,
    ) -> list[Alert]:
        """Newest first, of numbers below `before`; of all tags when `tag_id` is ""."""
        ...

    def forget(self, connection: Connection, tenant: str, before: dt.datetime) -> int:
        """Removes those that closed before then; how many. The one of the highest number stays."""
        ...


class TagActivities(Protocol):
    """What was counted of tags, by day of UTC."""

    def add(self, connection: Connection, tenant: str, day: dt.date, counted: Mapping[str, Activity]) -> None:
        """Adds to what was counted of that day. Reads make the day the tag's last one, unless a later one is."""
        ...

    def since(
        self, connection: Connection, tenant: str, day: dt.date, tag_ids: Collection[str] | None = None
    ) -> dict[str, Activity]:
        """All from that day on together; of all tags when None. Tags without any are left out."""
        ...

    def last_reads(self, connection: Connection, tenant: str) -> dict[str, dt.date]:
        """By tag, whatever was trimmed; tags that nobody read are left out."""
        ...

    def trim(self, connection: Connection, tenant: str, before: dt.date) -> int:
        """Removes what was counted on days before; how many rows."""
        ...

    def drop(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the looks at a tenant have come.

    run_sequence  the last run that was looked at
    day           the tenant's day at the last look at all tags
    counted       the day of UTC that counting began
    arrival       how far the events were whose types are in `event_types`
    """

    run_sequence: int
    day: dt.date
    counted: dt.date
    arrival: int = 0
    event_types: frozenset[str] = frozenset()


class QualityMarks(Protocol):
    """One mark per tenant."""

    def get(self, connection: Connection, tenant: str) -> Mark | None:
        """None before the first look."""
        ...

    def put(self, connection: Connection, tenant: str, mark: Mark) -> None: ...


@dataclass(frozen=True, slots=True)
class Population:
    """Persons who may have values: all who live, and of these the known ones."""

    living: int
    known: int


class QualityInputs(Protocol):
    """What measurements take from the tables of facts and values."""

    def population(self, connection: Connection, tenant: str) -> Population:
        """Counts over an index."""
        ...

    def of_runs(self, connection: Connection, tenant: str) -> dict[str, dt.datetime]:
        """Column -> the moment of the run that wrote its oldest block; columns without blocks are left out."""
        ...

    def latest_statement(self, connection: Connection, tenant: str, tag_id: str) -> dt.datetime | None:
        """The newest moment of what is told of persons; goes over all that is kept of the tag."""
        ...


class AlertEntries(Protocol):
    """Entries of the changelog about alerts, rendered as TagEntries are."""

    def alert(self, tenant: str, alert: Alert) -> Entry:
        """Of one that opened, or closed."""
        ...


@dataclass(frozen=True, slots=True)
class QualityStores:
    """The stores of quality, together."""

    measurements: Measurements
    alerts: Alerts
    activities: TagActivities
    marks: QualityMarks
    inputs: QualityInputs
    entries: AlertEntries
