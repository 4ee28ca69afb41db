"""Measures what looks find due: reads every column concerned once, in the background, and stores what came of it.

A look that a crash cuts short is made again; what it had stored by then stays beside the new measurements.
"""

import datetime as dt
from dataclasses import replace
from threading import Event
from time import perf_counter

from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.logging import logger
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.quality.contradictions import FindContradicted
from tagging.app.quality.count_values import Counted, CountValues, Question
from tagging.app.quality.looks import FindLooks, Look
from tagging.app.quality.record import Record
from tagging.app.quality.surroundings import ReadSurroundings, Surroundings
from tagging.domain.plan import Tag
from tagging.domain.quality.distribution import BinnedCounts
from tagging.domain.quality.measurement import MIN_COMPARED, MONTH, Measurement, drift_of
from tagging.store.quality_ports import QualityStores
from tagging.store.tag_ports import TagStores

TOGETHER = 20
"""Tags whose measurements one transaction stores."""
FAILURE_PAUSE = dt.timedelta(minutes=1)
"""Machine time after which a tenant whose look failed is looked at again."""
_INSTANT = dt.timedelta(microseconds=1)


class MeasureTags:
    """Blocks while it measures: call it in a thread, one at a time."""

    def __init__(
        self,
        database: Database,
        tags: TagStores,
        quality: QualityStores,
        columns: ColumnsInForce,
        find: FindLooks,
        surroundings: ReadSurroundings,
        contradicted: FindContradicted,
        record: Record,
        clock: Clock,
    ) -> None:
        self._database = database
        self._tags = tags
        self._quality = quality
        self._columns = columns
        self._find = find
        self._surroundings = surroundings
        self._contradicted = contradicted
        self._record = record
        self._clock = clock
        self._count = CountValues(tags.values)
        self._stopping = Event()
        self._not_before: dict[str, dt.datetime] = {}

    def stop(self) -> None:
        """The process ends: measuring stops before the next tag. From any thread."""
        self._stopping.set()

    def __call__(self) -> int:
        """Measures what is due; how many tags. A tenant whose look fails waits a while and holds up no other."""
        measured, now = 0, self._clock.machine_now()
        for look in self._database.read_now(self._find):
            tenant = look.tenant.name
            if self._not_before.get(tenant, now) > now:
                continue
            try:
                measured += self._measure(look)
            except Exception as error:
                self._not_before[tenant] = now + FAILURE_PAUSE
                logger().warning("tags of a tenant are not measured", tenant=tenant, exc_info=error)
        return measured

    def _measure(self, look: Look) -> int:
        tenant = look.tenant.name
        look = replace(look, mark=self._database.read_now(self._surroundings.mark, look))
        plan = self._database.read_now(self._columns.of, tenant)
        tags = [plan.tags[each] for each in sorted(look.tags) if each in plan.tags]
        contradicted, broken = self._contradicted(tenant, plan, tags)
        around = self._database.read_now(self._surroundings, look, plan, contradicted, broken)
        for start in range(0, len(tags), TOGETHER):
            measured = []
            for tag in tags[start : start + TOGETHER]:
                if self._stopping.is_set():
                    return 0
                measured.append(self._database.read_now(self._one, look, around, tag))
            self._database.write_now(self._record.measurements, tenant, measured, look)
        self._database.write_now(self._record.end, look)
        return len(tags)

    def _one(self, connection: Connection, look: Look, around: Surroundings, tag: Tag) -> Measurement:
        """Of one tag, in one snapshot."""
        started, now = perf_counter(), self._clock.now()
        tenant, tag_id = look.tenant.name, tag.tag_id
        standing_at = self._quality.measurements.standing_at
        previous = standing_at(connection, tenant, tag_id, tag.version, now - _INSTANT)
        month = standing_at(connection, tenant, tag_id, tag.version, now - MONTH)
        counted = self._counted(connection, look, around, tag, previous)
        unseen, seen = around.events(tag_id)
        return Measurement(
            tag_id=tag_id,
            version=tag.version,
            time=now,
            population=around.people(tag_id),
            known_count=counted.known_count,
            distribution=counted.distribution,
            freshness=around.freshness[tag_id],
            drift=drift_of(counted.distribution, previous, month),
            previous_known=previous.known_count if previous else None,
            volatility=around.volatility(tag_id, counted.known_count),
            validity=counted.validity,
            agreement=counted.agreement,
            use=around.use(tag_id),
            cost=around.cost(look, tag_id, previous),
            run_id=look.tags[tag_id],
            unseen_events=unseen,
            seen_events=seen,
            warnings=around.warnings(tag_id),
            measured_ms=round((perf_counter() - started) * 1_000),
        )

    def _counted(
        self,
        connection: Connection,
        look: Look,
        around: Surroundings,
        tag: Tag,
        previous: Measurement | None,
    ) -> Counted:
        shape = self._tags.values.columns(connection, look.tenant.name).get(tag.tag_id)
        if shape is None:
            return Counted()
        calendar = look.tenant.settings.calendar
        compared = previous is not None and previous.value_count >= MIN_COMPARED
        before = previous.distribution if previous and compared else None
        question = Question(
            tag.tag_id,
            shape,
            tag.definition.quality,
            calendar.day_of(self._clock.now()),
            calendar,
            before.edges if isinstance(before, BinnedCounts) else None,
            around.contradicted.get(tag.tag_id),
        )
        return self._count(connection, look.tenant.name, question)
