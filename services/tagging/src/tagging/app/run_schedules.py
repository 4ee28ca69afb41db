"""Starts the runs that schedules ask for: the mark of what was seen and the run that follows are one transaction."""

import datetime as dt
from collections.abc import Callable

from servicekit.clock import Clock
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.domain.schedule import OnEvent, OnTag, Schedule
from tagging.domain.schedule_turns import News, Seen, Start, Turn, turn
from tagging.store.ports import FactStores
from tagging.store.tag_ports import Run, RunState, TagStores
from tagging.store.value_ports import TagNews


class RunSchedules:
    """News are looked at once in a minute of the suite's clock, so that those of one minute start one run."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        news: TagNews,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._news = news
        self._clock = clock
        self._new_id = new_id
        self._minutes: dict[str, dt.datetime] = {}

    def tenants(self, connection: Connection) -> list[str]:
        """Those with anything to mark or to start."""
        return [
            each.name
            for each in self._facts.tenants.all(connection)
            if self._turn(connection, each.name).marks
        ]

    def start(self, connection: Connection, tenant: str) -> list[Run]:
        """Marks what is seen and answers the runs that it starts. What a run that has not begun yet will compute anyway
        starts no other."""
        self._facts.tenants.lock(connection, tenant)
        found = self._turn(connection, tenant)
        stored = {tag_id: (each.schedule, each.mark) for tag_id, each in found.marks.items()}
        self._tags.schedules.put(connection, tenant, stored)
        waiting = self._waiting(connection, tenant)
        runs = []
        for each in found.starts:
            left = tuple(tag_id for tag_id in each.tag_ids if tag_id not in waiting)
            if left:
                runs.append(self._start(connection, tenant, Start(each.cause, each.because, left)))
        if found.marks:
            self._minutes[tenant] = _minute(self._clock.now())
        return runs

    def _start(self, connection: Connection, tenant: str, start: Start) -> Run:
        run_id = self._new_id()
        return self._tags.runs.add(
            connection,
            tenant,
            run_id,
            f"{start.cause.value}-{run_id}",
            start.tag_ids,
            start.cause,
            start.because,
        )

    def _waiting(self, connection: Connection, tenant: str) -> set[str]:
        """Tags that scheduled runs ask for which have not begun."""
        return {
            tag_id
            for owner, run in self._tags.runs.unfinished(connection)
            if owner == tenant and run.state is RunState.PENDING
            for tag_id in run.tag_ids
        }

    def _turn(self, connection: Connection, tenant: str) -> Turn:
        plan = self._columns.of(connection, tenant)
        scheduled = {
            tag_id: tag.definition.schedule
            for tag_id, tag in plan.tags.items()
            if tag.definition.schedule is not None and tag_id in plan.recipes
        }
        state = self._facts.tenants.get(connection, tenant)
        if state is None or not scheduled:
            return Turn({})
        seen = {
            tag_id: Seen(*each)
            for tag_id, each in self._tags.schedules.all(connection, tenant).items()
            if tag_id in scheduled
        }
        now = self._clock.now()
        news = None
        if self._minutes.get(tenant) != _minute(now):
            news = self._news_since(connection, tenant, scheduled, seen)
        return turn(scheduled, seen, now, state.settings.calendar, news)

    def _news_since(
        self, connection: Connection, tenant: str, scheduled: dict[str, Schedule], seen: dict[str, Seen]
    ) -> News | None:
        events = {tag_id for tag_id, each in scheduled.items() if isinstance(each, OnEvent)}
        tags = {tag_id for tag_id, each in scheduled.items() if isinstance(each, OnTag)}
        if not events and not tags:
            return None
        arrival, position = self._news.heads(connection, tenant)
        return News(
            arrival,
            position,
            {
                mark: self._news.types_since(connection, tenant, mark)
                for mark in {seen[each].mark for each in events & seen.keys()}
            },
            {
                mark: self._news.columns_since(connection, tenant, mark)
                for mark in {seen[each].mark for each in tags & seen.keys()}
            },
        )


def _minute(moment: dt.datetime) -> dt.datetime:
    return moment.replace(second=0, microsecond=0)
