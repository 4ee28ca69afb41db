"""The tenant's midnight."""

from collections.abc import Iterator, Mapping, Sequence, Set

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.logging import logger
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.division import MOST
from tagging.app.evaluate_everybody import Everybody
from tagging.app.publish import ComputeEverybody, Outcome, ageing, parts_of
from tagging.app.snapshot import Computed, Snapshot
from tagging.app.staged_columns import StagedColumns
from tagging.app.task import Task
from tagging.app.turned_persons import together, turned_persons
from tagging.domain.columns import Ints
from tagging.domain.cuts import Cuts
from tagging.domain.moment import Moment
from tagging.domain.recipe import Recipe
from tagging.domain.tenants import Tenant
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


def turning_at_midnight(plan: ColumnPlan) -> set[str]:
    """The stream columns that may change when the day rolls, and what rests on them."""
    start = [each for each in plan.stream() if plan.recipes[each].daily]
    return plan.with_what_rests_on_them(start) & plan.stream()


class RollDay:
    """Rolls a tenant's day: everybody's day windows change in one transaction, with the entry that says so.

    It computes and publishes columns of those alone of whom they may have changed, as far as those are few, and tells
    what did; whoever is touched meanwhile is computed afterwards. Columns are in files as soon as they are computed,
    and the transaction names these.
    """

    def __init__(
        self,
        database: Database,
        changelog: Changelog,
        everybody: Everybody,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        compute: ComputeEverybody,
        clock: Clock,
    ) -> None:
        self._database = database
        self._changelog = changelog
        self._everybody = everybody
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._compute = compute
        self._clock = clock

    def roll(self) -> bool:
        """The first tenant whose day is over; several days at once when that many have passed."""
        for tenant in self._database.read_now(self._facts.tenants.all):
            if tenant.settings.calendar.day_of(self._clock.now()) > tenant.day:
                self._roll(tenant)
                return True
        return False

    def _roll(self, tenant: Tenant) -> None:
        latest = self._database.read_now(self._compute.streamed_at, tenant.name)
        with self._compute.begin(tenant.name, "day") as task:
            plan, turning, standing = self._database.write_now(
                self._compute.claim, task, turning_at_midnight, latest
            )
            concerned, due_by = self._compute.concerned(task), ageing(plan)
            with self._everybody.snapshot(tenant.name, turning | due_by) as snapshot:
                chosen = snapshot.plan.in_order(turning_at_midnight(snapshot.plan))
                recipes = [each for step in chosen for each in step]
                stood = standing if snapshot.plan is plan else frozenset[str]()
                whom = turned_persons(snapshot, recipes, stood, concerned, task.as_of)
                staged = StagedColumns(self._database, self._changelog, self._facts, self._tags, task)
                with staged.held():
                    for each in self._compute_columns(task, snapshot, chosen, whom, due_by):
                        staged.add(each, whom[each.recipe.column])
                    # The new day's events have their hours too.
                    self._compute.store_due(task, snapshot, due_by, settled=False)
                    published = self._database.write_now(self._publish, task, snapshot, staged)
            self._compute.settle_touched(task, Outcome())
            self._compute.release(task, published)

    def _compute_columns(
        self,
        task: Task,
        snapshot: Snapshot,
        steps: Sequence[Sequence[Recipe]],
        whom: Mapping[str, Ints | None],
        due_by: Set[str],
    ) -> Iterator[Computed]:
        """`due_by`: columns that are asked afterwards when persons are due, of the new day's values, too."""
        of_some, some = together(whom, MOST * len(snapshot.persons))
        rest = [each for step in steps for each in step if each.column not in of_some]
        asked = [snapshot.plan.recipes[each] for each in due_by & snapshot.plan.recipes.keys()]
        read_later = {tag for each in (*rest, *asked) for tag in each.tags}
        cuts = self._compute.latest_cuts(task.tenant, snapshot.plan, whom.keys())
        with snapshot.among(some) as part:
            for step in steps:
                of_part = [each for each in step if each.column in of_some]
                for each in self._computed(task, part, of_part, cuts):
                    if each.recipe.column in read_later:
                        snapshot.lay_over(each)
                    yield each
                of_all = [each for each in step if each.column not in of_some]
                yield from self._computed(task, snapshot, of_all, cuts)

    def _computed(
        self, task: Task, snapshot: Snapshot, recipes: Sequence[Recipe], cuts: Mapping[str, Cuts | None]
    ) -> Iterator[Computed]:
        """Of the persons of a snapshot; without columns that fail."""
        moment = Moment(task.as_of, snapshot.tenant.settings.calendar)
        for part in parts_of(recipes, len(snapshot.persons)):
            found, failures = snapshot.compute(part, moment, cuts, freeze=False)
            yield from found
            for column in failures:
                logger().warning("a column keeps yesterday's values", column=column)

    def _publish(
        self, connection: Connection, task: Task, snapshot: Snapshot, staged: StagedColumns
    ) -> list[str]:
        """All or nothing; a column that was redefined meanwhile is left to the stream and the next run. The columns."""
        tenant = task.tenant
        self._facts.tenants.lock(connection, tenant)
        self._facts.tenants.set_day(connection, tenant, snapshot.tenant.settings.calendar.day_of(task.as_of))
        rolled = self._facts.tenants.get(connection, tenant)
        assert rolled is not None
        in_force = self._columns.of(connection, tenant)
        return staged.put_in_force(connection, in_force, self._facts.entries.day(rolled))
