"""Standing segments: their members follow every change by looking only at the persons it touched."""

import datetime as dt
import graphlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pyroaring import BitMap
from rules.evaluate.bitmaps import members
from rules.evaluate.setting import Setting
from rules.schema import Catalogue
from segments.app.rule_reading import ReadRule
from segments.domain.changes import FeatureState
from segments.domain.movement import Followed, Movement
from segments.domain.segment import Segment, State
from segments.domain.touched import Touched
from segments.errors import SegmentCycle
from segments.store.ports import TenantIndex
from servicekit.errors import ServiceError

NARROW_UP_TO = 2_000
"""So many touched persons are evaluated one by one; beyond, the whole rule is evaluated and compared."""


@dataclass(slots=True)
class Standing:
    """A segment with its rule as read; `rule` is None while it cannot be read (a tag of it is gone)."""

    segment: Segment
    rule: ReadRule | None
    problem: str = ""
    members: BitMap = field(default_factory=BitMap)

    def count(self) -> int | None:
        """How many members; None unless the segment is live."""
        return len(self.members) if self.segment.state is State.LIVE else None


class TenantSegments:
    """One tenant's standing segments. Changed only where nobody reads them."""

    def __init__(self, index: TenantIndex) -> None:
        self.index = index
        self._standing: dict[str, Standing] = {}
        self._order: tuple[str, ...] = ()

    # ------------------------------------------------------------------------------------------ reading

    def get(self, segment_id: str) -> Standing | None:
        """One segment."""
        return self._standing.get(segment_id)

    def all(self) -> list[Standing]:
        """In order of segment_id."""
        return [self._standing[segment_id] for segment_id in sorted(self._standing)]

    def members_by_segment(self) -> dict[str, BitMap]:
        """The members of every live segment."""
        return {
            segment_id: standing.members
            for segment_id, standing in self._standing.items()
            if standing.segment.state is State.LIVE
        }

    def forms(self) -> list[str]:
        """The features that all segments need, in order."""
        rules = (standing.rule for standing in self._standing.values())
        return sorted({form for rule in rules if rule is not None for form in rule.forms})

    def users_of(self, segment_id: str) -> list[str]:
        """The segments that refer to one."""
        return sorted(
            name
            for name, standing in self._standing.items()
            if standing.rule is not None and segment_id in standing.rule.segments
        )

    def evaluate(self, rule: ReadRule, now: dt.datetime, only: BitMap | None = None) -> BitMap:
        """Of whom the rule is true, of `only` when given."""
        view = self.index.bitmaps(self.members_by_segment(), only)
        schema = Catalogue.of(self.index.tag_types().values())
        setting = Setting(schema, self.index.as_of(now), self.index.calendar)
        return members(rule.body, view, setting, rule.population)

    # ----------------------------------------------------------------------------------------- changing

    def put(self, segment: Segment, rule: ReadRule | None, problem: str = "") -> None:
        """Adds or replaces a segment; its members are computed by the next `follow`. Raises SegmentCycle, and then
        nothing has changed."""
        standing = dict(self._standing)
        before = standing.get(segment.segment_id)
        members = BitMap() if before is None else before.members
        standing[segment.segment_id] = Standing(segment.at(State.PREPARING), rule, problem, members)
        self._order = _ordered(standing)
        self._standing = standing

    def remove(self, segment_id: str) -> None:
        """Takes a segment away."""
        self._standing.pop(segment_id, None)
        self._order = tuple(name for name in self._order if name != segment_id)

    def reread(self, read: Callable[[Segment], ReadRule], tags: Iterable[str] | None) -> None:
        """Reads the rules again that look at one of these tags (None: any), or that could not be read before."""
        changed = None if tags is None else set(tags)
        for standing in self._standing.values():
            if changed is not None and standing.rule is not None and not changed & standing.rule.tags:
                continue
            try:
                standing.rule, standing.problem = read(standing.segment), ""
            except ServiceError as error:
                standing.rule, standing.problem = None, error.message
        self._order = _ordered(self._standing)

    def follow(self, touched: Touched, now: dt.datetime) -> Followed:
        """Brings states and members up to what the index holds now."""
        followed = Followed()
        moved: dict[str, BitMap] = {}
        for segment_id in self._order:
            standing = self._standing[segment_id]
            movement = self._move(standing, touched, moved, now)
            state, note = self._state_of(standing)
            if (state, note) != (standing.segment.state, standing.segment.note):
                standing.segment = standing.segment.at(state, note)
                followed.segments.append(standing.segment)
            if movement.entered or movement.left:
                moved[segment_id] = movement.entered | movement.left
                followed.movements.append(movement)
        return followed

    def _move(
        self, standing: Standing, touched: Touched, moved: Mapping[str, BitMap], now: dt.datetime
    ) -> Movement:
        segment_id = standing.segment.segment_id
        state, _ = self._state_of(standing)
        rule = standing.rule
        if state is not State.LIVE or rule is None:
            left, standing.members = standing.members, BitMap()
            return Movement(segment_id, BitMap(), left)
        anew = standing.segment.state is not State.LIVE or touched.everyone
        if anew or (touched.day is not None and rule.of_the_day):
            return self._compare(standing, rule, None, now)
        persons = touched.persons_of(self._columns(rule))
        for name in rule.segments:
            persons |= moved.get(name, BitMap())
        if not persons:
            return Movement(segment_id, BitMap(), BitMap())
        return self._compare(standing, rule, persons if len(persons) <= NARROW_UP_TO else None, now)

    def _compare(self, standing: Standing, rule: ReadRule, only: BitMap | None, now: dt.datetime) -> Movement:
        found = self.evaluate(rule, now, only)
        before = standing.members if only is None else standing.members & only
        entered, left = found - before, before - found
        standing.members |= entered
        standing.members -= left
        return Movement(standing.segment.segment_id, entered, left)

    def _columns(self, rule: ReadRule) -> frozenset[str]:
        features = self.index.features
        return rule.tags | {features[form].column for form in rule.forms if form in features}

    def _state_of(self, standing: Standing) -> tuple[State, str]:
        """The state that the index allows, with its note."""
        rule = standing.rule
        if rule is None:
            return State.FAILED, standing.problem
        for tag_id in sorted(rule.tags):
            if tag_id not in self.index.tags:
                return State.FAILED, f"tag '{tag_id}' is gone"
        for name in sorted(rule.segments):
            referred = self._standing.get(name)
            if referred is None or referred.segment.state is State.FAILED:
                return State.FAILED, f"segment '{name}' failed or is gone"
            if referred.segment.state is State.PREPARING:
                return State.PREPARING, f"waits for segment '{name}'"
        for form in sorted(rule.forms):
            feature = self.index.features.get(form)
            if feature is None:
                return State.PREPARING, f"waits for {form}"
            if feature.state is FeatureState.FAILED:
                return State.FAILED, f"{form} could not be computed: {feature.failure}"
            if feature.state is not FeatureState.LIVE:
                return (
                    State.PREPARING,
                    f"{form}: {feature.done_count} of {feature.total_count} persons computed",
                )
        return State.LIVE, ""


def _ordered(standing: Mapping[str, Standing]) -> tuple[str, ...]:
    """Segments after those they refer to."""
    graph = {
        name: sorted(each.rule.segments & standing.keys()) if each.rule is not None else []
        for name, each in sorted(standing.items())
    }
    try:
        return tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        raise SegmentCycle(list(error.args[1])) from error
