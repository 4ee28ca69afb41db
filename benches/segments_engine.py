"""The block engine over the bench's people, asked in the rule language."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from rules.check import Population, check_rule
from rules.evaluate.setting import Setting
from rules.schema import Catalogue, TagType
from rules.testing import AS_OF
from rules.values import BOOL, NUMBER, SCALE, TEXT, Kind, list_of
from segments.engine.answers import counts, members
from segments.engine.columns import TagColumn
from segments.engine.conditions import sets_of
from segments.engine.distributions import distributions
from segments.engine.members import Members, difference
from segments.engine.numbers import NumberBlock, number_column
from segments.engine.program import program_of
from segments.engine.sets import CodedBlock, SetColumn, set_column
from segments.engine.threads import Threads

from benches.segments_people import LISTS, SIZES, People
from benches.segments_questions import Question, rule

BLOCK = 1 << 16


class Engine:
    """Columns as the service would hold them; implements TagColumns."""

    name = "ours"

    def __init__(self, people: People, threads: Threads) -> None:
        self.threads = threads
        self.columns: dict[str, TagColumn] = {}
        starts = range(0, people.persons, BLOCK)

        def sets(name: str, codes: npt.NDArray[np.uint16], values: int, kind: Kind) -> None:
            blocks = [CodedBlock(codes[each : each + BLOCK]) for each in starts]
            names: Mapping[Any, int] = {False: 0, True: 1}
            if kind is Kind.TEXT:
                names = {f"v{each}": each for each in range(values)}
            self.columns[name] = TagColumn(kind, set_column(blocks, values, threads), names)

        for place, each in enumerate(people.bools):
            sets(f"b{place}", each.astype(np.uint16), 2, Kind.BOOL)
        for place, (codes, size) in enumerate(zip(people.categories, SIZES, strict=True)):
            sets(f"c{place}", codes.astype(np.uint16), size, Kind.TEXT)
        for place, numbers in enumerate(people.numbers):
            blocks = [NumberBlock(numbers[each : each + BLOCK].astype(np.int64) * SCALE) for each in starts]
            self.columns[f"n{place}"] = TagColumn(Kind.NUMBER, number_column(blocks, threads))
        for place, (ends, values) in enumerate(people.lists):
            column = set_column(
                list_blocks(ends, values, people.persons), LISTS[place], threads, single=False
            )
            names: Mapping[Any, int] = {f"v{each}": each for each in range(LISTS[place])}
            self.columns[f"m{place}"] = TagColumn(Kind.TEXT, column, names)
        everyone = np.zeros(people.persons, np.uint16)
        self.everyone = set_column([CodedBlock(everyone[each : each + BLOCK]) for each in starts], 1, threads)
        self.audience, self.yesterday = (_members(each) for each in (people.audience, people.yesterday))
        self.setting = Setting(catalogue(), AS_OF)
        self.counted = [each.column for name, each in self.columns.items() if name[0] in "bc"]
        self.persons = people.persons
        bools = [int(each.sum()) for each in people.bools]
        pairs = zip(people.categories, SIZES, strict=True)
        self.totals = np.asarray(
            bools + [int(n) for c, size in pairs for n in np.bincount(c, minlength=size)]
        )
        self._rules: dict[Question, Any] = {}

    @property
    def bytes(self) -> int:
        """What all columns take."""
        return sum(each.column.bytes for each in self.columns.values())

    def universe(self, _: Population) -> SetColumn:
        return self.everyone

    def tag(self, name: str) -> TagColumn:
        return self.columns[name]

    def feature(self, form: str) -> TagColumn:
        raise LookupError(form)

    def segment(self, name: str) -> SetColumn:
        raise LookupError(name)

    def members(self, question: Question) -> Members:
        return members(program_of([self._sets(question)], self.everyone), self.threads)[0]

    def count(self, question: Question) -> int:
        """Plans and runs; the rule has been read before, as that of a stored segment has."""
        return counts(program_of([self._sets(question)], self.everyone), self.threads)[0]

    def bytes_at_most(self, question: Question) -> int:
        """What answering reads when nothing is skipped."""
        return program_of([self._sets(question)], self.everyone).bytes

    def _sets(self, question: Question) -> Any:
        if question not in self._rules:
            self._rules[question] = check_rule(rule(question), self.setting.schema).rule
        return sets_of(self._rules[question], self, self.setting)

    def distribution(self) -> list[int]:
        """Persons of the audience with each of the 500 values: true bools, then categories."""
        columns = [each for each in self.counted if isinstance(each, SetColumn)]
        found = distributions(self.audience, columns, self.threads)
        bools = [int(each[1]) for each in found[:80]]
        return bools + [int(count) for each in found[80:] for count in each[:-1]]

    def ids(self) -> npt.NDArray[np.uint32]:
        return self.audience.ids(self.threads)

    def moved(self) -> tuple[int, int]:
        found = difference(self.yesterday, self.audience, self.threads)
        return len(found.entered), len(found.left)


def catalogue() -> Catalogue:
    tags = [TagType(f"b{each}", BOOL) for each in range(80)]
    tags += [TagType(f"c{each}", TEXT) for each in range(len(SIZES))]
    tags += [TagType(f"n{each}", NUMBER) for each in range(10)]
    tags += [TagType(f"m{each}", list_of(Kind.TEXT)) for each in range(len(LISTS))]
    return Catalogue.of(tags)


def list_blocks(ends: npt.NDArray[np.int64], values: npt.NDArray[np.uint8], persons: int) -> list[CodedBlock]:
    counts_ = np.diff(ends, prepend=0)
    blocks = []
    for start in range(0, persons, BLOCK):
        end = min(start + BLOCK, persons)
        first = int(ends[start - 1]) if start else 0
        offsets = np.repeat(np.arange(end - start, dtype=np.uint16), counts_[start:end])
        blocks.append(CodedBlock(values[first : int(ends[end - 1])].astype(np.uint16), offsets))
    return blocks


def _members(mask: npt.NDArray[np.bool_]) -> Members:
    blocks = -(-len(mask) // BLOCK)
    whole = np.zeros(blocks * BLOCK, np.bool_)
    whole[: len(mask)] = mask
    words = np.packbits(whole, bitorder="little").view(np.uint64)
    return Members(words, whole.reshape(blocks, BLOCK).sum(axis=1))
