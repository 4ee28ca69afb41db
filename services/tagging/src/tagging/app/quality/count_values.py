"""One column gone over once, block by block: who has a value, how values spread, and which break their owner's rules.

Costs one read of the column's block files, and of texts those that are told or checked; keeps none of it in memory.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from rules.evaluate.meaning import text_test
from rules.tree import TextOperator
from rules.values import Kind
from rules.windows import CalendarSettings
from sqlalchemy import Connection
from tagging.domain.columns import Bools, Ints, Shape, days, microseconds
from tagging.domain.quality import distribution as spread
from tagging.domain.quality.distribution import BinnedCounts, Distribution, NamedCounts
from tagging.domain.quality.measurement import Agreement, Validity
from tagging.domain.quality.rules import QualityRules, day_of
from tagging.store.tag_ports import TagValues

CHECKED_TEXTS = 2_000
"""Texts that are read at a time."""
_ONE_DAY = dt.timedelta(days=1)
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """What to count of a column.

    edges         of the bins of the measurement before; None cuts new ones, as long as there was none of enough values
    today         the tenant's day; `calendar` its calendar
    contradicted  of whom the rule of contradiction holds, ascending; None when there is no rule
    """

    column: str
    shape: Shape
    rules: QualityRules
    today: dt.date
    calendar: CalendarSettings
    edges: tuple[int, ...] | None = None
    contradicted: Ints | None = None


@dataclass(slots=True)
class Counted:
    """What was counted. `validity` None: no rule that a value could break; `agreement` None: no rule."""

    known_count: int = 0
    distribution: Distribution = field(default_factory=NamedCounts)
    validity: Validity | None = None
    agreement: Agreement | None = None


class CountValues:
    """Reads in the caller's snapshot."""

    def __init__(self, values: TagValues) -> None:
        self._values = values

    def __call__(self, connection: Connection, tenant: str, question: Question) -> Counted:
        """Nothing known of a column that is not declared."""
        if question.column not in self._values.columns(connection, tenant):
            return Counted()
        if spread.is_ordered(question.shape.base):
            return self._ordered(connection, tenant, question)
        return self._named(connection, tenant, question)

    def _ordered(self, connection: Connection, tenant: str, question: Question) -> Counted:
        base, today = question.shape.base, days(question.today)
        edges = question.edges
        if edges is None:
            edges = spread.edges_of(spread.ordered(self._sample(connection, tenant, question), base, today))
        counts = np.zeros(len(edges) + 1, np.int64)
        limits = _limits(question)
        people, broken, any_broken = _People(question), dict.fromkeys(limits, 0), 0
        for persons, codes in self._blocks(connection, tenant, question):
            people.see(persons)
            counts += spread.binned(spread.ordered(codes, base, today), edges)
            wrong: Bools = np.zeros(len(codes), np.bool_)
            for name, (least, limit) in limits.items():
                outside = codes < limit if least else codes > limit
                broken[name] += int(np.count_nonzero(outside))
                wrong |= outside
            any_broken += int(np.count_nonzero(wrong))
        total = int(counts.sum())
        validity = Validity(total, any_broken, broken) if limits else None
        return Counted(people.known, BinnedCounts(edges, tuple(counts.tolist())), validity, people.agreement)

    def _named(self, connection: Connection, tenant: str, question: Question) -> Counted:
        counts = np.zeros(2, np.int64)
        people = _People(question)
        for persons, codes in self._blocks(connection, tenant, question):
            people.see(persons)
            found = np.bincount(codes)
            if len(found) > len(counts):
                counts = np.concatenate((counts, np.zeros(len(found) - len(counts), np.int64)))
            counts[: len(found)] += found
        told = spread.most_frequent(counts)
        names: dict[int, str | bool]
        if question.shape.base is Kind.BOOL:
            names = {code: bool(code) for code in told}
        else:
            texts = self._values.texts_of(connection, tenant, question.column, told) if told else {}
            names = {code: texts[code] for code in told}
        validity = self._checked(connection, tenant, question, counts)
        return Counted(people.known, spread.named(counts, names), validity, people.agreement)

    def _checked(
        self, connection: Connection, tenant: str, question: Question, counts: Ints
    ) -> Validity | None:
        """Every text that anybody has, by the rules for texts."""
        rules = question.rules
        if not rules.value_rules():
            return None
        allowed, whole = frozenset(rules.allowed), f"^(?:{rules.pattern})$"
        broken, any_broken = Counter[str](), 0
        present = np.flatnonzero(counts)
        for start in range(0, len(present), CHECKED_TEXTS):
            codes = present[start : start + CHECKED_TEXTS].tolist()
            texts = self._values.texts_of(connection, tenant, question.column, codes)
            for code in codes:
                count, text = int(counts[code]), texts[code]
                strange = bool(allowed) and text not in allowed
                odd = bool(rules.pattern) and not text_test(TextOperator.MATCHES, text, whole)
                broken["allowed"] += count if strange else 0
                broken["pattern"] += count if odd else 0
                any_broken += count if strange or odd else 0
        said = {name: broken[name] for name in rules.value_rules()}
        return Validity(int(counts.sum()), any_broken, said)

    def _sample(self, connection: Connection, tenant: str, question: Question) -> Ints:
        """Codes at equal distances over all blocks, at most MAX_SAMPLE of them."""
        known = self._values.known_count(connection, tenant, question.column)
        step = max(1, known // spread.MAX_SAMPLE)
        parts = [codes[::step] for _, codes in self._blocks(connection, tenant, question)]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def _blocks(self, connection: Connection, tenant: str, question: Question) -> Iterator[tuple[Ints, Ints]]:
        """The persons with a value, and all values."""
        for block in self._values.blocks(connection, tenant, question.column):
            coded = self._values.scan_block(connection, tenant, question.column, block)
            yield coded.persons, coded.codes


class _People:
    """Counts persons with a value, and those whom behaviour contradicts."""

    def __init__(self, question: Question) -> None:
        self._contradicted = question.contradicted
        self.known = 0
        self._found = 0

    def see(self, persons: Ints) -> None:
        self.known += len(persons)
        if self._contradicted is not None:
            found = np.isin(persons, self._contradicted, assume_unique=True)
            self._found += int(np.count_nonzero(found))

    @property
    def agreement(self) -> Agreement | None:
        return None if self._contradicted is None else Agreement(self.known, self._found)


def _limits(question: Question) -> dict[str, tuple[bool, int]]:
    """Rule -> (whether codes are at least, or at most, the code)."""
    rules, base = question.rules, question.shape.base
    found: dict[str, tuple[bool, int]] = {}
    if rules.least is not None:
        found["least"] = (True, rules.least)
    if rules.most is not None:
        found["most"] = (False, rules.most)
    if rules.earliest:
        found["earliest"] = (True, _first(day_of(rules.earliest, question.today), base, question.calendar))
    if rules.latest:
        found["latest"] = (False, _last(day_of(rules.latest, question.today), base, question.calendar))
    return found


def _first(day: dt.date, base: Kind, calendar: CalendarSettings) -> int:
    """The code of the first date or moment of a day."""
    if base is Kind.DATE:
        return days(day)
    try:
        return microseconds(calendar.midnight(day))
    except OverflowError:  # UTC has no such year
        return days(day) * _DAY_US


def _last(day: dt.date, base: Kind, calendar: CalendarSettings) -> int:
    """The code of the last one."""
    if base is Kind.DATE:
        return days(day)
    after = (days(day) + 1) * _DAY_US if day == dt.date.max else _first(day + _ONE_DAY, base, calendar)
    return after - 1
