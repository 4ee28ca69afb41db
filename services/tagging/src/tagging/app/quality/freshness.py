"""How old the values of tags are."""

import datetime as dt
from collections.abc import Collection

from servicekit.clock import Clock
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.evaluate_persons import Clocks
from tagging.domain.kinds.families import TOLD
from tagging.domain.plan import Tag
from tagging.domain.quality.measurement import Freshness
from tagging.domain.quality.promise import promised_hours
from tagging.domain.tenants import Tenant
from tagging.store.quality_ports import QualityInputs


class ReadFreshness:
    """Reads in the caller's snapshot."""

    def __init__(self, inputs: QualityInputs, clock: Clock) -> None:
        self._inputs = inputs
        self._clock = clock

    def __call__(
        self, connection: Connection, tenant: Tenant, plan: ColumnPlan, tag_ids: Collection[str]
    ) -> dict[str, Freshness]:
        """By tag, of those that are in force."""
        runs = self._inputs.of_runs(connection, tenant.name)
        standing = Clocks.of(tenant, self._clock.now()).daily
        found: dict[str, Freshness] = {}
        for tag in (plan.tags[each] for each in tag_ids if each in plan.tags):
            promised = promised_hours(tag.definition)
            as_of = self._as_of(connection, tenant.name, plan, tag, runs.get(tag.tag_id), standing)
            found[tag.tag_id] = Freshness(as_of, promised, tag.update_time)
        return found

    def _as_of(
        self,
        connection: Connection,
        tenant: str,
        plan: ColumnPlan,
        tag: Tag,
        of_runs: dt.datetime | None,
        standing: dt.datetime,
    ) -> dt.datetime | None:
        """`standing`: where day windows of the tenant stand. A stream tag that cannot be computed any more is as old as
        its blocks."""
        if isinstance(tag.definition.kind, TOLD):
            return self._inputs.latest_statement(connection, tenant, tag.tag_id)
        recipe = plan.recipes.get(tag.tag_id)
        return standing if recipe is not None and recipe.stream else of_runs
