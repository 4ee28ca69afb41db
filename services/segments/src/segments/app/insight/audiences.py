"""Audiences as callers name them, resolved to persons of one version."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np
from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import Column
from rules.evaluate.meaning import Scalar
from segments.app.insight.past_values import Changed, Moment, PastValues
from segments.app.membership import segment_with_members
from segments.app.preview import Preview
from segments.app.readable import SENSITIVE, MayRead, purposes_of, selectable_grades
from segments.app.rule_reading import ReadRule
from segments.app.standing import Standing
from segments.app.tenant_segments import TenantSegments
from segments.app.unknown_names import UpToDate, read_up_to_date
from segments.app.version import Board, Version
from segments.domain.insight.behaviour.questions import BehaviourCell
from segments.domain.insight.transitions import ValuesThen
from segments.domain.segment import Draft, Snapshot
from segments.store.behaviour_ports import Behaviour, CellMembers, Sets


@dataclass(frozen=True, slots=True)
class OfSegment:
    """A segment's members as they stand."""

    segment_id: str


@dataclass(frozen=True, slots=True)
class OfSnapshot:
    """A snapshot's members."""

    snapshot_id: str


@dataclass(frozen=True, slots=True)
class OfRule:
    """Whom a rule holds for."""

    rule: str
    population: Population


@dataclass(frozen=True, slots=True)
class OfPersons:
    """Persons by id."""

    person_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OfPopulation:
    """Everybody of a population."""

    population: Population


@dataclass(frozen=True, slots=True)
class Period:
    """A tag between two moments; `end` None: now."""

    tag_id: str
    start: dt.datetime
    end: dt.datetime | None

    @property
    def moments(self) -> tuple[Moment, Moment]:
        """Both of them."""
        return Moment(self.tag_id, self.start), Moment(self.tag_id, self.end)


@dataclass(frozen=True, slots=True)
class OfTransition:
    """Everybody known who went from one value to another; None: unknown."""

    period: Period
    before: Scalar | None
    after: Scalar | None


@dataclass(frozen=True, slots=True)
class OfBehaviour:
    """Those of an audience who did something; the audience itself is none of this kind."""

    among: "Audience"
    cell: BehaviourCell


Audience: TypeAlias = OfSegment | OfSnapshot | OfRule | OfPersons | OfPopulation | OfTransition | OfBehaviour


@dataclass(frozen=True, slots=True)
class Persons:
    """Who an audience is. `rule`: by which they were found, None for lists, snapshots and populations; `standing`: the
    segment whose members they are; `wholes`: of a cell, how many persons those are that it is a part of, the nearest
    first; `withheld`: how many they are is not told."""

    members: BitMap
    population_count: int = 0
    unresolved: int = 0
    canonical_rule: str = ""
    rule: ReadRule | None = None
    standing: Standing | None = None
    purposes: tuple[str, ...] = ()
    wholes: tuple[int, ...] = ()
    withheld: bool = False

    def tells_of_few(self, fewest: int) -> bool:
        """Whether it is a cell of few, or of an audience of few, or leaves few of its audience out."""
        sizes = (len(self.members), *self.wholes)
        parts = (*sizes, *(whole - part for part, whole in pairwise(sizes)))
        return len(sizes) > 1 and any(0 < each < fewest for each in parts)

    def differs_by_few(self, other: "Persons", fewest: int) -> bool:
        """Whether both sizes tell how few are in one of them alone."""
        return 0 < self.members.symmetric_difference_cardinality(other.members) < fewest


@dataclass(frozen=True, slots=True)
class Resolving:
    """A version, and all that must be known beside it to resolve audiences without waiting."""

    version: Version
    tenant: str
    now: dt.datetime
    rules: Mapping[OfRule, tuple[ReadRule, dict[str, Column]]]
    snapshots: Mapping[str, Snapshot]
    changes: Mapping[Moment, Changed]
    did: Mapping[BehaviourCell, CellMembers]

    @property
    def segments(self) -> TenantSegments:
        return self.version.tenant(self.tenant)


class KeptSnapshots(Protocol):
    """Where snapshots are kept."""

    async def __call__(self, tenant: str, snapshot_id: str) -> Snapshot:
        """One snapshot. Raises ResourceNotFound."""
        ...


class Audiences:
    """Resolves audiences, all of a call at one version."""

    def __init__(
        self,
        board: Board,
        preview: Preview,
        up_to_date: UpToDate,
        snapshots: KeptSnapshots,
        past: PastValues,
        behaviour: Behaviour,
    ) -> None:
        self._board = board
        self._preview = preview
        self._up_to_date = up_to_date
        self._snapshots = snapshots
        self._past = past
        self._behaviour = behaviour

    async def prepare(
        self,
        tenant: str,
        audiences: Sequence[Audience],
        may_read: MayRead,
        now: dt.datetime,
        periods: Sequence[Period] = (),
    ) -> Resolving:
        """Reads what cannot be read on the way; `periods` beside those of the audiences. Raises RuleInvalid,
        RightMissing, SegmentNotLive, ResourceNotFound, UpstreamUnavailable, CatchingUp, and what
        PastValues raises. What somebody did is asked of everybody, and cut to the audience when it is resolved."""
        cells = {each.cell: None for each in audiences if isinstance(each, OfBehaviour)}
        audiences = [each.among if isinstance(each, OfBehaviour) else each for each in audiences]
        asked = [each for each in dict.fromkeys(audiences) if isinstance(each, OfRule)]
        read = {}
        for each in asked:
            draft = Draft("", "", "", each.rule, each.population, "")
            read[each] = await read_up_to_date(self._board, self._up_to_date, tenant, draft, may_read)
        named = {each.snapshot_id for each in audiences if isinstance(each, OfSnapshot)}
        snapshots = {name: await self._snapshots(tenant, name) for name in sorted(named)}
        version = self._board.current
        rules = {
            each: (rule, await self._preview.features(version, tenant, rule, now))
            for each, rule in read.items()
        }
        between = [*periods, *(each.period for each in audiences if isinstance(each, OfTransition))]
        moments = [each.moments for each in between]
        changes = await self._past.changes(version, tenant, moments, may_read, now)
        everybody = Sets(
            tenant,
            [version.tenant(tenant).index.population(Population.ALL)] if cells else [],
            version.upstream("tagging"),
            selectable_grades(may_read),
        )
        did = {each: await self._behaviour.members(everybody, each) for each in cells}
        return Resolving(version, tenant, now, rules, snapshots, changes, did)

    def ends(self, resolving: Resolving, period: Period, persons: BitMap) -> tuple[ValuesThen, ValuesThen]:
        """Persons' values at the start and at the end of a period that was prepared."""
        version, tenant = resolving.version, resolving.tenant
        before, after = (
            self._past.then(version, tenant, each, resolving.changes[each], persons)
            for each in period.moments
        )
        return before, after

    def resolve(self, resolving: Resolving, audience: Audience) -> Persons:
        """Who they are. Raises ResourceNotFound, SegmentNotLive, RuleInvalid for a calculation that overflows."""
        segments = resolving.segments
        match audience:
            case OfSegment():
                standing = segment_with_members(segments, audience.segment_id)
                assert standing.rule is not None
                return Persons(
                    members=standing.members,
                    population_count=len(segments.index.population(standing.rule.population)),
                    canonical_rule=standing.segment.canonical_rule,
                    rule=standing.rule,
                    standing=standing,
                    purposes=purposes_of(segments, standing.rule),
                )
            case OfSnapshot():
                kept = resolving.snapshots[audience.snapshot_id]
                frozen = BitMap.deserialize(kept.members)
                members, unresolved = _living(segments, frozen)
                return Persons(
                    members, unresolved=unresolved, canonical_rule=kept.canonical_rule, purposes=kept.purposes
                )
            case OfRule():
                rule, columns = resolving.rules[audience]
                found = self._preview.evaluate(
                    resolving.version, resolving.tenant, rule, columns, resolving.now
                )
                return Persons(
                    members=found,
                    population_count=len(segments.index.population(rule.population)),
                    canonical_rule=rule.canonical,
                    rule=rule,
                    purposes=purposes_of(segments, rule),
                )
            case OfPersons():
                members, unresolved = _living(segments, audience.person_ids)
                return Persons(members, unresolved=unresolved)
            case OfTransition():
                return self._gone(resolving, audience)
            case OfBehaviour():
                among = self.resolve(resolving, audience.among)
                did = resolving.did[audience.cell]
                purposes = tuple(sorted({*among.purposes, *did.basis.purposes}))
                return replace(
                    among,
                    members=among.members & did.persons,
                    purposes=purposes,
                    wholes=(len(among.members), *among.wholes),
                )
            case OfPopulation():
                everyone = segments.index.population(audience.population)
                return Persons(everyone, population_count=len(everyone))

    def _gone(self, resolving: Resolving, audience: OfTransition) -> Persons:
        index = resolving.segments.index
        everyone = index.population(Population.KNOWN)
        before, after = self.ends(resolving, audience.period, everyone)
        chosen = before.places(audience.before) & after.places(audience.after)
        ids = np.asarray(everyone.to_array(), np.uint32)[chosen]
        tag = index.tags[audience.period.tag_id]
        purposes = (tag.purpose,) if tag.grade == SENSITIVE and tag.purpose else ()
        return Persons(
            BitMap(ids), population_count=len(everyone), purposes=purposes, wholes=(len(everyone),)
        )


def as_told(audiences: Sequence[Persons], fewest: int) -> tuple[Persons, ...]:
    """As one answer tells of them all: cells that tell of few persons, by themselves or beside another audience of the
    answer, are withheld. Audiences that are no cells are told."""

    def few(here: Persons) -> bool:
        beside = (here.differs_by_few(each, fewest) for each in audiences)
        return bool(here.wholes) and (here.tells_of_few(fewest) or any(beside))

    return tuple(replace(each, withheld=few(each)) for each in audiences)


def _living(segments: TenantSegments, person_ids: BitMap | Sequence[int]) -> tuple[BitMap, int]:
    """The living persons that ids stand for, and how many ids stand for nobody."""
    everyone = segments.index.population(Population.ALL)
    asked = (
        BitMap(each for each in person_ids if each < 2**32)
        if not isinstance(person_ids, BitMap)
        else person_ids
    )
    beyond = 0 if isinstance(person_ids, BitMap) else len({each for each in person_ids if each >= 2**32})
    living, gone = asked & everyone, beyond
    for person_id in asked - everyone:
        found = segments.index.living(person_id)
        gone += found == 0
        if found:
            living.add(found)
    return living, gone
