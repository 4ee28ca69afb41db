"""Why single persons entered or left: the conditions of the rule that flipped, told beside who moved.

Only where few moved at once. What moves many, as a run or a day, is told of as sets, and explained when somebody asks
for one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pyroaring import BitMap
from rules.evaluate.bitmaps import RuleBitmaps
from rules.evaluate.person import Person
from rules.evaluate.setting import Setting
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
    if sum(len(each.entered) + len(each.left) for each in followed.movements) > MOVES_EXPLAINED:
        return
    followed.movements = [_explained(before, after, each) for each in followed.movements]


def _explained(before: TenantSegments, after: TenantSegments, movement: Movement) -> Movement:
    old, new = before.get(movement.segment_id), after.get(movement.segment_id)
    if old is None or new is None or not (_follows(old) and _follows(new)):
        return movement
    assert old.rule is not None
    assert new.rule is not None
    if old.rule.canonical != new.rule.canonical:
        return movement
    leaves, persons = leaves_of(new.rule.body), movement.entered | movement.left
    if len(leaves) * len(persons) > LEAVES_EXPLAINED:
        return movement
    try:
        sides = _side(before, old.rule, leaves), _side(after, new.rule, leaves)
        causes = [_cause(*sides, person_id) for person_id in persons]
    except (LookupError, ColumnDamaged):
        return movement
    return replace(movement, causes=tuple(each for each in causes if each is not None))


def _follows(standing: Standing) -> bool:
    """Whether members are those of whom the conditions are true."""
    rule = standing.rule
    return rule is not None and not rule.of_all and standing.live and standing.frozen is None


@dataclass(frozen=True, slots=True)
class _Side:
    segments: TenantSegments
    rule: ReadRule
    leaves: Mapping[str, Condition]
    view: RuleBitmaps
    setting: Setting

    def truths(self, person_id: int) -> dict[str, bool | None]:
        person = self.person(person_id)
        return {text: truth_of(leaf, person, self.setting) for text, leaf in self.leaves.items()}

    def person(self, person_id: int) -> Person:
        """With all that the rule looks at. Raises LookupError, ColumnDamaged."""
        one = BitMap([person_id])
        tags = {name: dict(self.view.tag(name).values(one)).get(person_id) for name in self.rule.tags}
        features = {
            form: dict(self.view.feature(form).values(one)).get(person_id) for form in self.rule.forms
        }
        return Person(
            tags={name: value for name, value in tags.items() if value is not None},
            features={form: value for form, value in features.items() if value is not None},
            segments=frozenset(name for name in self.rule.segments if person_id in self.view.segment(name)),
        )

    def has(self, person_id: int) -> bool:
        """Whether the person is of the rule's population."""
        return person_id in self.segments.index.population(self.rule.population)


def _side(segments: TenantSegments, rule: ReadRule, leaves: Mapping[str, Condition]) -> _Side:
    inner = ((name, segments.get(name)) for name in rule.segments)
    members = {name: each.members for name, each in inner if each is not None and each.has_members}
    return _Side(segments, rule, leaves, segments.index.bitmaps(members), segments.setting())


def _cause(old: _Side, new: _Side, person_id: int) -> Cause | None:
    """None when nothing flipped: the person is told again because the other lane has told it."""
    if old.has(person_id) != new.has(person_id):
        return Cause(person_id, of_population=True)
    flips = tuple(Flip(*each) for each in flipped(old.truths(person_id), new.truths(person_id)))
    return Cause(person_id, flips) if flips else None
