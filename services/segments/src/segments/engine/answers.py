"""Answers of a program: how many persons, and who."""

from threading import local

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import address_of, aligned
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE, BLOCK_WORDS
from segments.engine.interpreter import run
from segments.engine.members import Members
from segments.engine.program import REGISTERS_MOST, Program
from segments.engine.sets import seed, seeded_column
from segments.engine.threads import Cancellation, Threads

Cardinalities = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int64]


class _Registers(local):
    """Each thread's own, made once; 8 KiB each."""

    def __init__(self) -> None:
        self.words = aligned((REGISTERS_MOST + 1) * BLOCK_WORDS)
        self.alive = np.zeros(REGISTERS_MOST, np.int64)
        self.marked = np.zeros(REGISTERS_MOST, np.int64)


_REGISTERS = _Registers()


def counts(program: Program, threads: Threads, cancellation: Cancellation | None = None) -> list[int]:
    """How many persons each answer has. Raises Cancelled."""
    cardinalities = _run(program, np.arange(program.blocks), threads, 0, cancellation)
    return [int(each) for each in cardinalities.sum(axis=1)]


def members(program: Program, threads: Threads, cancellation: Cancellation | None = None) -> list[Members]:
    """Who is in each answer. Raises Cancelled."""
    words = aligned(program.answers * program.blocks * BLOCK_WORDS)
    blocks = np.arange(program.blocks)
    cardinalities = _run(program, blocks, threads, address_of(words), cancellation)
    parts = words.reshape(program.answers, program.blocks * BLOCK_WORDS)
    return [Members(part, counted) for part, counted in zip(parts, cardinalities, strict=True)]


def contains(program: Program, person_ids: Ids, threads: Threads) -> npt.NDArray[np.bool_]:
    """bool [answers, persons]: is each person in each answer? Looks at nobody else.

    `person_ids` in any order, repetitions allowed; one outside the universe is in no answer.
    """
    everywhere = person_ids >> BLOCK_BITS
    blocks = np.unique(everywhere[(person_ids >= 0) & (everywhere < program.blocks)])
    if not len(blocks):
        return np.zeros((program.answers, len(person_ids)), np.bool_)
    places = np.full(program.blocks + 1, -1, np.int64)
    places[blocks] = np.arange(len(blocks))
    homes = places[np.where(person_ids >= 0, np.minimum(everywhere, program.blocks), program.blocks)]
    offsets = np.where(homes >= 0, (homes << BLOCK_BITS) | (person_ids & (BLOCK_SIZE - 1)), -1)
    words = aligned(len(blocks) * BLOCK_WORDS)
    seed(program.universe.entries[0], address_of(program.universe.words), blocks, offsets, words)
    asked = program.among(seeded_column(words, blocks, program.blocks))
    found = aligned(program.answers * len(words))
    _run(asked, blocks, threads, address_of(found), None)
    parts = found.reshape(program.answers, len(words))
    return np.stack([Members(each, np.zeros(len(blocks), np.int64)).contains(offsets) for each in parts])


def _run(
    program: Program, blocks: Ids, threads: Threads, answers: int, cancellation: Cancellation | None
) -> Cardinalities:
    cardinalities = np.zeros((program.answers, len(blocks)), np.int64)

    def work(first: int, last: int) -> None:
        own = _REGISTERS
        run(
            program.instructions,
            program.leaves,
            blocks,
            first,
            last,
            cardinalities,
            answers,
            address_of(own.words),
            own.alive[: program.registers],
            own.marked[: program.registers],
        )

    threads.each(len(blocks), work, cancellation)
    return cardinalities
