"""Columns of value sets: texts with not too many values, bools, multi-valued tags, members of segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import Words, address_of, arena_of
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_SIZE,
    BLOCK_WORDS,
    CARDINALITY_MASK,
    CARDINALITY_SHIFT,
    DENSE,
    EMPTY,
    FULL,
    KIND_MASK,
    OFFSET_SHIFT,
    RUN,
    SPARSE,
    SPARSE_MOST,
    expand,
)
from segments.engine.lines import halves_in, words_in
from segments.engine.threads import Threads

UNKNOWN = 0xFFFF
"""The code of a person without a value."""
CODED_FROM = 8
"""Values up to which containers are counted as fast as codes."""
NARROW_MOST = 254
"""Values whose codes take one byte for each person."""
CODE_PAGES = 16
CODE_PAGE_SIZE = BLOCK_SIZE // CODE_PAGES
"""The codes of a block are stored in pages of 4,096 persons: what a new version copies when one person changes."""
VALUES_MOST = 4_096
"""Values of a column of sets; one with more is a column of numbers, which are its codes."""

Codes = npt.NDArray[np.uint16]
Offsets = npt.NDArray[np.uint16]
Entries = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CodedBlock:
    """Who has which value in one block.

    `offsets`  uint16 ascending, several times the same where a person has several values; None: `codes[i]` is that of
               person i, and UNKNOWN means none
    `codes`    uint16, of values 0, 1, ...
    """

    codes: Codes
    offsets: Offsets | None = None


@dataclass(frozen=True, eq=False)
class SetColumn:
    """An immutable version of a column.

    `entries`  int64 [values + 1, blocks], see containers; the last row is of whoever has a value
    `words`    the arena of all containers, dense ones at multiples of 64 bytes
    `single`   nobody has two values
    `codes`    of a column with one value per person and more than CODED_FROM values: int64 [blocks, CODE_PAGES], where
               in the arena the persons' codes are, negative where nobody has a value; a code is the value's row + 1, 0
               for whoever has none; what distributions read
    `wide`     codes are uint16, not uint8
    `hold`     keeps what this version points to from being written over, where that is ever done
    """

    entries: Entries
    words: Words
    single: bool
    codes: Entries | None = None
    wide: bool = False
    hold: object | None = None

    @property
    def values(self) -> int:
        return len(self.entries) - 1

    @property
    def blocks(self) -> int:
        return int(self.entries.shape[1])

    @property
    def known(self) -> int:
        """The row of whoever has a value."""
        return self.values

    @property
    def bytes(self) -> int:
        """What the column takes in memory."""
        codes = 0 if self.codes is None else self.codes.nbytes
        return self.entries.nbytes + self.words.nbytes + codes

    @cached_property
    def cardinalities(self) -> Entries:
        """How many persons have each value; the last number is of those who have any."""
        cardinalities = (self.entries >> CARDINALITY_SHIFT) & CARDINALITY_MASK
        return np.asarray(cardinalities.sum(axis=1), np.int64)

    @cached_property
    def costs(self) -> npt.NDArray[np.float64]:
        """Of reading each value's containers, in dense ones per block, about: for the order of operands."""
        kinds = self.entries & KIND_MASK
        cardinalities = (self.entries >> CARDINALITY_SHIFT) & CARDINALITY_MASK
        costs = np.where(kinds == SPARSE, cardinalities / SPARSE_MOST, 0.0)
        costs = np.where(kinds == RUN, 0.5, costs)
        costs = np.where(kinds == DENSE, 1.0, costs)
        return np.asarray(costs.mean(axis=1) if self.blocks else np.zeros(self.values + 1), np.float64)


def set_column(
    blocks: Sequence[CodedBlock | None], values: int, threads: Threads, *, single: bool = True
) -> SetColumn:
    """Builds a column from its blocks in order, None where nobody has a value.

    Two passes over the codes: one counts persons and runs of every value, so that each container's form and place are
    known, one writes the containers.
    """
    if values > VALUES_MOST:
        raise ValueError(f"{values} values are too many for a column of sets; at most {VALUES_MOST}")
    cardinalities = np.zeros((len(blocks), values + 1), np.int64)
    runs = np.zeros((len(blocks), values + 1), np.int64)

    def measure(first: int, last: int) -> None:
        for place in range(first, last):
            if (block := blocks[place]) is not None:
                _measure(*_arrays(block), cardinalities[place], runs[place])

    threads.each(len(blocks), measure)
    kinds, sizes = forms(cardinalities, runs)
    coded = single and values > CODED_FROM
    wide = values > NARROW_MOST
    page = page_words(wide)
    known = cardinalities[:, values] > 0
    pages = CODE_PAGES * page * int(known.sum()) if coded else 0
    words, places = arena_of(sizes.T, dense=kinds.T == DENSE, pages=pages)
    entries = np.ascontiguousarray(
        kinds.T | (cardinalities.T << CARDINALITY_SHIFT) | (places << OFFSET_SHIFT)
    )

    codes = code_places(known, len(words) - pages, wide) if coded else None

    def write(first: int, last: int) -> None:
        for place in range(first, last):
            if (block := blocks[place]) is not None:
                _write(*_arrays(block), np.ascontiguousarray(entries[:, place]), address_of(words))
                if codes is not None and codes[place, 0] >= 0:
                    stretch = words[codes[place, 0] :][: CODE_PAGES * page]
                    whose = slice(len(block.codes)) if block.offsets is None else block.offsets
                    rows = block.codes + np.uint16(1)  # UNKNOWN becomes 0
                    stretch.view(np.uint16 if wide else np.uint8)[whose] = rows

    threads.each(len(blocks), write)
    return SetColumn(entries, words, single, codes, wide)


def page_words(wide: bool) -> int:
    """Of a page of codes."""
    return CODE_PAGE_SIZE * (2 if wide else 1) // 8


def code_places(known: npt.NDArray[np.bool_], start: int, wide: bool) -> Entries:
    """Where the pages are, from `start` on, of those blocks where somebody has a value."""
    pages = np.cumsum(known) - 1
    places = start + (pages[:, None] * CODE_PAGES + np.arange(CODE_PAGES)) * page_words(wide)
    return np.where(known[:, None], places, -1)


def members_column(words: Words) -> SetColumn:
    """One value: the persons whose bits are set. Shares the words, 1,024 per block."""
    blocks = len(words) // BLOCK_WORDS
    cardinalities = np.bitwise_count(words.reshape(blocks, BLOCK_WORDS)).sum(axis=1, dtype=np.int64)
    kinds = np.where(cardinalities == 0, EMPTY, np.where(cardinalities == BLOCK_SIZE, FULL, DENSE))
    entries = kinds | (cardinalities << CARDINALITY_SHIFT) | (np.arange(blocks) * BLOCK_WORDS << OFFSET_SHIFT)
    return SetColumn(np.stack([entries, entries]), words, single=True)


def seeded_column(words: Words, blocks: Entries, count: int) -> SetColumn:
    """One value: the persons whose bits are set, in some of `count` blocks only. `words`: 1,024 for each of those."""
    entries = np.zeros((2, count), np.int64)
    cardinalities = np.bitwise_count(words.reshape(-1, BLOCK_WORDS)).sum(axis=1, dtype=np.int64)
    starts = np.arange(len(blocks)) * BLOCK_WORDS
    kinds = np.where(cardinalities == 0, EMPTY, DENSE)
    entries[:, blocks] = kinds | (cardinalities << CARDINALITY_SHIFT) | (starts << OFFSET_SHIFT)
    return SetColumn(entries, words, single=True)


@kernel
def seed(entries: Entries, arena: int, blocks: Entries, offsets: Entries, words: Words) -> None:
    """Sets those bits of zero words at `offsets` (negative: none) whose persons are in a row of a column. `words` are
    1,024 for each of `blocks`."""
    universe = np.empty(BLOCK_WORDS, np.uint64)
    for each in offsets:
        if each >= 0:
            words[each >> 6] |= np.uint64(1) << np.uint64(each & 63)
    for place in range(len(blocks)):
        base = expand(entries[blocks[place]], arena, signed(universe.ctypes.data))
        inside = words_in(base, BLOCK_WORDS)
        for each in range(BLOCK_WORDS):
            words[place * BLOCK_WORDS + each] &= inside[each]


_EVERYBODY: Offsets = np.zeros(0, np.uint16)


def _arrays(block: CodedBlock) -> tuple[Codes, Offsets]:
    return block.codes, _EVERYBODY if block.offsets is None else block.offsets


def forms(cardinalities: Entries, runs: Entries) -> tuple[Entries, Entries]:
    """(kind, words) of each container: the smallest form, dense on a tie."""
    sparse = np.where(cardinalities <= SPARSE_MOST, (cardinalities + 3) // 4, BLOCK_WORDS + 1)
    run = (1 + 2 * runs + 3) // 4
    sizes = np.minimum(np.minimum(sparse, run), BLOCK_WORDS)
    kinds = np.where(sizes == BLOCK_WORDS, DENSE, np.where(sizes == run, RUN, SPARSE))
    nothing = (cardinalities == 0) | (cardinalities == BLOCK_SIZE)
    kinds = np.where(cardinalities == 0, EMPTY, np.where(cardinalities == BLOCK_SIZE, FULL, kinds))
    return kinds, np.where(nothing, 0, sizes)


@kernel
def _measure(codes: Codes, offsets: Offsets, cardinalities: Entries, runs: Entries) -> None:
    """Adds up persons and runs per value, at the end those of all persons with a value."""
    values = len(cardinalities) - 1
    lasts = np.full(values + 1, -2, np.int64)
    everybody = len(offsets) == 0
    for place in range(len(codes)):
        code = signed(codes[place])
        if code == UNKNOWN:
            continue
        person = place if everybody else signed(offsets[place])
        cardinalities[code] += 1
        runs[code] += person != lasts[code] + 1
        lasts[code] = person
        if person != lasts[values]:
            cardinalities[values] += 1
            runs[values] += person != lasts[values] + 1
            lasts[values] = person


@kernel
def _put(entry: int, arena: int, person: int, cursor: int, last: int) -> int:
    """Writes the next person of a container; the cursor after it."""
    kind = entry & KIND_MASK
    place = arena + ((entry >> OFFSET_SHIFT) << 3)
    if kind == DENSE:
        words = words_in(place, BLOCK_WORDS)
        words[person >> 6] |= np.uint64(1) << np.uint64(person & 63)
    elif kind == SPARSE:
        halves = halves_in(place, BLOCK_SIZE)
        halves[cursor] = np.uint16(person)
        cursor += 1
    elif kind == RUN:
        halves = halves_in(place, BLOCK_SIZE + 1)
        if person != last + 1:
            halves[0] += np.uint16(1)
            halves[cursor + 1] = np.uint16(person)
            cursor += 2
        halves[cursor] = np.uint16(person)
    return cursor


@kernel
def _write(codes: Codes, offsets: Offsets, entries: Entries, arena: int) -> None:
    """Fills the containers of one block; the arena is zero."""
    values = len(entries) - 1
    lasts = np.full(values + 1, -2, np.int64)
    cursors = np.zeros(values + 1, np.int64)
    everybody = len(offsets) == 0
    known = entries[values]
    whole = (known & KIND_MASK) == FULL
    for place in range(len(codes)):
        code = signed(codes[place])
        if code == UNKNOWN:
            continue
        person = place if everybody else signed(offsets[place])
        cursors[code] = _put(entries[code], arena, person, cursors[code], lasts[code])
        lasts[code] = person
        if not whole and person != lasts[values]:
            cursors[values] = _put(known, arena, person, cursors[values], lasts[values])
            lasts[values] = person
