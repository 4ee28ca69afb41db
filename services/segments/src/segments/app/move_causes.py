"""Why single persons entered or left: the conditions of the rule that flipped, told beside who moved.

Only where few moved at once. What moves many, as a run or a day, is told of as sets, and explained when somebody asks
for one of them.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import Column
from rules.evaluate.meaning import Value
from rules.evaluate.person import Person
from rules.tree import Condition
from segments.app.rule_leaves import flipped, leaves_of, truth_of
from segments.app.rule_reading import ReadRule
from segments.app.standing import Standing
from segments.app.tenant_segments import TenantSegments
from segments.domain.movement import Cause, Flip, Followed, Movement
from segments.errors import ColumnDamaged

MOVES_EXPLAINED = 32
"""Persons who enter or leave segments by one batch of changes, of a tenant: of more none is explained."""
LEAVES_EXPLAINED = 1_000
"""Conditions that are looked at for one segment, of all its persons: of more none is explained."""


def explain_moves(before: TenantSegments, after: TenantSegments, followed: Followed) -> None:
    """Adds the causes to what a batch of changes has moved; `before`: the version that it was applied to."""
    if not 0 < sum(len(each.entered) + len(each.left) for each in followed.movements) <= MOVES_EXPLAINED:
        return
    sides = _Side(before), _Side(after)
    followed.movements = [_explained(*sides, each) for each in followed.movements]


def _explained(old: "_Side", new: "_Side", movement: Movement) -> Movement:
    rules = [_followed(each.segments.get(movement.segment_id)) for each in (old, new)]
    if rules[0] is None or rules[1] is None or rules[0].canonical != rules[1].canonical:
        return movement
    leaves, persons = leaves_of(rules[1].body), movement.entered | movement.left
    if len(leaves) * len(persons) > LEAVES_EXPLAINED:
        return movement
    try:
        causes = [_cause(old, new, rules[1], leaves, person_id) for person_id in persons]
    except (LookupError, ColumnDamaged):
        return movement
    return replace(movement, causes=tuple(each for each in causes if each is not None))


def _followed(standing: Standing | None) -> ReadRule | None:
    """The rule of a segment whose members are those of whom its conditions are true."""
    if standing is None or not standing.live or standing.frozen is not None:
        return None
    return None if standing.rule is None or standing.rule.of_all else standing.rule


class _Side:
    """One version, asked for single persons; what several rules look at is read once."""

    def __init__(self, segments: TenantSegments) -> None:
        self.segments = segments
        self.setting = segments.setting()
        self._view = segments.index.bitmaps({})
        self.tag, self.feature = cache(self._tag), cache(self._feature)

    def person(self, rule: ReadRule, person_id: int) -> Person:
        """With all that a rule looks at. Raises LookupError, ColumnDamaged."""
        tags = {name: self.tag(name, person_id) for name in rule.tags}
        features = {form: self.feature(form, person_id) for form in rule.forms}
        return Person(
            tags={name: value for name, value in tags.items() if value is not None},
            features={form: value for form, value in features.items() if value is not None},
            segments=frozenset(name for name in rule.segments if self._is_in(name, person_id)),
        )

    def has(self, population: Population, person_id: int) -> bool:
        return person_id in self.segments.index.population(population)

    def _tag(self, name: str, person_id: int) -> Value | None:
        return _value(self._view.tag(name), person_id)

    def _feature(self, form: str, person_id: int) -> Value | None:
        return _value(self._view.feature(form), person_id)

    def _is_in(self, segment_id: str, person_id: int) -> bool:
        standing = self.segments.get(segment_id)
        return standing is not None and standing.has_members and person_id in standing.held


def _value(column: Column, person_id: int) -> Value | None:
    return dict(column.values(BitMap([person_id]))).get(person_id)


def _cause(
    old: _Side, new: _Side, rule: ReadRule, leaves: Mapping[str, Condition], person_id: int
) -> Cause | None:
    """None when nothing flipped: the person is told again because the other lane has told it."""
    if old.has(rule.population, person_id) != new.has(rule.population, person_id):
        return Cause(person_id, of_population=True)
    before, after = (
        {text: truth_of(leaf, person, side.setting) for text, leaf in leaves.items()}
        for side in (old, new)
        for person in (side.person(rule, person_id),)
    )
    flips = tuple(Flip(*each) for each in flipped(before, after))
    return Cause(person_id, flips) if flips else None
