"""Portrait templates: kept, read, deleted."""

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import EtagStale, ResourceNotFound
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.portraits.member_classes import MemberClasses
from tagging.domain.compilation import RuleInvalid
from tagging.domain.definition import kind_of
from tagging.domain.portrait_document import etag_of
from tagging.domain.portrait_template import PortraitTemplate, TagCondition, TemplateInvalid, check_limits
from tagging.errors import RuleInvalid as RuleRefused
from tagging.errors import TemplateQuota, TemplateRefused, nearest
from tagging.store.portrait_ports import PortraitTemplates, StoredTemplate
from tagging.store.ports import FactStores

MAX_TEMPLATES = 200
"""Of a tenant."""


class KeepTemplates:
    """Each method is one transaction. A change is told as touching everybody: copies of portraits are old."""

    def __init__(
        self,
        facts: FactStores,
        templates: PortraitTemplates,
        columns: ColumnsInForce,
        classes: MemberClasses,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._templates = templates
        self._columns = columns
        self._classes = classes
        self._changelog = changelog
        self._clock = clock

    def put(
        self, connection: Connection, tenant: str, template: PortraitTemplate, etag: str
    ) -> tuple[StoredTemplate, Revision]:
        """What is stored now. Raises TemplateRefused, RuleInvalid, ResourceNotFound (a tag), EtagStale,
        TemplateQuota."""
        self._facts.tenants.lock(connection, tenant)
        stored = self._templates.get(connection, tenant, template.template_id)
        present = etag_of(stored.template) if stored else ""
        if etag and present != etag:
            raise EtagStale(f"portrait template {template.template_id}", present)
        try:
            check_limits(template)
            self._check_tags(self._columns.of(connection, tenant), template)
        except TemplateInvalid as error:
            raise TemplateRefused(error.template_id, error.field, error.problem) from error
        if stored is not None and stored.template == template:
            return stored, self._changelog.append(connection, Lane.LIVE, [])
        if stored is None and len(self._templates.all(connection, tenant)) >= MAX_TEMPLATES:
            raise TemplateQuota(MAX_TEMPLATES)
        self._templates.put(connection, tenant, template, self._clock.now())
        revision = self._tell(connection, tenant)
        kept = self._templates.get(connection, tenant, template.template_id)
        assert kept is not None
        return kept, revision

    def get(self, connection: Connection, tenant: str, template_id: str) -> tuple[StoredTemplate, Revision]:
        """Raises ResourceNotFound."""
        stored = self._templates.get(connection, tenant, template_id)
        if stored is None:
            known = self._templates.all(connection, tenant)
            raise ResourceNotFound(f"portrait template {template_id}", nearest(template_id, known))
        return stored, self._revision(connection)

    def page(
        self, connection: Connection, tenant: str, after: str, limit: int
    ) -> tuple[list[StoredTemplate], bool, Revision]:
        """In order of template_id, and whether there are more."""
        stored = self._templates.all(connection, tenant)
        below = [each for template_id, each in stored.items() if template_id > after]
        return below[:limit], len(below) > limit, self._revision(connection)

    def delete(
        self, connection: Connection, tenant: str, template_id: str, etag: str
    ) -> tuple[bool, Revision]:
        """Whether there was one. Raises EtagStale."""
        self._facts.tenants.lock(connection, tenant)
        stored = self._templates.get(connection, tenant, template_id)
        if stored is None:
            return False, self._changelog.append(connection, Lane.LIVE, [])
        present = etag_of(stored.template)
        if etag and present != etag:
            raise EtagStale(f"portrait template {template_id}", present)
        self._templates.delete(connection, tenant, template_id)
        return True, self._tell(connection, tenant)

    def _tell(self, connection: Connection, tenant: str) -> Revision:
        entry = self._facts.entries.touched(tenant, everybody=True)
        return self._changelog.append(connection, Lane.LIVE, [entry])

    def _revision(self, connection: Connection) -> Revision:
        head = self._changelog.head(connection)
        return Revision(self._changelog.service, head.epoch, head.position, head.position)

    def _check_tags(self, plan: ColumnPlan, template: PortraitTemplate) -> None:
        named = [*template.tag_ids]
        for phrases in template.phrases:
            named += [phrases.tag_id, *sorted(name for each in phrases.phrases for name in each.mentioned)]
        member_class = template.member_class
        if member_class is not None and isinstance(member_class.condition, TagCondition):
            named.append(member_class.condition.tag_id)
        for tag_id in named:
            if tag_id not in plan.tags:
                raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, plan.tags))
        match member_class.condition if member_class else None:
            case str() as rule:
                try:
                    self._classes.check(plan, template.template_id, rule)
                except RuleInvalid as error:
                    raise RuleRefused(error.problems) from error
            case TagCondition(tag_id, value):
                _check_value(plan, template.template_id, tag_id, value)


def _check_value(plan: ColumnPlan, template_id: str, tag_id: str, value: object) -> None:
    wanted = plan.tags[tag_id].definition.value_type
    given = kind_of(value)  # type: ignore[arg-type]  # a scalar
    if given is not wanted.base:
        raise TemplateInvalid(
            template_id,
            "member_class.tag",
            f"is {given.value}, the values of {tag_id} are {wanted.base.value}",
        )
    listed = {each.value for each in wanted.options}
    if wanted.closed and value not in listed:
        close = nearest(str(value), listed)
        raise TemplateInvalid(
            template_id,
            "member_class.tag",
            f"'{value}' is not in the list of {tag_id}" + (f"; did you mean '{close}'?" if close else ""),
        )
