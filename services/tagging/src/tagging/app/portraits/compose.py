"""Composes portraits: values in the order of a template, in words, against a class, with the latest events."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rules.evaluate.meaning import Value
from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.evaluate_persons import Clocks
from tagging.app.portraits.looks import Look
from tagging.app.portraits.member_classes import MemberClasses
from tagging.app.read_values import TIMELINE_EVENTS, ReadValue, ReadValues
from tagging.domain.class_profile import ClassProfile
from tagging.domain.compilation import RuleInvalid
from tagging.domain.event_grades import EventRelease
from tagging.domain.persons import Person
from tagging.domain.plan import Tag
from tagging.domain.portrait_description import Description, KnownTag, Speaker, describe
from tagging.domain.portrait_document import class_digest
from tagging.domain.portrait_phrases import TagPhrases
from tagging.domain.portrait_template import MemberClass, PortraitTemplate, TemplateGroup
from tagging.domain.shown_events import ShownEvent, shown_event
from tagging.errors import TemplateForbidden, nearest
from tagging.store.portrait_ports import PortraitTemplates, StoredTemplate
from tagging.store.ports import FactStores


@dataclass(frozen=True, slots=True)
class Comparison:
    """A person against a class. `is_member` None: the reader may not see what decides it, or nothing can any more.

    withheld  tags of the profile that the reader may not see
    """

    member_class: MemberClass
    is_member: bool | None
    profile: ClassProfile | None
    withheld: frozenset[str]


@dataclass(frozen=True, slots=True)
class ComposedPortrait:
    """All that a look shows of a living person, but what identity keeps. `timeline` newest first."""

    person: Person
    values: tuple[ReadValue, ...]
    groups: tuple[TemplateGroup, ...] = ()
    timeline: tuple[ShownEvent, ...] = ()
    comparison: Comparison | None = None
    description: Description | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """`portraits` by the id asked for, without those that stand for nobody; all of one snapshot."""

    portraits: Mapping[int, ComposedPortrait]
    revision: Revision


@dataclass(frozen=True)
class _View:
    """What a look comes to in a snapshot. `shown` are the tags asked for, `read` those and all that words and the class
    need."""

    look: Look
    plan: ColumnPlan
    stored: StoredTemplate | None
    shown: Sequence[Tag]
    read: Sequence[Tag]
    phrases: Mapping[str, TagPhrases]
    clocks: Clocks

    @property
    def template(self) -> PortraitTemplate | None:
        return self.stored.template if self.stored else None

    def readable(self, tag_id: str) -> bool:
        return tag_id in self.plan.tags and self.plan.tags[tag_id].definition.grade in self.look.grades


class ComposePortraits:
    """Reads in the caller's snapshot; follows redirects. `phrases` are the suite's own, in the order of descriptions
    without a template."""

    def __init__(
        self,
        facts: FactStores,
        templates: PortraitTemplates,
        columns: ColumnsInForce,
        values: ReadValues,
        classes: MemberClasses,
        phrases: Mapping[str, TagPhrases],
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._templates = templates
        self._columns = columns
        self._values = values
        self._classes = classes
        self._phrases = phrases
        self._clock = clock

    def __call__(
        self, connection: Connection, tenant: str, person_ids: Collection[int], look: Look
    ) -> Composed:
        """Raises ResourceNotFound (a tag, the template), TemplateForbidden."""
        living = self._facts.key_map.living(connection, tenant, person_ids)
        if not living:
            return Composed({}, self._values.revision(connection))
        view = self._view(connection, tenant, look)
        ids = sorted({each.person_id for each in living.values()})
        found = self._values.values(connection, tenant, ids, view.read, look.grades) if ids else {}
        made: dict[int, ComposedPortrait] = {}
        for person in living.values():
            if person.person_id not in made:
                timeline = self._timeline(connection, tenant, person, view) if look.has_timeline else ()
                made[person.person_id] = self._portrait(view, person, found[person.person_id], timeline)
        portraits = {asked: made[person.person_id] for asked, person in living.items()}
        return Composed(portraits, self._values.revision(connection))

    def _timeline(
        self, connection: Connection, tenant: str, person: Person, view: _View
    ) -> tuple[ShownEvent, ...]:
        dictionary = view.plan.dictionary
        release = EventRelease(dictionary.grades, view.look.grades)
        latest = self._facts.events.latest(connection, tenant, person.person_id, TIMELINE_EVENTS)
        return tuple(shown_event(each, dictionary, release) for each in latest)

    def _view(self, connection: Connection, tenant: str, look: Look) -> _View:
        plan = self._columns.of(connection, tenant)
        stored = self._template(connection, tenant, look)
        for tag_id in look.tag_ids:
            if tag_id not in plan.tags:
                raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, plan.tags))
        asked = stored.template.tag_ids if stored else look.tag_ids or tuple(plan.tags)
        shown = [plan.tags[each] for each in asked if each in plan.tags]
        phrases = self._phrases
        if stored:
            phrases = {**phrases, **{each.tag_id: each for each in stored.template.phrases}}
        state = self._facts.tenants.get(connection, tenant)
        assert state is not None  # a living person is of a tenant
        also: set[str] = set()
        if look.language is not None:
            order = self._order(look, stored, shown)
            also |= {*order, *(name for each in order for name in _named(phrases.get(each)))}
        if stored and stored.template.member_class:
            also |= self._class_tags(plan, stored.template.member_class)
        more = [plan.tags[each] for each in sorted(also - set(asked)) if each in plan.tags]
        clocks = Clocks.of(state, self._clock.now())
        return _View(look, plan, stored, shown, [*shown, *more], phrases, clocks)

    def _template(self, connection: Connection, tenant: str, look: Look) -> StoredTemplate | None:
        if not look.template_id:
            return None
        stored = self._templates.get(connection, tenant, look.template_id)
        if stored is None:
            known = self._templates.all(connection, tenant)
            raise ResourceNotFound(f"portrait template {look.template_id}", nearest(look.template_id, known))
        roles = stored.template.roles
        if roles and not look.reads_all_templates and look.roles.isdisjoint(roles):
            raise TemplateForbidden(look.template_id)
        return stored

    def _order(self, look: Look, stored: StoredTemplate | None, shown: Sequence[Tag]) -> list[str]:
        """What a description says: the template's tags or those asked for, else the tags with phrases."""
        if stored or look.tag_ids:
            return [each.tag_id for each in shown]
        return list(self._phrases)

    def _class_tags(self, plan: ColumnPlan, member_class: MemberClass) -> frozenset[str]:
        try:
            return self._classes.tags_of(plan, member_class)
        except RuleInvalid:  # of a tag that is gone by now
            return frozenset()

    def _portrait(
        self, view: _View, person: Person, found: Sequence[ReadValue], timeline: tuple[ShownEvent, ...]
    ) -> ComposedPortrait:
        shown = list(found[: len(view.shown)])
        if not view.look.tag_ids and view.stored is None:
            shown = [each for each in shown if each.withheld or _value(each) is not None]
            shown.sort(key=lambda each: (each.tag.definition.category, each.tag.tag_id))
        known = {each.tag.tag_id: each for each in found if _value(each) is not None}
        return ComposedPortrait(
            person,
            tuple(shown),
            _groups(view),
            timeline,
            self._comparison(view, person, known),
            self._description(view, known),
        )

    def _description(self, view: _View, known: Mapping[str, ReadValue]) -> Description | None:
        if view.look.language is None:
            return None
        tags: dict[str, KnownTag] = {}
        for tag_id, each in known.items():
            stored = each.stored
            assert stored is not None
            assert stored.value is not None
            tags[tag_id] = KnownTag(each.tag.definition, stored.value, stored.as_of)
        calendar = view.clocks.calendar
        speaker = Speaker(view.look.language, calendar.day_of(view.clocks.daily), calendar)
        return describe(tags, self._order(view.look, view.stored, view.shown), view.phrases, speaker)

    def _comparison(self, view: _View, person: Person, known: Mapping[str, ReadValue]) -> Comparison | None:
        if view.stored is None or view.stored.template.member_class is None:
            return None
        template, member_class = view.stored.template, view.stored.template.member_class
        profile = view.stored.profile
        if profile is not None and profile.made_for != class_digest(template):
            profile = None
        tags = self._class_tags(view.plan, member_class)
        is_member = None
        if tags and all(view.readable(each) for each in tags):
            values: dict[str, Value] = {}
            for tag_id in tags & known.keys():
                value = _value(known[tag_id])
                if value is not None:
                    values[tag_id] = value
            is_member = self._classes.is_member(view.plan, member_class, person, values, view.clocks)
        withheld = frozenset(each for each in template.tag_ids if not view.readable(each))
        return Comparison(member_class, is_member, profile, withheld)


def _value(read: ReadValue) -> Value | None:
    return read.stored.value if read.stored else None


def _named(phrases: TagPhrases | None) -> set[str]:
    return {name for each in phrases.phrases for name in each.mentioned} if phrases else set()


def _groups(view: _View) -> tuple[TemplateGroup, ...]:
    """The template's, without tags that are gone and groups that held nothing else."""
    if view.template is None:
        return ()
    kept = [
        TemplateGroup(group.name, tuple(each for each in group.tag_ids if each in view.plan.tags))
        for group in view.template.groups
    ]
    return tuple(each for each in kept if each.tag_ids)
