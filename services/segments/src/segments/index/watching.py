"""All standing segments as one program over the columns of the block engine: who of the touched persons came and went.

A rule's members before a batch are those that the program finds over the columns as they were, so nobody's membership
is looked up: both versions are evaluated for the touched persons alone, and what differs has moved.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population
from rules.errors import UnsupportedNode
from rules.evaluate.meaning import Scalar
from rules.evaluate.setting import Setting
from rules.tree import Rule

from segments.domain.movement import Flips, Movement
from segments.engine.algebra import Sets
from segments.engine.columns import TagColumn
from segments.engine.conditions import ENGINE, sets_of
from segments.engine.containers import CARDINALITY_MASK, CARDINALITY_SHIFT
from segments.engine.live.changes import Codes
from segments.engine.live.holdings import changes_to
from segments.engine.live.lanes import LANES
from segments.engine.live.lookups import Words
from segments.engine.live.membership import PersonProgram, membership_words, person_program
from segments.engine.live.versions import changed
from segments.engine.members import members_of
from segments.engine.numbers import NumberColumn
from segments.engine.program import program_of
from segments.engine.sets import SetColumn
from segments.index.contained import ContainedColumn, threads
from segments.index.memory import MemoryColumn
from segments.index.selection import blocks_of
from segments.store.ports import Watched

PERSONS_AT_ONCE = 8_192
REGISTERS_MOST = 1 << 16
"""Registers of 64 persons, 8 bytes each: one for every part that rules share."""
VALUES_MOST = 4_096
GROWN_MOST = 8
"""A rule that looks at each text of a column is made anew with every new text, and with it the program. In a column
with more values, or where so many more have come since the rules or the day were others, it is followed by itself."""
Column = SetColumn | NumberColumn
Held = Mapping[str, MemoryColumn]


@dataclass(frozen=True, slots=True)
class People:
    """Who there is by now; `moved`: whoever may have come or gone since the version before, with another stamp."""

    populations: Mapping[Population, BitMap]
    stamp: int
    moved: BitMap

    def column(self, population: Population, before: SetColumn | None) -> SetColumn:
        """The population in row 0, as the next version of the one before."""
        persons = self.populations[population]
        if before is not None:
            ids = np.asarray(self.moved.to_array(), np.int64)
            inside = np.isin(ids, np.asarray((self.moved & persons).to_array(), np.int64))
            codes = Codes(inside.astype(np.int64), np.zeros(int(inside.sum()), np.int64))
            found = changed(before, changes_to(before, ids, codes), threads())
            if _count(found) == len(persons):
                return found
        return members_of(persons, blocks_of(self.populations[Population.ALL])).column()


@dataclass(frozen=True, slots=True, eq=False)
class _Noted(TagColumn):
    """A column that notes what a rule would find in it once somebody has such a value."""

    missing: set[Scalar] = field(default_factory=set)
    growing: list[int] = field(default_factory=list)
    is_restless: bool = False

    def _code(self, value: Scalar) -> int | None:
        found = TagColumn._code(self, value)
        if found is None:
            self.missing.add(value)
        return found

    def values(self) -> Iterator[tuple[Scalar, int]]:
        if self.is_restless:
            raise UnsupportedNode("each text of a column that has ever more", ENGINE)
        self.growing.append(len(self.dictionary or ()))
        return TagColumn.values(self)


@dataclass(frozen=True, slots=True)
class _View:
    """Columns in containers, as the rules read them."""

    held: Held
    forms: Mapping[str, str]
    noted: dict[str, _Noted]
    first: Mapping[str, int]

    def tag(self, name: str) -> TagColumn:
        return self._column(name)

    def feature(self, form: str) -> TagColumn:
        return self._column(self.forms[form])

    def universe(self, population: Population) -> SetColumn:
        raise UnsupportedNode("a population", ENGINE)

    def segment(self, name: str) -> SetColumn:
        raise UnsupportedNode("the members of another segment", ENGINE)

    def _column(self, name: str) -> TagColumn:
        if name not in self.noted:
            column = self.held[name]
            if not isinstance(column, ContainedColumn) or column.damage:
                raise UnsupportedNode("a column that is not in containers", ENGINE)
            tag = column.tag
            values = len(tag.dictionary or ())
            is_restless = values > min(VALUES_MOST, self.first.get(name, values) + GROWN_MOST)
            self.noted[name] = _Noted(tag.kind, tag.column, tag.dictionary, is_restless=is_restless)
        return self.noted[name]


@dataclass(frozen=True, slots=True)
class _Part:
    """The program of the rules within one population."""

    population: Population
    names: tuple[str, ...]
    universe: SetColumn
    program: PersonProgram


@dataclass(frozen=True, slots=True)
class Watching:
    """The program over one version of the index. `rules` is what it was made for, `columns` what it reads, and `first`
    how many values those had that are looked at text by text when it was first made for these rules on this day."""

    rules: tuple[Rule, ...]
    setting: Setting
    forms: Mapping[str, str]
    names: frozenset[str]
    parts: tuple[_Part, ...]
    columns: Mapping[str, _Noted]
    first: Mapping[str, int]
    stamp: int

    def serves(
        self, rules: Sequence[Watched], setting: Setting, held: Held, forms: Mapping[str, str]
    ) -> bool:
        """Whether it is of these rules still, on the same day, and no value has come that they ask for."""
        if not self.is_of(rules, setting, forms):
            return False
        return all(_stands(noted, held.get(name)) for name, noted in self.columns.items())

    def is_of(self, rules: Sequence[Watched], setting: Setting, forms: Mapping[str, str]) -> bool:
        """Whether it was made for these rules, on the same day."""
        if setting.schema is not self.setting.schema or setting.calendar != self.setting.calendar:
            return False
        if setting.today != self.setting.today or forms != self.forms or len(rules) != len(self.rules):
            return False
        return all(each.rule is rule for each, rule in zip(rules, self.rules, strict=True))

    def at(self, held: Held, people: People) -> "Watching":
        """The same over another version of the index that it serves."""
        versions: dict[Column, Column] = {}
        columns = dict(self.columns)
        for name, noted in self.columns.items():
            column = held[name]
            assert isinstance(column, ContainedColumn)
            tag = column.tag
            if tag.column is noted.column and tag.dictionary is noted.dictionary:
                continue
            columns[name] = replace(noted, column=tag.column, dictionary=tag.dictionary)
            versions[noted.column] = tag.column
            if isinstance(noted.column, NumberColumn) and isinstance(tag.column, NumberColumn):
                versions[noted.column.knowns] = tag.column.knowns
        parts = []
        for part in self.parts:
            everybody = part.universe
            if people.stamp != self.stamp:
                everybody = people.column(part.population, everybody)
            program = part.program.with_columns({**versions, part.universe: everybody})
            parts.append(replace(part, universe=everybody, program=program))
        return replace(self, parts=tuple(parts), columns=columns, stamp=people.stamp)


def watching(
    rules: Sequence[Watched],
    setting: Setting,
    held: Held,
    forms: Mapping[str, str],
    people: People,
    before: Watching | None = None,
) -> Watching:
    """Of those rules that the engine answers for single persons; a rule over features that are not there is none, and
    neither is any of a population whose rules share more parts than there are registers.
    `before`: the program whose columns have moved on."""
    first = before.first if before is not None and before.is_of(rules, setting, forms) else {}
    whole: dict[Population, SetColumn] = {}
    if before is not None and before.stamp == people.stamp:
        whole = {part.population: part.universe for part in before.parts}
    view = _View(held, forms, {}, first)
    wanted: dict[Population, dict[str, Sets]] = {each: {} for each in Population}
    for each in rules:
        try:
            wanted[each.population][each.name] = sets_of(each.rule, view, setting)
        except (UnsupportedNode, LookupError):
            continue
    parts = []
    for population, sets in wanted.items():
        if not sets:
            continue
        everybody = whole.get(population) or people.column(population, None)
        try:
            program = program_of(list(sets.values()), everybody, REGISTERS_MOST)
        except ValueError:
            continue
        parts.append(_Part(population, tuple(sets), everybody, person_program(program)))
    names = frozenset(name for part in parts for name in part.names)
    grown = {name: noted.growing[0] for name, noted in view.noted.items() if noted.growing}
    of = tuple(each.rule for each in rules)
    return Watching(of, setting, forms, names, tuple(parts), view.noted, {**grown, **first}, people.stamp)


def compared(now: Watching, persons: BitMap, members: Callable[[str], BitMap]) -> Flips:
    """Who of the persons is in another answer than among the members, by rule: when there is no version before."""
    inside = {name: BitMap() for part in now.parts for name in part.names}
    for some in _stretches(persons):
        for part in now.parts:
            found = membership_words(part.program, some, threads())
            for row, who in _by_row(found):
                inside[part.names[row]].update(some[who].tolist())
    movements = {}
    for name, after in inside.items():
        before = members(name) & persons
        if after != before:
            movements[name] = Movement(name, after - before, before - after)
    return Flips(now.names, movements)


def flips(before: Watching, now: Watching, persons: BitMap) -> Flips:
    """Who of the persons is in another answer than before, by rule."""
    entered: dict[str, list[int]] = {}
    left: dict[str, list[int]] = {}
    for some in _stretches(persons):
        for old, new in zip(before.parts, now.parts, strict=True):
            inside = membership_words(new.program, some, threads())
            differs = inside ^ membership_words(old.program, some, threads())
            for moved, words in ((entered, differs & inside), (left, differs & ~inside)):
                for row, who in _by_row(words):
                    moved.setdefault(new.names[row], []).extend(some[who].tolist())
    movements = {
        name: Movement(name, BitMap(entered.get(name)), BitMap(left.get(name)))
        for name in entered.keys() | left.keys()
    }
    return Flips(now.names, movements)


def _by_row(words: Words) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """(row, places of its bits, ascending) of each row with a bit."""
    rows, places = np.nonzero(words)
    bits = np.unpackbits(words[rows, places, None].view(np.uint8), axis=1, bitorder="little")
    each, bit = np.nonzero(bits)
    found = places[each] * LANES + bit
    starts = np.flatnonzero(np.diff(rows[each], prepend=-1))
    edges = pairwise([*starts.tolist(), len(found)])
    for row, (first, last) in zip(rows[each[starts]].tolist(), edges, strict=True):
        yield row, found[first:last]


def _stretches(persons: BitMap) -> Iterator[npt.NDArray[np.int64]]:
    """Their ids, ascending, so many at once as answers of all rules fit into little memory for."""
    ids = np.asarray(persons.to_array(), np.int64)
    for first in range(0, len(ids), PERSONS_AT_ONCE):
        yield ids[first : first + PERSONS_AT_ONCE]


def _count(members: SetColumn) -> int:
    return int(((members.entries[0] >> CARDINALITY_SHIFT) & CARDINALITY_MASK).sum())


def _stands(noted: _Noted, held: MemoryColumn | None) -> bool:
    if not isinstance(held, ContainedColumn) or held.damage:
        return False
    tag = held.tag
    if type(tag.column) is not type(noted.column):
        return False
    dictionary: Mapping[Scalar, int] = tag.dictionary or {}
    if noted.growing and len(dictionary) != noted.growing[-1]:
        return False
    return not any(each in dictionary for each in noted.missing)
