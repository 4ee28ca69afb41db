"""People over six blocks: the same columns for the engine and for the evaluator that says what is right."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import TagBitmaps
from rules.evaluate.meaning import Scalar
from rules.schema import Catalogue
from rules.testing.words import DAYS, MOMENTS, NUMBERS, TEXTS
from rules.values import Kind, ValueType
from segments.domain.packing import Coded, code_of
from segments.engine.columns import TagColumn
from segments.engine.encoding import tag_column
from segments.engine.members import members_of
from segments.engine.sets import SetColumn
from segments.engine.threads import Threads
from segments.index.memory import MemoryColumn
from segments.index.narrowed import IndexBitmaps
from segments.index.plain import column_of
from segments.index.universe import Universe

SIZE = 1 << 16
BLOCKS = 6
EDGES = (0, 1, 63, 64, 511, 512, 65_534, 65_535)
_VALUES: Mapping[Kind, tuple[Scalar, ...]] = {
    Kind.BOOL: (False, True),
    Kind.TEXT: (*TEXTS, "美妆", "护肤", "面膜", "食品", "零食", "female", "male", "01-01", "é"),
    Kind.NUMBER: (*NUMBERS, 10_000_000_000, 7),
    Kind.DATE: DAYS,
    Kind.DATETIME: MOMENTS,
}
Shape = Callable[[np.random.Generator], npt.NDArray[np.int64]]


def values_of_kind(kind: Kind) -> tuple[Scalar, ...]:
    """Those that occur."""
    return _VALUES[kind]


def offsets_of(random: np.random.Generator, block: int) -> npt.NDArray[np.uint16]:
    """Who has a value: everybody, most, a stretch, a few at the edges, nobody, everybody again."""
    every = np.arange(SIZE)
    chosen = (
        every,
        every[random.random(SIZE) < 0.8],
        every[int(random.integers(0, 999)) : int(random.integers(9_999, SIZE))],
        np.unique([*EDGES, *random.integers(0, SIZE, 40).tolist()]),
        every[:0],
        every,
    )[block]
    return chosen.astype(np.uint16)


def places_of(random: np.random.Generator, count: int, values: int, block: int) -> npt.NDArray[np.int64]:
    """Which value each has: mixed, mostly one and the rest rare, in stretches, mixed, -, all the same."""
    match block:
        case 1:
            rare = random.integers(0, values, count)
            return np.where(random.random(count) < 0.98, 0, rare)
        case 2:
            return np.sort(random.integers(0, values, count))
        case 5:
            return np.full(count, int(random.integers(0, values)))
        case _:
            return random.integers(0, values, count)


def coded_blocks(type_: ValueType, seed: int) -> dict[int, Coded]:
    random = np.random.default_rng(seed)
    kind = type_.element or type_.kind
    pool = _VALUES[kind]
    texts = dict(enumerate(str(each) for each in pool)) if kind is Kind.TEXT else {}
    codes = np.arange(len(pool)) if kind is Kind.TEXT else np.asarray([code_of(each) for each in pool])
    found = {}
    for block in range(BLOCKS):
        offsets = offsets_of(random, block)
        if not len(offsets):
            continue
        counts = np.ones(len(offsets), np.uint16)
        places = places_of(random, len(offsets), len(pool), block)
        if type_.kind is Kind.LIST:
            counts = random.integers(1, 3, len(offsets)).astype(np.uint16)
            first = np.repeat(places, counts)
            second = _ranks(counts.astype(np.int64))
            places = (first + second) % len(pool)
        found[block] = Coded(offsets, counts, codes[places].astype(np.int64), texts)
    return found


def _ranks(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0 for everybody's first value, 1 for the second."""
    starts = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) - np.repeat(starts, counts)


@dataclass
class People:
    """`few` live in the population of the known, everybody in that of all; columns are made when they are asked for."""

    catalogue: Catalogue
    threads: Threads
    types: dict[str, ValueType] = field(default_factory=dict)
    _slow: dict[str, MemoryColumn] = field(default_factory=dict)
    _fast: dict[str, TagColumn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = np.random.default_rng(7)
        ids = random.choice(BLOCKS * SIZE, 150, replace=False).tolist()
        edges = [block * SIZE + offset for block in range(BLOCKS) for offset in EDGES]
        holes = BitMap(random.choice(BLOCKS * SIZE, 50_000, replace=False).tolist())
        self.populations = {
            Population.ALL: BitMap(range(1, BLOCKS * SIZE))
            - holes
            - BitMap(range(3 * SIZE, 3 * SIZE + 9_000)),
            Population.KNOWN: BitMap([*ids, *edges]),
            Population.MEMBER: BitMap(),
        }
        self.segments = {
            name: BitMap(random.choice(BLOCKS * SIZE, count, replace=False).tolist())
            for name, count in (("staff", 90), ("loyal", 150_000))
        }

    def universe(self, population: Population) -> SetColumn:
        return members_of(self.populations[population], BLOCKS).column()

    def tag(self, name: str) -> TagColumn:
        tag = self.catalogue.tag(name)
        assert tag is not None
        return self._column(name, tag.type)

    def feature(self, form: str) -> TagColumn:
        return self._column(form, self.types[form])

    def segment(self, name: str) -> SetColumn:
        return members_of(self.segments[name], BLOCKS).column()

    def slow(self, name: str) -> MemoryColumn:
        """The index's column of a tag, once `view` was called."""
        return self._slow[name]

    def view(self) -> TagBitmaps:
        """The same for the evaluator over bitmaps."""
        for tag in self.catalogue.tags.values():
            self._column(tag.name, tag.type)
        for form, type_ in self.types.items():
            self._column(form, type_)
        return IndexBitmaps(self.populations, self._slow, self._slow, self.segments, Universe())

    def _column(self, name: str, type_: ValueType) -> TagColumn:
        if name not in self._fast:
            blocks = coded_blocks(type_, zlib.crc32(name.encode()))
            slow = column_of(type_)
            for block, coded in blocks.items():
                slow.put_block(block, coded, coded.texts.__getitem__)
            self._slow[name] = slow
            self._fast[name] = tag_column(type_, blocks, BLOCKS, self.threads)
        return self._fast[name]
