"""How many persons of several groups have each number of a column: blocks are read back out of their slices once, for
all groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import address_of
from segments.engine.compiled import kernel, signed
from segments.engine.containers import BLOCK_SIZE, BLOCK_WORDS
from segments.engine.decoding import numbers_of, persons_of
from segments.engine.lines import lowest_bit, words_in
from segments.engine.members import Members
from segments.engine.numbers import LARGEST, PERSONS, SMALLEST, STEP, NumberColumn
from segments.engine.threads import Cancellation, Threads

LEVELS_MOST = 1 << 20
"""Numbers that a column may have for them to be counted by their place, 8 MiB for each group; of others every block is
sorted."""
STEP_MOST = 2**63 - 1
"""A step is an int64 where numbers are counted by their place."""

Numbers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """`numbers` ascending and distinct, int64; `counts` persons who have each, in the same order."""

    numbers: Numbers
    counts: Numbers


def tallies(
    groups: Sequence[Members],
    column: NumberColumn,
    threads: Threads,
    cancellation: Cancellation | None = None,
) -> list[Tally]:
    """One for each group. Raises Cancelled."""
    blocks = min(column.blocks, max((each.blocks for each in groups), default=0))
    smallest, step, levels = _levels(column.frames[:blocks])
    if levels > LEVELS_MOST or step > STEP_MOST:
        return _sorted(groups, column, blocks, threads, cancellation)
    used: list[Numbers] = []

    def work(first: int, last: int) -> None:
        counted = used.pop() if used else np.zeros((len(groups), levels), np.int64)
        for block in range(first, last):
            if any(block < each.blocks and each.cardinalities[block] for each in groups):
                numbers = numbers_of(column, block)
                known = _words(persons_of(column.knowns, 0, block))
                for place, each in enumerate(groups):
                    if block < each.blocks and each.cardinalities[block]:
                        persons = address_of(each.words) + block * BLOCK_WORDS * 8
                        _count(numbers, known, persons, smallest, step, counted[place])
        used.append(counted)

    threads.each(blocks, work, cancellation)
    total = np.sum(used, axis=0) if used else np.zeros((len(groups), levels), np.int64)
    found = []
    for row in total:
        there = np.flatnonzero(row)
        found.append(Tally(there.astype(np.int64) * step + smallest, row[there]))
    return found


def _levels(frames: Numbers) -> tuple[int, int, int]:
    """(the smallest number, the step that all are multiples of from there, how many there may be)"""
    live = frames[frames[:, PERSONS] > 0]
    if not len(live):
        return 0, 1, 0
    starts = live[:, SMALLEST].tolist()
    smallest, largest = min(starts), max(live[:, LARGEST].tolist())
    step = (
        math.gcd(*(each % 2**64 for each in live[:, STEP].tolist()), *(each - smallest for each in starts))
        or 1
    )
    return smallest, step, (largest - smallest) // step + 1


def _sorted(
    groups: Sequence[Members],
    column: NumberColumn,
    blocks: int,
    threads: Threads,
    cancellation: Cancellation | None,
) -> list[Tally]:
    parts: list[list[tuple[Numbers, Numbers]]] = [[] for _ in groups]

    def work(first: int, last: int) -> None:
        for block in range(first, last):
            numbers, known = numbers_of(column, block), persons_of(column.knowns, 0, block)
            for part, each in zip(parts, groups, strict=True):
                if block < each.blocks and each.cardinalities[block]:
                    part.append(np.unique(numbers[known & _persons(each, block)], return_counts=True))

    threads.each(blocks, work, cancellation)
    return [_added(part) for part in parts]


def _added(parts: Sequence[tuple[Numbers, Numbers]]) -> Tally:
    nothing = np.zeros(0, np.int64)
    numbers = np.concatenate([nothing, *(each for each, _ in parts)])
    distinct, places = np.unique(numbers, return_inverse=True)
    counts = np.zeros(len(distinct), np.int64)
    np.add.at(counts, places, np.concatenate([nothing, *(each for _, each in parts)]))
    return Tally(distinct, counts)


def _persons(group: Members, block: int) -> npt.NDArray[np.bool_]:
    words = group.words[block * BLOCK_WORDS : (block + 1) * BLOCK_WORDS]
    return np.unpackbits(words.view(np.uint8), bitorder="little", count=BLOCK_SIZE).view(np.bool_)


def _words(persons: npt.NDArray[np.bool_]) -> Words:
    return np.packbits(persons, bitorder="little").view(np.uint64)


@kernel
def _count(numbers: Numbers, known: Words, persons: int, smallest: int, step: int, counted: Numbers) -> None:
    """Adds those who are in both; `persons` is the address of the block's 1,024 words."""
    group = words_in(persons, BLOCK_WORDS)
    for each in range(BLOCK_WORDS):
        word = group[each] & known[each]
        while word != np.uint64(0):
            level = (np.uint64(numbers[each * 64 + lowest_bit(word)]) - np.uint64(smallest)) // np.uint64(
                step
            )
            counted[signed(level)] += 1
            word &= word - np.uint64(1)
