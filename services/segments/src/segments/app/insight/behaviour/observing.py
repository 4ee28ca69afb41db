"""Audiences and their groups, as whoever keeps events is asked about them."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from pyroaring import BitMap
from rules.schema import TagType
from rules.values import Kind
from segments.app.insight.audiences import Audience, Audiences, Persons, Resolving, as_told
from segments.app.insight.basis import Basis, Caller, basis_of
from segments.app.insight.desk import Desk
from segments.app.insight.readable_tags import require_readable
from segments.app.readable import selectable_grades
from segments.domain.insight.behaviour.groups import Breakdown, Group, GroupKind, parted
from segments.domain.insight.cells import Cell, at_level, path_of, text_cell, value_cell
from segments.domain.packing import scalar_of
from segments.store.behaviour_ports import EventBasis, Sets
from segments.store.insight_ports import Ones, TagColumns
from servicekit.errors import InvalidField
from servicekit.revision import Revision


@dataclass(frozen=True, slots=True)
class EventsTold:
    """What is told of the events of an answer: up to when, and of how many persons. None: withheld."""

    as_of: dt.datetime
    revision: Revision
    person_count: int | None
    event_count: int | None


@dataclass(frozen=True, slots=True)
class Observed:
    """An audience, its groups, and how to ask about them."""

    resolving: Resolving
    audience: Persons
    groups: tuple[Group, ...]
    grades: frozenset[str]
    breakdown: Breakdown | None
    started_ns: int

    @property
    def sets(self) -> Sets:
        return Sets(
            self.resolving.tenant,
            [each.persons for each in self.groups],
            self.resolving.version.upstream("tagging"),
            self.grades,
        )

    def told(self, found: EventBasis, caller: Caller) -> Persons:
        """The audience as it is told of: without its size where that tells how few object to being counted."""
        if self._few_left_out(found, caller):
            return replace(self.audience, withheld=True, population_count=0)
        return self.audience

    def events(self, found: EventBasis, caller: Caller) -> EventsTold:
        """Numbers of events tell of few persons; so they are for who may be told of few."""
        return EventsTold(
            found.as_of,
            found.revision,
            None if self.audience.withheld else found.persons[0],
            None if caller.fewest else found.event_count,
        )

    def _few_left_out(self, found: EventBasis, caller: Caller) -> bool:
        return 0 < len(self.audience.members) - found.persons[0] < caller.fewest

    def basis(self, found: EventBasis, caller: Caller) -> Basis:
        """With what events add: purposes and warnings."""
        elapsed_us = (time.perf_counter_ns() - self.started_ns) // 1_000
        tags = () if self.breakdown is None else (self.breakdown.tag_id,)
        basis = basis_of(self.resolving, [self.audience], tags, caller, elapsed_us)
        warnings = dict.fromkeys((*basis.freshness.warnings, *found.warnings))
        population_count = 0 if self._few_left_out(found, caller) else basis.freshness.population_count
        return replace(
            basis,
            freshness=replace(basis.freshness, warnings=tuple(warnings), population_count=population_count),
            purposes=tuple(sorted({*basis.purposes, *found.purposes})),
        )


class Observing:
    """Finds audiences and parts them. `now` is the suite's time."""

    def __init__(
        self, desk: Desk, audiences: Audiences, columns: TagColumns, now: Callable[[], dt.datetime]
    ) -> None:
        self.desk = desk
        self._audiences = audiences
        self._columns = columns
        self._now = now

    async def __call__(
        self,
        tenant: str,
        audience: Audience,
        breakdown: Breakdown | None,
        caller: Caller,
    ) -> Observed:
        """Raises TagNotReadable, InvalidField for a tag that nothing is broken down by, and what resolving audiences
        raises."""
        started_ns = time.perf_counter_ns()
        resolving = await self._audiences.prepare(tenant, [audience], caller.may_read, self._now())
        tag = None
        if breakdown is not None:
            require_readable(resolving.segments, [breakdown.tag_id], caller.may_read)
            tag = resolving.segments.index.tags[breakdown.tag_id].tag
            _require_grouping(tag)

        def find() -> tuple[Persons, tuple[Group, ...]]:
            (here,) = as_told([self._audiences.resolve(resolving, audience)], caller.fewest)
            if breakdown is None or tag is None:
                return here, (Group(GroupKind.ALL, here.members),)
            return here, tuple(self._parted(resolving, tag, breakdown, here.members))

        here, groups = await self.desk.compute(find)
        grades = selectable_grades(caller.may_read)
        return Observed(resolving, here, groups, grades, breakdown, started_ns)

    def _parted(
        self, resolving: Resolving, tag: TagType, breakdown: Breakdown, audience: BitMap
    ) -> list[Group]:
        ids = np.asarray(audience.to_array(), np.uint32)
        ones = self._columns.ones(resolving.segments.index, breakdown.tag_id, ids)
        cells: dict[Cell, BitMap] = {}
        order = np.argsort(ones.codes, kind="stable")
        codes, places = ones.codes[order], ones.places[order]
        distinct, begins = np.unique(codes, return_index=True)
        for code, part in zip(distinct.tolist(), np.split(places, begins[1:]), strict=True):
            cell = _cell(tag, breakdown.level, code, ones)
            cells.setdefault(cell, BitMap())
            cells[cell] |= BitMap(ids[part])
        return parted(audience, list(cells.items()), breakdown.max_values)


def _require_grouping(tag: TagType) -> None:
    if Kind.TEXT in {tag.type.kind, tag.type.element} or tag.type.kind is Kind.BOOL:
        return
    raise InvalidField(
        "breakdown.tag_id", f"{tag.name!r} is neither true or false nor of texts: break down by its bands"
    )


def _cell(tag: TagType, level: int, code: int, ones: Ones) -> Cell:
    if tag.type.kind is Kind.BOOL:
        return value_cell(tag, scalar_of(code, Kind.BOOL))
    path = path_of(tag, ones.texts[code])
    key = at_level(path, level)
    is_tree = tag.values is not None and tag.values.is_tree
    return text_cell(tag, key, stem=is_tree and len(key) == level)
