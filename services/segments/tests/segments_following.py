"""Segments over an index that is told a history, without a store."""

import datetime as dt

from pyroaring import BitMap
from rules.check import Population
from segments.app.rule_reading import Mentioned, ReadRule, read_rule
from segments.app.tenant_segments import TenantSegments
from segments.domain.changes import Change, DayRolled
from segments.domain.movement import Followed
from segments.domain.segment import Draft, Segment
from segments.domain.touched import Touched
from segments.index.tenant import TenantIndex
from segments_changes import (
    CATALOGUE,
    DICTIONARY,
    NOON,
    TENANT,
    day_change,
    person_change,
    segment,
    tag_change,
)
from servicekit.revision import LANES, Lane


def read(index: TenantIndex, each: Segment) -> ReadRule:
    names = ["staff", "loyal", "target", "other", "a", "b"]
    mentioned = Mentioned(index.tag_types(), DICTIONARY, names, CATALOGUE.periods)
    return read_rule(each.draft.rule, each.draft.population, mentioned)


def begun(*changes: Change) -> TenantIndex:
    index = TenantIndex(TENANT)
    index.apply(changes, Lane.BULK, dict.fromkeys(LANES, 0), Touched())
    return index


def placed(segments: TenantSegments, name: str, rule: str, population: Population = Population.KNOWN) -> None:
    each = segment(Draft(name, "", "", rule, population, ""))
    segments.put(each, read(segments.index, each))


def contain(index: TenantIndex) -> None:
    """Holds plain columns in containers from now on."""
    from segments.index.contained import ContainedColumn, contained

    for name in index.column_names():
        held, type_ = index.held(name), index.type_of(name)
        if not isinstance(held, ContainedColumn):
            assert type_ is not None
            index.open_column(name, ContainedColumn(type_, contained(type_, held), None))


class Follower:
    """Segments over an index that is being told a history in two lanes, and one who listens."""

    def __init__(self, segments: TenantSegments, *, contained: bool = False) -> None:
        self.segments = segments
        self.contained = contained
        self.cursors = dict.fromkeys(LANES, 0)
        self.heard: dict[str, BitMap] = {}
        self.hear(segments.follow(Touched(), Lane.LIVE, NOON))

    def hear(self, followed: Followed) -> None:
        for movement in followed.movements:
            assert not movement.entered & movement.left
            known = self.heard.get(movement.segment_id, BitMap())
            self.heard[movement.segment_id] = (known | movement.entered) - movement.left

    def apply(self, lane: Lane, changes: list[Change], reached: int) -> None:
        before, seen = self.segments, self.state(self.segments)
        segments = before.copy()
        if self.contained:
            contain(segments.index)
        touched = Touched()
        segments.index.apply(changes, lane, self.cursors, touched)
        if touched.tags:
            segments.reread(lambda each: read(segments.index, each), touched.tags)
        moment = noon(touched.day) if touched.day else None
        self.hear(segments.follow(touched, lane, moment))
        self.cursors[lane] = reached
        assert self.state(before) == seen, "a published version has changed"
        self.segments = segments

    @staticmethod
    def state(segments: TenantSegments) -> dict[str, object]:
        return {
            each.segment.segment_id: (each.segment.state, each.segment.note, BitMap(each.members))
            for each in segments.all()
        }


def noon(day: DayRolled) -> dt.datetime:
    return dt.datetime(day.day.year, day.day.month, day.day.day, 4, tzinfo=dt.UTC)


def anew(follower: Follower, index: TenantIndex) -> TenantSegments:
    """The same segments as after a restart: computed from scratch over an index, but for what is stored of them."""
    segments = TenantSegments(index, follower.segments.moment)
    for standing in follower.segments.all():
        segments.put(standing.segment, None)
        if standing.frozen is not None:
            segments.freeze(standing.segment.segment_id, standing.frozen)
    segments.reread(lambda each: read(index, each), None)
    segments.begin()
    return segments


def small(*rules_: tuple[str, str]) -> TenantSegments:
    """Three known persons, with tags of the retailer."""
    tags = [tag_change(tag) for tag in CATALOGUE.tags.values()]
    index = begun(day_change(), *tags, *(person_change(each) for each in (1, 2, 3)))
    segments = TenantSegments(index, NOON)
    for name, rule in rules_:
        placed(segments, name, rule)
    return segments
