"""Stores what was measured, with the alerts that follow and their entries, each time in one transaction."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.quality.looks import Look
from tagging.domain.quality.alerts import (
    OF_MEASUREMENTS,
    Alert,
    AlertKind,
    Finding,
    findings,
    turn,
)
from tagging.domain.quality.measurement import Measurement
from tagging.domain.quality.retention import outdated
from tagging.domain.quality.score import score
from tagging.store.ports import FactStores
from tagging.store.quality_ports import QualityStores, Scored

OPEN = Mapping[str, Mapping[AlertKind, Alert]]


class Record:
    """`keep_days`: how long measurements, closed alerts and what was counted by day are kept."""

    def __init__(
        self,
        facts: FactStores,
        quality: QualityStores,
        columns: ColumnsInForce,
        changelog: Changelog,
        clock: Clock,
        keep_days: int,
    ) -> None:
        self._facts = facts
        self._quality = quality
        self._columns = columns
        self._changelog = changelog
        self._clock = clock
        self._keep_days = keep_days

    def measurements(
        self, connection: Connection, tenant: str, measured: Sequence[Measurement], look: Look
    ) -> None:
        """Those of tags that went meanwhile are dropped."""
        self._facts.tenants.lock(connection, tenant)
        plan = self._columns.of(connection, tenant)
        kept = [each for each in measured if each.tag_id in plan.tags]
        rules = {each.tag_id: plan.tags[each.tag_id].definition.quality for each in kept}
        scored = [Scored(each, score(each, rules[each.tag_id])) for each in kept]
        self._quality.measurements.put(connection, tenant, scored)
        is_open = self._quality.alerts.open(connection, tenant, [each.tag_id for each in kept])
        changed: list[Alert] = []
        for each in kept:
            found = list(findings(each, rules[each.tag_id]))
            decided = set(OF_MEASUREMENTS)
            if each.tag_id in look.failed:
                found.append(Finding(AlertKind.FAILED, look.failed[each.tag_id]))
            elif each.tag_id in look.computed:
                decided.add(AlertKind.FAILED)
            changed += self._turned(
                connection, tenant, each.tag_id, is_open.get(each.tag_id, {}), found, decided
            )
            times = self._quality.measurements.times(connection, tenant, each.tag_id)
            gone = outdated(times, self._clock.now(), self._keep_days)
            self._quality.measurements.remove(connection, tenant, each.tag_id, gone)
        self._tell(connection, tenant, changed)

    def end(self, connection: Connection, look: Look) -> None:
        """The look is over: its mark, what its runs took, and what is out of reach or of tags that are gone."""
        tenant, now = look.tenant.name, self._clock.now()
        self._facts.tenants.lock(connection, tenant)
        self._quality.marks.put(connection, tenant, look.mark)
        self._quality.activities.add(connection, tenant, now.date(), look.costs)
        horizon = now - dt.timedelta(days=self._keep_days)
        self._quality.activities.trim(connection, tenant, horizon.date())
        self._quality.alerts.forget(connection, tenant, horizon)
        self._leave(connection, tenant, self._columns.of(connection, tenant))

    def stale(self, connection: Connection, tenant: str, found: Mapping[str, Sequence[Finding]]) -> int:
        """What a look at freshness alone found, by every tag it looked at; how many alerts opened or closed."""
        self._facts.tenants.lock(connection, tenant)
        is_open = self._quality.alerts.open(connection, tenant, found.keys())
        changed: list[Alert] = []
        for tag_id, each in found.items():
            present = is_open.get(tag_id, {})
            if each or AlertKind.STALE in present:
                changed += self._turned(connection, tenant, tag_id, present, each, {AlertKind.STALE})
        self._tell(connection, tenant, changed)
        return len(changed)

    def _turned(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        present: Mapping[AlertKind, Alert],
        found: Sequence[Finding],
        decided: Collection[AlertKind],
    ) -> list[Alert]:
        """Stores the turn; the alerts that opened or closed."""
        now = self._clock.now()
        turned = turn(present, found, decided, now)
        opened = self._quality.alerts.add(connection, tenant, tag_id, turned.opened, now)
        self._quality.alerts.put(connection, tenant, [*turned.seen, *turned.closed])
        return [*opened, *turned.closed]

    def _leave(self, connection: Connection, tenant: str, plan: ColumnPlan) -> None:
        """Tags that are in force no more take what was kept of them along."""
        gone = self._quality.measurements.tag_ids(connection, tenant) - plan.tags.keys()
        self._quality.measurements.drop(connection, tenant, gone)
        self._quality.activities.drop(connection, tenant, gone)
        closed: list[Alert] = []
        for tag_id, present in self._quality.alerts.open(connection, tenant).items():
            if tag_id not in plan.tags:
                closed += self._turned(connection, tenant, tag_id, present, (), frozenset(AlertKind))
        self._tell(connection, tenant, closed)

    def _tell(self, connection: Connection, tenant: str, changed: Sequence[Alert]) -> None:
        if changed:
            entries = [self._quality.entries.alert(tenant, each) for each in changed]
            self._changelog.append(connection, Lane.BULK, entries)
