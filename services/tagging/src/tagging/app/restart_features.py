"""Features start over when the tenant's settings change what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from servicekit.changelog import Entry
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.domain.standing import digest
from tagging.store.tag_ports import Feature, FeatureState, TagStores


class RestartFeatures:
    """`FollowSettings`: those of another meaning than before are BACKFILLING from the very transaction that takes the
    settings on, until everybody was computed anew: nobody counts by a part of the new values."""

    def __init__(self, tags: TagStores, columns: ColumnsInForce) -> None:
        self._tags = tags
        self._columns = columns

    def __call__(self, connection: Connection, tenant: str) -> Callable[[], Sequence[Entry]]:
        before = self._columns.of(connection, tenant)
        return lambda: self._restart(connection, tenant, before)

    def _restart(self, connection: Connection, tenant: str, before: ColumnPlan) -> list[Entry]:
        """One that failed is tried again: its period may be back. One whose period is gone stays as it is."""
        after = self._columns.of(connection, tenant)
        if before.dictionary.calendar == after.dictionary.calendar:
            return []
        moved = moved_by_settings(before, after)
        restarted = [
            _anew(each)
            for each in self._tags.features.all(connection, tenant).values()
            if each.state is FeatureState.FAILED or (each.state is FeatureState.LIVE and each.column in moved)
        ]
        self._tags.features.put(connection, tenant, restarted)
        return [self._tags.entries.feature(tenant, each) for each in restarted]


def moved_by_settings(before: ColumnPlan, after: ColumnPlan) -> set[str]:
    """The columns that can be computed and have another meaning than before, and what rests on them. Another time zone
    or first day of the week moves all: windows, hours and days of most of them."""
    old, new = before.dictionary.calendar, after.dictionary.calendar
    if (old.time_zone, old.week_start) != (new.time_zone, new.week_start):
        return set(after.recipes)
    known, now = _digests(before), _digests(after)
    return after.with_what_rests_on_them({each for each in now if now[each] != known.get(each)})


def _digests(plan: ColumnPlan) -> dict[str, str]:
    versions = {tag_id: tag.version for tag_id, tag in plan.tags.items()}
    return {
        column: digest(recipe, versions, plan.dictionary, profiles=plan.profiles(recipe))
        for column, recipe in plan.recipes.items()
    }


def _anew(feature: Feature) -> Feature:
    return replace(feature, state=FeatureState.BACKFILLING, done_count=0, total_count=0, failure="")
