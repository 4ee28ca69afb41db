"""What all tags of a look are measured against, of one snapshot: people, use, cost, and which events ever came."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rules.tree import Aggregate, EventFilter
from rules.values import SCALE
from rules.walk import walk
from servicekit.clock import Clock
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.quality.freshness import ReadFreshness
from tagging.app.quality.looks import Look
from tagging.app.quality.users import FindUsers, UsersOfTags
from tagging.domain.columns import Ints
from tagging.domain.quality.measurement import Cost, Freshness, Measurement, Use
from tagging.domain.quality.usage import MONTH_DAYS, NOTHING, VOLATILE_DAYS, Activity
from tagging.domain.recipe import Recipe
from tagging.store.quality_ports import Mark, Population, QualityStores
from tagging.store.value_ports import TagNews

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Surroundings:
    """`month` and `week`: what was counted by tag; `counted_days`: days of counting, today included.

    contradicted, broken  by tag: of whom its rule of contradiction holds, or why that cannot be computed
    """

    plan: ColumnPlan
    population: Population
    freshness: Mapping[str, Freshness]
    month: Mapping[str, Activity]
    week: Mapping[str, Activity]
    last_reads: Mapping[str, dt.date]
    users: UsersOfTags
    counted_days: int
    event_types: frozenset[str]
    contradicted: Mapping[str, Ints]
    broken: Mapping[str, str]

    def people(self, tag_id: str) -> int:
        """Persons who may have a value."""
        recipe = self.plan.recipes.get(tag_id)
        everybody = recipe is not None and recipe.everybody
        return self.population.living if everybody else self.population.known

    def events(self, tag_id: str) -> tuple[tuple[str, ...], int]:
        """The types that the tag rests on and that never came, and how many did."""
        recipe = self.plan.recipes.get(tag_id)
        events = events_of(recipe) if recipe else frozenset()
        return tuple(sorted(events - self.event_types)), len(events & self.event_types)

    def volatility(self, tag_id: str, known_count: int) -> int | None:
        """Scaled; more than 1 when values change more than once a day."""
        found = self.week.get(tag_id)
        if found is None or not known_count:
            return None
        return found.changes * SCALE // (known_count * max(1, min(VOLATILE_DAYS, self.counted_days)))

    def use(self, tag_id: str) -> Use:
        tags, segments, campaigns = self.users.counts(tag_id)
        reads, last = self.month.get(tag_id, NOTHING).reads, self.last_reads.get(tag_id)
        return Use(reads, last, self.counted_days < MONTH_DAYS, tags, segments, campaigns)

    def cost(self, look: Look, tag_id: str, previous: Measurement | None) -> Cost:
        """With what the runs of this look took, which is not added to the days yet."""
        last = look.last.get(tag_id)
        month = self.month.get(tag_id, NOTHING).plus(look.costs.get(tag_id, NOTHING))
        before = previous.cost if previous else Cost()
        return Cost(
            last.milliseconds if last else before.last_ms,
            last.rows_read if last else before.last_rows,
            month.compute_ms,
            month.rows_read,
        )

    def warnings(self, tag_id: str) -> tuple[str, ...]:
        found = (self.plan.broken.get(tag_id), self.broken.get(tag_id))
        return tuple(each for each in found if each is not None)


class ReadSurroundings:
    """Reads in the caller's snapshot."""

    def __init__(
        self,
        quality: QualityStores,
        columns: ColumnsInForce,
        freshness: ReadFreshness,
        users: FindUsers,
        news: TagNews,
        clock: Clock,
    ) -> None:
        self._quality = quality
        self._columns = columns
        self._freshness = freshness
        self._users = users
        self._news = news
        self._clock = clock

    def mark(self, connection: Connection, look: Look) -> Mark:
        """With the types of events that ever came: looked for only while one that a tag rests on did not, among the
        events that arrived since."""
        mark, tenant = look.mark, look.tenant.name
        plan = self._columns.of(connection, tenant)
        wanted = {name for recipe in plan.recipes.values() for name in events_of(recipe)}
        if wanted <= mark.event_types:
            return mark
        arrival, _ = self._news.heads(connection, tenant)
        new = self._news.types_since(connection, tenant, mark.arrival) if arrival > mark.arrival else set()
        return replace(mark, arrival=arrival, event_types=mark.event_types | new)

    def __call__(
        self,
        connection: Connection,
        look: Look,
        plan: ColumnPlan,
        contradicted: Mapping[str, Ints],
        broken: Mapping[str, str],
    ) -> Surroundings:
        tenant, today = look.tenant.name, self._clock.now().date()
        activities = self._quality.activities
        return Surroundings(
            plan=plan,
            population=self._quality.inputs.population(connection, tenant),
            freshness=self._freshness(connection, look.tenant, plan, look.tags),
            month=activities.since(connection, tenant, today - (MONTH_DAYS - 1) * _DAY),
            week=activities.since(connection, tenant, today - (VOLATILE_DAYS - 1) * _DAY),
            last_reads=activities.last_reads(connection, tenant),
            users=self._users(connection, tenant, plan),
            counted_days=(today - look.mark.counted).days + 1,
            event_types=look.mark.event_types,
            contradicted=contradicted,
            broken=broken,
        )


def events_of(recipe: Recipe) -> frozenset[str]:
    """The types that a column rests on by name; who asks for a person's latest event of any type rests on no one of
    them."""
    if not recipe.asks_for_latest:
        return recipe.events
    asked: Sequence[object] = [node for each in recipe.questions.values() for node in walk(each)]
    return frozenset(node.event for node in asked if isinstance(node, Aggregate | EventFilter))
