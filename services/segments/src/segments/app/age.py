"""Time as it passes: rules whose truth moves with the hour or the day are looked at again."""

import datetime as dt
from collections.abc import Callable

from segments.app.record import record
from segments.app.tenant_segments import TenantSegments
from segments.app.version import Board, Version
from segments.domain.movement import Followed
from segments.domain.touched import Touched
from segments.store.ports import Stores
from servicekit.revision import Lane
from sqlalchemy import Connection

GRAIN = dt.timedelta(minutes=1)
"""On the suite's clock: how late a rule about periods of 24 hours since a moment may be."""


class AgeSegments:
    """Day windows move by tagging's rolled day (ApplyChanges); this is for what no change tells."""

    def __init__(self, board: Board, stores: Stores, now: Callable[[], dt.datetime]) -> None:
        self._board = board
        self._stores = stores
        self._now = now

    async def __call__(self) -> int:
        """Brings segments that age to the present; answers of how many tenants."""
        now = self._now()
        due = [name for name, each in self._board.current.tenants.items() if _is_due(each, now)]
        if not due:
            return 0

        def prepare(draft: Version) -> dict[str, Followed]:
            return {name: draft.writable(name).follow(Touched(), Lane.LIVE, now) for name in due}

        def store(connection: Connection, draft: Version, followed: dict[str, Followed]) -> None:
            for name in due:
                self._stores.segments.put_moment(connection, name, draft.tenant(name).moment)
            record(connection, self._stores, Lane.LIVE, followed)

        await self._board.change(prepare, store)
        return len(due)


def _is_due(segments: TenantSegments, now: dt.datetime) -> bool:
    """Whether a rule ages and the moment that answers hold for would move by the grain or to another day."""
    before, after = segments.index.as_of(segments.moment), segments.index.as_of(now)
    rules = [each.rule for each in segments.all() if each.rule is not None]
    day_of = segments.index.calendar.day_of
    if any(rule.of_the_hour for rule in rules) and after - before >= GRAIN:
        return True
    return any(rule.of_the_day for rule in rules) and day_of(after) > day_of(before)
