"""Why a person joined or left between two moments: the conditions of the rule on both sides, as far as what they look
at is known."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pyroaring import BitMap
from rules import tree
from rules.evaluate.meaning import Value
from rules.evaluate.person import Person
from rules.evaluate.setting import Setting
from rules.printer import print_step
from rules.walk import walk
from segments.app.member_history import MemberHistory, Side, living_members
from segments.app.readable import MayRead, require_explainable
from segments.app.rule_leaves import leaves_of, truth_of
from segments.app.rule_reading import ReadRule
from segments.app.segments import existing
from segments.app.tenant_segments import TenantSegments
from segments.app.version import Version
from segments.domain.kept_members import KeptMembers, MembersAt
from segments.domain.segment import Draft
from segments.errors import PersonUnknown
from segments.store.life_ports import SegmentDays, SegmentVersions
from segments.store.ports import TenantIndex
from servicekit.errors import ServiceError
from sqlalchemy import Connection


class PastValues(Protocol):
    """Tagging's kept versions of values."""

    async def __call__(
        self, tenant: str, person_id: int, tag_ids: Collection[str], at: dt.datetime
    ) -> Mapping[str, Value | None]:
        """What a person's tags said at a moment, of those that keep versions and reach back so far; None is unknown to
        tagging, too. Raises PersonUnknown, UpstreamUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Standpoint:
    """A person seen from one moment. `read` is None while the rule of then cannot be read, `problem` says why.
    `values`, `features` and `segments` hold what is known."""

    at: MembersAt
    kept: KeptMembers
    member: bool
    read: ReadRule | None
    problem: str
    values: Mapping[str, Value | None] = field(default_factory=dict)
    features: Mapping[str, Value | None] = field(default_factory=dict)
    segments: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeafMove:
    """A condition on both sides; None is not known, or the rule of that side has none such."""

    text: str
    old: bool | None
    new: bool | None
    tags: tuple[str, ...]

    @property
    def flipped(self) -> bool:
        return self.old is not None and self.new is not None and self.old != self.new


@dataclass(frozen=True, slots=True)
class Explained:
    """Why; `unknown` says in words what is not known."""

    old: Standpoint
    new: Standpoint
    leaves: tuple[LeafMove, ...]
    redefined: bool
    unknown: tuple[str, ...]


class ExplainMove:
    """`standpoints` reads in the caller's snapshot, `complete` asks tagging."""

    def __init__(
        self, history: MemberHistory, versions: SegmentVersions, days: SegmentDays, past: PastValues
    ) -> None:
        self._history = history
        self._versions = versions
        self._days = days
        self._past = past

    def standpoints(
        self,
        connection: Connection,
        version: Version,
        tenant: str,
        person_id: int,
        segment_id: str,
        moments: tuple[MembersAt, MembersAt],
        may_read: MayRead,
    ) -> tuple[int, Standpoint, Standpoint]:
        """The living person, and where it stood and stands. Raises as MemberHistory.side, PersonUnknown,
        RightMissing."""
        existing(version, tenant, segment_id)
        living = version.tenant(tenant).index.living(person_id)
        if living == 0:
            raise PersonUnknown(person_id)
        old, new = (
            self._standpoint(connection, version, tenant, living, segment_id, at, may_read) for at in moments
        )
        return living, old, new

    async def complete(
        self, version: Version, tenant: str, person_id: int, old: Standpoint, new: Standpoint
    ) -> Explained:
        """With what tagging has kept. Raises PersonUnknown, UpstreamUnavailable."""
        old, new = [await self._with_past(tenant, person_id, each) for each in (old, new)]
        index = version.tenant(tenant).index
        before, after = _truths(old, index), _truths(new, index)
        leaves = tuple(
            LeafMove(text, before.get(text), after.get(text), tags)
            for text, tags in {**_tags_of(new), **_tags_of(old)}.items()
        )
        redefined = old.read is None or new.read is None or _meaning(old.read) != _meaning(new.read)
        unknown = (*_unknown("from", old, before), *_unknown("to", new, after))
        return Explained(old, new, leaves, redefined, unknown)

    def _standpoint(
        self,
        connection: Connection,
        version: Version,
        tenant: str,
        living: int,
        segment_id: str,
        at: MembersAt,
        may_read: MayRead,
    ) -> Standpoint:
        segments = version.tenant(tenant)
        side = self._history.side(connection, version, tenant, segment_id, at)
        draft = self._draft(connection, version, tenant, segment_id, side)
        try:
            read = version.read(tenant, draft)
        except ServiceError as error:
            return Standpoint(at, side.kept, living in side.members, None, error.message)
        require_explainable(segments, read, may_read)
        found = Standpoint(at, side.kept, living in side.members, read, "")
        if at.is_now:
            return _known_now(version.tenant(tenant), living, read, found)
        return replace(found, segments=self._segments_then(connection, version, tenant, living, read, at.day))

    def _draft(
        self, connection: Connection, version: Version, tenant: str, segment_id: str, side: Side
    ) -> Draft:
        """What was said then; of a snapshot whose version is not known, its rule over today's population."""
        said = self._versions.get(connection, tenant, segment_id, side.kept.version)
        if said is not None:
            return said.draft
        today = existing(version, tenant, segment_id).draft
        return replace(today, rule=side.rule or today.rule)

    def _segments_then(
        self,
        connection: Connection,
        version: Version,
        tenant: str,
        living: int,
        read: ReadRule,
        day: dt.date | None,
    ) -> dict[str, bool]:
        """Of the segments that the rule refers to, by their members of the same day, where these are kept."""
        found: dict[str, bool] = {}
        if day is None:
            return found
        for name in sorted(read.segments):
            kept = self._days.get(connection, tenant, name, day)
            if kept is not None and kept.members is not None:
                found[name] = living in living_members(version.tenant(tenant), kept.members)
        return found

    async def _with_past(self, tenant: str, person_id: int, point: Standpoint) -> Standpoint:
        if point.at.is_now or point.read is None:
            return point
        values = await self._past(tenant, person_id, point.read.tags, point.kept.take_time)
        return replace(point, values=values)


def _known_now(segments: TenantSegments, living: int, read: ReadRule, point: Standpoint) -> Standpoint:
    """With everything, as the index has it."""
    person, members = BitMap([living]), segments.members_by_segment()
    view = segments.index.bitmaps(members)
    return replace(
        point,
        values={tag_id: dict(view.tag(tag_id).values(person)).get(living) for tag_id in read.tags},
        features={form: dict(view.feature(form).values(person)).get(living) for form in read.forms},
        segments={name: living in members.get(name, BitMap()) for name in read.segments},
    )


def _conditions(point: Standpoint) -> Mapping[str, tree.Condition]:
    """By text, in the rule's order."""
    return {} if point.read is None else leaves_of(point.read.body)


def _tags_of(point: Standpoint) -> dict[str, tuple[str, ...]]:
    """By condition, the tags that it looks at."""
    return {
        text: tuple(dict.fromkeys(each.name for each in walk(leaf) if isinstance(each, tree.TagRef)))
        for text, leaf in _conditions(point).items()
    }


def _truths(point: Standpoint, index: TenantIndex) -> dict[str, bool | None]:
    """By condition; None where something that it looks at is not known."""
    setting = Setting(index.schema, point.kept.as_of, index.calendar)
    person = Person(
        tags={name: value for name, value in point.values.items() if value is not None},
        features={form: value for form, value in point.features.items() if value is not None},
        segments=frozenset(name for name, inside in point.segments.items() if inside),
    )
    found: dict[str, bool | None] = {}
    for text, leaf in _conditions(point).items():
        known = all(_is_known(each, point) for each in walk(leaf))
        found[text] = truth_of(leaf, person, setting) if known else None
    return found


def _is_known(node: tree.Node, point: Standpoint) -> bool:
    match node:
        case tree.TagRef():
            return node.name in point.values
        case tree.Feature():
            return node.form in point.features
        case tree.InSegment():
            return node.name in point.segments
        case _:
            return True


def _unknown(side: str, point: Standpoint, truths: Mapping[str, bool | None]) -> Iterator[str]:
    if point.read is None:
        yield f"{side}: the rule of version {point.kept.version} cannot be read any more: {point.problem}"
        return
    for tag_id in sorted(point.read.tags - point.values.keys()):
        yield f"{side}: what tag '{tag_id}' said was not kept"
    for form in sorted(point.read.forms.keys() - point.features.keys()):
        yield f"{side}: the behaviour {form} was not kept"
    for step in point.read.body.steps:
        yield f"{side}: whom {print_step(step)} left out was not kept"
    for name in sorted(point.read.segments - point.segments.keys()):
        yield f"{side}: who was in segment '{name}' was not kept"


def _meaning(read: ReadRule) -> tuple[object, ...]:
    return read.canonical, read.population
