"""What is due to be measured: the tags of runs that ended since the last look, and all tags once a day has rolled."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from servicekit.clock import Clock
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.domain.columns import microseconds
from tagging.domain.quality.measurement import MONTH
from tagging.domain.quality.usage import Activity
from tagging.domain.tenants import Tenant
from tagging.store.ports import FactStores
from tagging.store.quality_ports import Mark, QualityStores
from tagging.store.tag_ports import Cost, Run, TagStores

PAGE = 20
MAX_RUNS = 500
"""Runs that one look goes back at most; of older ones the tags are measured after the next midnight."""


@dataclass(frozen=True)
class Look:
    """A turn at one tenant.

    tags      what to measure, with the run that each follows ("" after midnight)
    failed    tags of which the latest run failed, with the reason in words; of those in neither, no run tells
    computed  tags that the latest run of theirs published
    costs     what the runs took, by tag; `last` of the latest run alone
    mark      where the looks have come with this one
    """

    tenant: Tenant
    tags: Mapping[str, str]
    mark: Mark
    failed: Mapping[str, str] = field(default_factory=dict)
    computed: frozenset[str] = frozenset()
    costs: Mapping[str, Activity] = field(default_factory=dict)
    last: Mapping[str, Cost] = field(default_factory=dict)


class FindLooks:
    """Cheap when nothing is due: the newest run and the day of each tenant."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        quality: QualityStores,
        columns: ColumnsInForce,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._quality = quality
        self._columns = columns
        self._clock = clock

    def __call__(self, connection: Connection) -> list[Look]:
        found = [self._of(connection, each) for each in self._facts.tenants.all(connection)]
        return [each for each in found if each is not None]

    def due(self, connection: Connection, tenant: str) -> frozenset[str]:
        """The tags of a tenant that are to be measured, or are being measured."""
        known = self._facts.tenants.get(connection, tenant)
        look = None if known is None else self._of(connection, known)
        return frozenset() if look is None else frozenset(look.tags)

    def _of(self, connection: Connection, tenant: Tenant) -> Look | None:
        mark = self._quality.marks.get(connection, tenant.name)
        is_new_day = mark is None or tenant.day > mark.day
        runs = self._ended(connection, tenant.name, mark.run_sequence if mark else 0)
        if not runs and not is_new_day:
            return None
        plan = self._columns.of(connection, tenant.name)
        before = mark or Mark(0, dt.date.min, self._clock.now().date())
        sequence = runs[-1].sequence if runs else before.run_sequence
        after = Mark(
            sequence, max(before.day, tenant.day), before.counted, before.arrival, before.event_types
        )
        since_ms = microseconds(self._clock.machine_now() - MONTH) // 1_000
        return _look(tenant, plan, runs, after, since_ms, everything=is_new_day)

    def _ended(self, connection: Connection, tenant: str, after: int) -> list[Run]:
        """Runs of a higher sequence, ascending, up to the first that has not ended."""
        found: list[Run] = []
        before: int | None = None
        size = 1
        while len(found) < MAX_RUNS:
            page = self._tags.runs.page(connection, tenant, before, size)
            news = [run for run in page if run.sequence > after]
            found += news
            if len(news) < size:
                break
            before, size = news[-1].sequence, PAGE
        ended: list[Run] = []
        for run in reversed(found):
            if not run.state.is_final:
                break
            ended.append(run)
        return ended


def _look(
    tenant: Tenant, plan: ColumnPlan, runs: list[Run], mark: Mark, since_ms: int, *, everything: bool
) -> Look:
    """What runs took that ended before `since_ms` belongs to no month."""
    tags = dict.fromkeys(plan.tags, "") if everything else {}
    failed: dict[str, str] = {}
    computed: set[str] = set()
    costs: dict[str, Activity] = {}
    last: dict[str, Cost] = {}
    for run in runs:
        for tag_id, failure in run.failures.items():
            if tag_id in plan.tags:
                failed[tag_id] = failure.detail
                computed.discard(tag_id)
                tags[tag_id] = run.run_id
        for tag_id in run.coverage.keys() & plan.tags.keys():
            failed.pop(tag_id, None)
            computed.add(tag_id)
            tags[tag_id] = run.run_id
        for tag_id, cost in run.costs.items():
            if tag_id in plan.tags:
                last[tag_id] = cost
                if (run.ended_ms or 0) < since_ms:
                    continue
                spent = Activity(compute_ms=cost.milliseconds, rows_read=cost.rows_read)
                costs[tag_id] = costs.get(tag_id, Activity()).plus(spent)
    return Look(tenant, tags, mark, failed, frozenset(computed), costs, last)
