"""Forms asked of a batch of persons: aggregates for all at once, what stands above them person by person."""

from collections.abc import Sequence

from rules.errors import NumberOverflow
from rules.evaluate.meaning import Value
from rules.evaluate.person.evaluator import PersonScope
from rules.evaluate.person.facts import Person, ReferenceRows
from rules.evaluate.person.interpreter import truth, value
from rules.evaluate.setting import Setting
from rules.tree import Aggregate, Condition, Expression, Feature, Grouped, Property, TagRef

from .aggregates import OVERFLOWED, Found, Overflowed, aggregated
from .grouped import Group, groups_of
from .rows import EventRows, RowReader


class Batch:
    """Persons at one moment. `rows` are their events; several moments share them.

    The tags of a person are read when they are asked for: what has been added to the mapping since counts.
    """

    def __init__(
        self, persons: Sequence[Person], rows: EventRows, setting: Setting, tables: ReferenceRows
    ) -> None:
        self._persons = persons
        self._setting = setting
        self._tables = tables
        self._reader = RowReader(rows, setting, tables)
        self._aggregates: dict[Aggregate, list[Found]] = {}
        self._seen: dict[int, tuple[Aggregate, list[Found]]] = {}
        self._scopes: list[_BatchScope] | None = None

    def answers(self, form: Expression | Condition) -> tuple[list[Value | None], frozenset[int]]:
        """The form's typed value of each person, of a condition its truth; None = unknown. Beside it the slots of those
        whose numbers overflow: their value is None too."""
        if isinstance(form, Aggregate):
            return _told_apart(self.aggregate(form))
        if self._scopes is None:
            self._scopes = [_BatchScope(self, slot, each) for slot, each in enumerate(self._persons)]
        found: list[Value | None] = []
        failed: set[int] = set()
        for slot, scope in enumerate(self._scopes):
            try:
                found.append(value(form, scope) if isinstance(form, Expression) else truth(form, scope))
            except NumberOverflow:
                failed.add(slot)
                found.append(None)
        return found, frozenset(failed)

    def groups(self, node: Grouped) -> tuple[list[list[Group]], frozenset[int]]:
        """Each person's (key, number, events) in order of the key, none for those whose numbers overflow; and their
        slots."""
        found, failed = groups_of(node, self._reader, len(self._persons))
        for slot in failed:
            found[slot] = []
        return found, failed

    def aggregate(self, node: Aggregate) -> list[Found]:
        """Of each person; the same aggregate is computed once. Every person asks: the node itself is known without
        comparing trees."""
        seen = self._seen.get(id(node))
        if seen is not None:
            return seen[1]
        found = self._aggregates.get(node)
        if found is None:
            found = self._aggregates[node] = aggregated(node, self._reader, self._persons, self._tables)
        self._seen[id(node)] = node, found
        return found


class _BatchScope(PersonScope):
    """One person of a batch: aggregates are read from the batch."""

    def __init__(self, batch: Batch, slot: int, person: Person) -> None:
        super().__init__(person, batch._setting, batch._tables)  # one thing in two classes
        self._batch = batch
        self._slot = slot

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Value | None:
        if not isinstance(leaf, Aggregate):
            return super().read(leaf)
        found = self._batch.aggregate(leaf)[self._slot]
        if isinstance(found, Overflowed):
            raise NumberOverflow("the result does not fit")
        return found


def _told_apart(found: Sequence[Found]) -> tuple[list[Value | None], frozenset[int]]:
    failed = frozenset(slot for slot, each in enumerate(found) if each is OVERFLOWED)
    if not failed:
        return list(found), failed  # type: ignore[arg-type]  # nothing overflowed
    return [None if isinstance(each, Overflowed) else each for each in found], failed
