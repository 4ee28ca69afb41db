"""Freezes what is typical of the classes of templates after runs."""

from collections.abc import Iterator

import numpy as np
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.logging import logger
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.evaluate_everybody import Everybody
from tagging.app.evaluate_persons import Clocks
from tagging.app.portraits.member_classes import MemberClasses
from tagging.domain.class_profile import ClassProfile, TypicalValue, holding, typical_value
from tagging.domain.columns import Ints
from tagging.domain.compilation import RuleInvalid
from tagging.domain.portrait_document import class_digest
from tagging.domain.portrait_template import MemberClass, PortraitTemplate, TagCondition
from tagging.store.portrait_ports import PortraitTemplates, StoredTemplate
from tagging.store.ports import FactStores
from tagging.store.tag_ports import Run, RunState, TagStores

LOOKED_AT = 20
"""Runs among which the latest that has ended is looked for."""


class FreezeProfiles:
    """Blocks while it computes: call it in a thread, one at a time."""

    def __init__(
        self,
        database: Database,
        changelog: Changelog,
        facts: FactStores,
        tags: TagStores,
        templates: PortraitTemplates,
        columns: ColumnsInForce,
        everybody: Everybody,
        classes: MemberClasses,
        clock: Clock,
    ) -> None:
        self._database = database
        self._changelog = changelog
        self._facts = facts
        self._tags = tags
        self._templates = templates
        self._columns = columns
        self._everybody = everybody
        self._classes = classes
        self._clock = clock
        self._failed: set[tuple[str, str, str, str]] = set()

    def __call__(self) -> int:
        """Freezes every profile that is older than the latest run of its tenant; how many."""
        count = 0
        for tenant, run, stored in list(self._database.read_now(self._due)):
            key = (tenant, stored.template.template_id, class_digest(stored.template), run.run_id)
            if key in self._failed:
                continue
            try:
                profile = self._profile(tenant, run, stored.template)
            except (RuleInvalid, ValueError) as error:
                logger().warning("a class cannot be computed", cause=type(error).__name__)
                self._failed.add(key)
                continue
            count += self._database.write_now(self._store, tenant, stored.template, profile)
        return count

    def _due(self, connection: Connection) -> list[tuple[str, Run, StoredTemplate]]:
        return [
            (tenant, run, stored)
            for tenant in self._templates.tenants(connection)
            for run in self._latest_run(connection, tenant)
            for stored in self._templates.all(connection, tenant).values()
            if stored.template.member_class is not None and _is_old(stored, run)
        ]

    def _latest_run(self, connection: Connection, tenant: str) -> Iterator[Run]:
        """The latest one that has ended and published something, if there is one."""
        for run in self._tags.runs.page(connection, tenant, None, LOOKED_AT):
            if run.state in (RunState.SUCCEEDED, RunState.FAILED) and run.coverage:
                yield run
                return

    def _profile(self, tenant: str, run: Run, template: PortraitTemplate) -> ClassProfile:
        """Of the values as they stand now, which is its as_of."""
        member_class = template.member_class
        assert member_class is not None
        members = self._ruled(tenant, member_class)
        return self._database.read_now(self._typical, tenant, run, template, members)

    def _ruled(self, tenant: str, member_class: MemberClass) -> Ints | None:
        """The members by a rule; None for a class by a tag's value."""
        if not isinstance(member_class.condition, str):
            return None
        plan = self._database.read_now(self._columns.of, tenant)
        recipe = self._classes.recipe(plan, member_class.condition)
        with self._everybody.snapshot(tenant, (), [recipe]) as snapshot:
            clocks = Clocks.of(snapshot.tenant, self._clock.now())
            return self._classes.members(snapshot, member_class.condition, clocks)

    def _typical(
        self,
        connection: Connection,
        tenant: str,
        run: Run,
        template: PortraitTemplate,
        members: Ints | None,
    ) -> ClassProfile:
        plan = self._columns.of(connection, tenant)
        member_class = template.member_class
        assert member_class is not None
        if members is None:
            members = self._with_value(connection, tenant, member_class)
        values: list[TypicalValue] = []
        for tag_id in template.tag_ids:
            found = self._typical_of(connection, tenant, plan, tag_id, members)
            if found is not None:
                values.append(found)
        return ClassProfile(
            class_digest(template), run.run_id, self._clock.now(), len(members), tuple(values)
        )

    def _typical_of(
        self, connection: Connection, tenant: str, plan: ColumnPlan, tag_id: str, members: Ints
    ) -> TypicalValue | None:
        shape = self._tags.values.columns(connection, tenant).get(tag_id)
        if tag_id not in plan.tags or shape is None:
            return None
        persons, values = self._tags.values.open_column(connection, tenant, tag_id)
        return typical_value(tag_id, shape, persons, values, members)

    def _with_value(self, connection: Connection, tenant: str, member_class: MemberClass) -> Ints:
        condition = member_class.condition
        assert isinstance(condition, TagCondition)
        shape = self._tags.values.columns(connection, tenant).get(condition.tag_id)
        if shape is None:
            return np.empty(0, np.int64)
        persons, values = self._tags.values.open_column(connection, tenant, condition.tag_id)
        return persons[holding(values, shape, condition.value)]

    def _store(
        self, connection: Connection, tenant: str, template: PortraitTemplate, profile: ClassProfile
    ) -> int:
        """Nothing when the template has changed meanwhile: the next look finds it."""
        self._facts.tenants.lock(connection, tenant)
        stored = self._templates.get(connection, tenant, template.template_id)
        if stored is None or class_digest(stored.template) != profile.made_for:
            return 0
        self._templates.put_profile(connection, tenant, template.template_id, profile)
        entry = self._facts.entries.touched(tenant, everybody=True)
        self._changelog.append(connection, Lane.BULK, [entry])
        return 1


def _is_old(stored: StoredTemplate, run: Run) -> bool:
    profile = stored.profile
    return (
        profile is None or profile.run_id != run.run_id or profile.made_for != class_digest(stored.template)
    )
