"""The standing segments of one tenant: their members follow every change by looking only at the persons it touched."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from pyroaring import BitMap
from rules.errors import NumberOverflow
from rules.evaluate.bitmaps import members
from rules.evaluate.selection import condition_within
from rules.evaluate.setting import Setting
from segments.app.order import ordered
from segments.app.readings import Readings
from segments.app.rule_reading import ReadRule
from segments.app.standing import Standing
from segments.app.today import today
from segments.app.waiting import waits
from segments.domain.frozen import Frozen
from segments.domain.members import NOBODY
from segments.domain.movement import Flips, Followed, Movement
from segments.domain.segment import STATIC_RULE, Kind, Segment, State
from segments.domain.shared_parts import SharedParts, shared_parts
from segments.domain.touched import Touched
from segments.store.ports import TenantIndex, Watched
from servicekit.errors import ServiceError
from servicekit.revision import Lane

BY_PERSON = 100
POPULATION_PER_PERSON = 1_000
"""So many touched persons, and one more per so many of the population, are evaluated by their values alone; beyond,
asking whole columns is cheaper."""


class TenantSegments:
    """One tenant's index and standing segments at one version. Whoever changes it changes a copy."""

    def __init__(self, index: TenantIndex, moment: dt.datetime) -> None:
        self.index = index
        self.moment = self._held_at = moment
        self._standing: dict[str, Standing] = {}
        self._own: set[str] = set()
        self._order: tuple[str, ...] = ()
        self._watched: list[Watched] | None = None
        self.readings = Readings()

    def copy(self) -> "TenantSegments":
        """One to change; the index too is a copy."""
        other = TenantSegments(self.index.copy(), self.moment)
        other._standing, other._order, other._held_at = dict(self._standing), self._order, self._held_at
        other._watched, other.readings = self._watched, self.readings
        return other

    def _mine(self, segment_id: str) -> Standing:
        """One to change: copied when it is first."""
        if segment_id not in self._own:
            standing = self._standing[segment_id]
            copied = replace(standing, told_elsewhere=dict(standing.told_elsewhere))
            self._standing[segment_id] = copied
            self._own.add(segment_id)
        return self._standing[segment_id]

    # ------------------------------------------------------------------------------------------ reading

    def get(self, segment_id: str) -> Standing | None:
        """One segment."""
        return self._standing.get(segment_id)

    def all(self) -> list[Standing]:
        """In order of segment_id."""
        return [self._standing[segment_id] for segment_id in sorted(self._standing)]

    def names(self) -> list[str]:
        """The ids of all segments, in order."""
        return sorted(self._standing)

    @property
    def order(self) -> tuple[str, ...]:
        """The ids of all segments, each behind those that it refers to; another tuple when they are others."""
        return self._order

    def forms(self) -> list[str]:
        """The features that all segments need, in order."""
        asking = (each for each in self._standing.values() if each.settled is None or each.turns_daily)
        rules = (standing.rule for standing in asking)
        return sorted({form for rule in rules if rule is not None for form in rule.forms})

    def users_of(self, segment_id: str) -> list[str]:
        """The segments that refer to one."""
        return sorted(
            name
            for name, standing in self._standing.items()
            if standing.rule is not None and segment_id in standing.rule.segments
        )

    def members_by_segment(self) -> dict[str, BitMap]:
        """The members of every segment that has any to speak of."""
        return {name: standing.members for name, standing in self._standing.items() if standing.has_members}

    def as_of(self, rule: ReadRule, now: dt.datetime) -> dt.datetime:
        """The moment that a rule's members hold for: for a rule that ages, the one at which it was last looked at."""
        today = self.index.as_of(now)
        if not (rule.of_the_hour or rule.of_the_day):
            return today
        then, day_of = self.index.as_of(self.moment), self.index.calendar.day_of
        stale = rule.of_the_hour or day_of(then) != day_of(today)
        return then if stale else today

    def evaluate(
        self, rule: ReadRule, only: BitMap | None = None, parts: SharedParts | None = None
    ) -> BitMap:
        """Of whom the rule is true at `moment`, of `only` when given; `parts`: of all that are evaluated now. Raises
        NumberOverflow."""
        population = len(self.index.population(rule.population))
        by_person = only is not None and len(only) <= BY_PERSON + population // POPULATION_PER_PERSON
        inner = {name: self._standing[name] for name in rule.segments if name in self._standing}
        found = {name: each.members for name, each in inner.items() if each.has_members}
        view = self.index.bitmaps(found, only, by_person=by_person)
        if only is None:
            return self.index.select(rule.body, view, self.setting(), rule.population, parts)
        return members(rule.body, view, self.setting(), rule.population)

    def setting(self) -> Setting:
        """What rules are evaluated with at `moment`."""
        return Setting(self.index.schema, self.index.as_of(self.moment), self.index.calendar)

    # ----------------------------------------------------------------------------------------- changing

    def put(self, segment: Segment, rule: ReadRule | None, problem: str = "") -> None:
        """Adds or replaces a segment; its members are computed by the next `follow`. Raises SegmentCycle, and then
        nothing has changed."""
        before = self._standing.get(segment.segment_id)
        placed = Standing(segment.at(State.PREPARING), rule, problem)
        if before is not None:
            placed.held, placed.told_elsewhere = before.held, dict(before.told_elsewhere)
            if _means_the_same(before.segment, segment):
                placed.frozen = before.frozen
        self._watched = None
        standing = {**self._standing, segment.segment_id: placed}
        self._order = ordered({name: each.rule for name, each in standing.items()})
        self._standing = standing
        self._own.add(segment.segment_id)

    def freeze(self, segment_id: str, frozen: Frozen) -> None:
        """Gives a segment members that follow no rule; the next `follow` tells."""
        self._watched = None
        standing = self._mine(segment_id)
        standing.frozen, standing.segment = frozen, standing.segment.at(State.PREPARING)

    def compute_anew(self, segment_id: str) -> None:
        """Has members that stay computed once more by the next `follow` that can; until then they stand."""
        self._watched = None
        standing = self._mine(segment_id)
        if standing.frozen is not None:
            standing.frozen = replace(standing.frozen, stale=True)
        if standing.problem:
            standing.rule = None
        standing.segment = standing.segment.at(State.PREPARING)

    def restate(self, segment: Segment) -> None:
        """Exchanges what is said of a segment beside its rule and population; members stay."""
        self._mine(segment.segment_id).segment = segment

    def remove(self, segment_id: str) -> None:
        """Takes a segment away."""
        self._watched = None
        self._standing.pop(segment_id, None)
        self._order = tuple(name for name in self._order if name != segment_id)

    def resting_on(self, index: TenantIndex) -> "TenantSegments":
        """A copy over another index; `begin` with it."""
        other = TenantSegments(index, self.moment)
        other._standing, other._order, other._held_at = dict(self._standing), self._order, self._held_at
        return other

    def reread(self, read: Callable[[Segment], ReadRule], tags: Iterable[str] | None) -> None:
        """Reads the rules again that look at one of these tags (None: any), or that could not be read before."""
        self._watched = None
        changed = None if tags is None else set(tags)
        for name, held in tuple(self._standing.items()):
            rule = held.rule
            readable = rule is not None and not held.problem
            if changed is not None and readable and rule is not None and not changed & rule.tags:
                continue
            standing = self._mine(name)
            try:
                standing.rule, standing.problem = read(standing.segment), ""
            except ServiceError as error:
                standing.problem = error.message
                if standing.settled is None or standing.segment.draft.kind is Kind.DYNAMIC:
                    standing.rule = None
                elif standing.rule is None:
                    standing.rule = read(_without_rule(standing.segment))
        self._order = ordered({name: each.rule for name, each in self._standing.items()})

    def begin(self, moment: dt.datetime | None = None) -> Followed:
        """Computes all members without telling of them: who needs them was told before, or bootstraps."""
        followed = self.follow(Touched(everyone=True), Lane.LIVE, moment)
        for name in self._standing:
            self._mine(name).told_elsewhere = {}
        return followed

    def follow(self, touched: Touched, lane: Lane, moment: dt.datetime | None = None) -> Followed:
        """Brings states and members up to what the index holds, at a later moment when one is given. `lane` is the
        one that the movements will be told in."""
        aged = self._age(moment)
        followed = Followed()
        moved: dict[str, Movement] = {}
        flips, parts = self._flips(touched), self._parts(touched, aged, moment)
        for segment_id in self._order:
            if segment_id in flips.names and self._only_flips(self._standing[segment_id], touched, aged):
                self._flip(segment_id, flips, touched, lane, followed, moved)
                continue
            standing = self._mine(segment_id)
            waiting = self._waits(standing)
            self._keep(standing, waiting[0], followed)
            movement = self._move(standing, touched, moved, aged, lane, followed, waiting[0], parts)
            state, note = standing.state_after(waiting)
            if (state, note) != (standing.segment.state, standing.segment.note):
                standing.segment = standing.segment.at(state, note)
                followed.segments.append(standing.segment)
            if state is State.LIVE and standing.frozen is None and standing.freezes:
                standing.frozen = followed.frozen[segment_id] = Frozen(standing.members.copy(), self._today())
            _note(movement, followed, moved)
        if followed.frozen:
            self._watched = None
        self._held_at = self.index.as_of(self.moment)
        return followed

    def _flips(self, touched: Touched) -> Flips:
        """Of the rules that all touched persons can be asked at once, as far as the index can."""
        if self._watched is None:
            self._watched = [
                Watched(segment_id, rule.body, rule.population)
                for segment_id in self._order
                if (standing := self._standing[segment_id]).frozen is None
                and (rule := standing.rule) is not None
                and not (rule.segments or rule.of_the_hour or rule.of_all or rule.body.steps)
            ]
        persons = touched.persons_of(touched.columns)
        return self.index.flips(
            self._watched, self.setting(), persons, lambda name: self._standing[name].members
        )

    def _only_flips(self, standing: Standing, touched: Touched, aged: Callable[[ReadRule], bool]) -> bool:
        """Whether nothing but the values of single persons can have moved a segment and its state."""
        rule = standing.rule
        if rule is None or touched.everyone or not standing.live or standing.frozen is not None or aged(rule):
            return False
        if touched.day is not None and rule.of_the_day:
            return False
        if not (rule.tags.isdisjoint(touched.tags) and touched.features.keys().isdisjoint(rule.forms)):
            return False
        return not touched.anew or touched.anew.isdisjoint(self._columns(rule))

    def _flip(
        self,
        segment_id: str,
        flips: Flips,
        touched: Touched,
        lane: Lane,
        followed: Followed,
        moved: dict[str, Movement],
    ) -> None:
        movement = flips.movements.get(segment_id)
        is_awaited = bool(self._standing[segment_id].told_elsewhere.get(lane))
        if movement is None and not is_awaited:
            return
        standing = self._mine(segment_id)
        assert standing.rule is not None
        if movement is None:
            movement = Movement(segment_id, NOBODY, NOBODY)
        else:
            standing.held = standing.held.moved(movement.entered, movement.left)
        persons = touched.persons_of(self._columns(standing.rule)) if is_awaited else NOBODY
        _note(standing.told(movement, persons, lane), followed, moved)

    def _age(self, moment: dt.datetime | None) -> Callable[[ReadRule], bool]:
        """Moves the moment; answers which rules it may have moved. Time does not go back."""
        before = self.index.as_of(self.moment)
        if moment is not None:
            self.moment = max(self.moment, moment)
        after = self.index.as_of(self.moment)
        day_of = self.index.calendar.day_of
        other_day = moment is not None and day_of(before) != day_of(after)
        later = moment is not None and before != after
        return lambda rule: (other_day and rule.of_the_day) or (later and rule.of_the_hour)

    def _today(self) -> dt.datetime:
        """The moment, not before the day that windows stand at."""
        day = self.index.day
        return self.moment if day is None else max(self.moment, self.index.calendar.midnight(day.day))

    def _ages(self, rule: ReadRule | None) -> bool:
        """Whether members by a rule, or those of a segment it refers to at any depth, are other ones as time goes."""
        if rule is None:
            return False
        inner = (each.rule for name in rule.segments if (each := self._standing.get(name)) is not None)
        return rule.of_the_day or rule.of_the_hour or rule.of_all or any(map(self._ages, inner))

    def _has_turned(self, standing: Standing) -> bool:
        """Whether another day has begun than the one that the members are of."""
        day, frozen = self.index.day, standing.frozen
        if day is None or frozen is None or not standing.turns_daily:
            return False
        return self.index.calendar.day_of(frozen.time) < day.day

    def _keep(self, standing: Standing, waiting: State, followed: Followed) -> None:
        """Holds fast to the members that a segment has while its rule waits, and lets go of them when it does not."""
        frozen = standing.frozen
        if frozen is None:
            if waiting is not State.PREPARING or not standing.live:
                return
            time = self._held_at if self._ages(standing.rule) else self._today()
            frozen = Frozen(standing.members, time, stale=True)
        elif standing.rule is None or (frozen.stale and waiting is not State.PREPARING):
            frozen = None
        elif standing.turns_daily and not frozen.stale and waiting is State.PREPARING:
            frozen = replace(frozen, stale=True)
        elif not frozen.stale and self._has_turned(standing):
            frozen = None
        else:
            return
        self._watched = None
        standing.frozen = followed.frozen[standing.segment.segment_id] = frozen

    def _move(
        self,
        standing: Standing,
        touched: Touched,
        moved: Mapping[str, Movement],
        aged: Callable[[ReadRule], bool],
        lane: Lane,
        followed: Followed,
        waiting: State,
        parts: SharedParts | None,
    ) -> Movement:
        rule, persons = standing.rule, self._concerned(standing, touched, moved)
        if standing.frozen is not None:
            self._forget(standing, standing.frozen, touched, followed)
            movement = self._resolved(standing, standing.frozen.members, touched)
            return standing.told(movement, persons, lane)
        if rule is None or waiting is not State.LIVE:
            return standing.told(standing.emptied(), persons, lane)
        anew = rule.of_all or self._is_anew(rule, touched, aged)
        if not standing.live and (persons or anew or not standing.overflow):
            anew = True
        if not persons and not anew:
            return Movement(standing.segment.segment_id, NOBODY, NOBODY)
        return standing.told(self._compare(standing, rule, None if anew else persons, parts), persons, lane)

    def _concerned(self, standing: Standing, touched: Touched, moved: Mapping[str, Movement]) -> BitMap:
        """Whose membership the batch spoke of. No value speaks of members that stay whatever the rule would select."""
        rule = standing.rule
        if rule is None or standing.settled is not None:
            return touched.universe
        persons = touched.persons_of(self._columns(rule))
        for name in rule.segments & moved.keys():
            persons |= moved[name].entered | moved[name].left
        return persons

    def _forget(self, standing: Standing, frozen: Frozen, touched: Touched, followed: Followed) -> None:
        """Takes the erased out of what is stored."""
        erased = touched.universe & frozen.members & self.index.erased()
        if erased:
            kept = replace(frozen, members=frozen.members - erased)
            standing.frozen = followed.frozen[standing.segment.segment_id] = kept

    def _resolved(self, standing: Standing, frozen: BitMap, touched: Touched) -> Movement:
        """The members of a frozen segment are who its persons are today."""
        concerned = (touched.universe & frozen) | (touched.universe & standing.members)
        if standing.has_members and not concerned and not touched.everyone:
            return Movement(standing.segment.segment_id, NOBODY, NOBODY)
        found, before = today(self.index, frozen), standing.members
        standing.members = found
        return Movement(standing.segment.segment_id, found - before, before - found)

    def _is_anew(self, rule: ReadRule, touched: Touched, aged: Callable[[ReadRule], bool]) -> bool:
        """Whether the batch may have moved anybody, so that all are looked at."""
        if touched.everyone or aged(rule) or (touched.day is not None and rule.of_the_day):
            return True
        return bool(touched.anew) and not touched.anew.isdisjoint(self._columns(rule))

    def _parts(
        self, touched: Touched, aged: Callable[[ReadRule], bool], moment: dt.datetime | None
    ) -> SharedParts | None:
        """What the rules have in common that are computed anew; None when a batch brings single values alone."""
        if not (touched.everyone or touched.anew or touched.day or moment):
            return None
        rules = (each.rule for each in self._standing.values() if each.frozen is None)
        return shared_parts(
            (rule.population, condition_within(rule.body))
            for rule in rules
            if rule is not None and not rule.segments and self._is_anew(rule, touched, aged)
        )

    def _compare(
        self, standing: Standing, rule: ReadRule, only: BitMap | None, parts: SharedParts | None
    ) -> Movement:
        try:
            found = self.evaluate(rule, only, parts)
        except NumberOverflow:
            standing.overflow = True
            return standing.emptied()
        standing.overflow = False
        before = standing.members if only is None else standing.members & only
        entered, left = found - before, before - found
        standing.held = standing.held.moved(entered, left)
        return Movement(standing.segment.segment_id, entered, left)

    def _columns(self, rule: ReadRule) -> frozenset[str]:
        features = self.index.features
        return rule.tags | {features[form].column for form in rule.forms if form in features}

    def _waits(self, standing: Standing) -> tuple[State, str]:
        """What computing the members would wait for, with a note."""
        rule = standing.rule
        if rule is None:
            return State.FAILED, standing.problem
        return waits(rule, self._columns(rule), self.index, self._state)

    def _state(self, segment_id: str) -> State | None:
        standing = self._standing.get(segment_id)
        return None if standing is None else standing.segment.state


def _note(movement: Movement, followed: Followed, moved: dict[str, Movement]) -> None:
    if movement.entered or movement.left:
        moved[movement.segment_id] = movement
        followed.movements.append(movement)


def _means_the_same(before: Segment, after: Segment) -> bool:
    return (before.draft.rule, before.draft.population) == (after.draft.rule, after.draft.population)


def _without_rule(segment: Segment) -> Segment:
    """For a frozen segment whose rule cannot be read any more: nothing is asked of it."""
    return replace(segment, draft=replace(segment.draft, rule=STATIC_RULE))
