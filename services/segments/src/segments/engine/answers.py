"""Answers of a program: how many persons, and who."""

from threading import local

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import address_of, aligned
from segments.engine.containers import BLOCK_WORDS
from segments.engine.interpreter import run
from segments.engine.members import Members
from segments.engine.program import REGISTERS_MOST, Program
from segments.engine.threads import Cancellation, Threads

Cardinalities = npt.NDArray[np.int64]


class _Registers(local):
    """Each thread's own, made once; 8 KiB each."""

    def __init__(self) -> None:
        self.words = aligned((REGISTERS_MOST + 1) * BLOCK_WORDS)
        self.alive = np.zeros(REGISTERS_MOST, np.int64)
        self.marked = np.zeros(REGISTERS_MOST, np.int64)


_REGISTERS = _Registers()


def counts(program: Program, threads: Threads, cancellation: Cancellation | None = None) -> list[int]:
    """How many persons each answer has. Raises Cancelled."""
    cardinalities = _run(program, threads, 0, cancellation)
    return [int(each) for each in cardinalities.sum(axis=1)]


def members(program: Program, threads: Threads, cancellation: Cancellation | None = None) -> list[Members]:
    """Who is in each answer. Raises Cancelled."""
    words = [aligned(program.blocks * BLOCK_WORDS) for _ in range(program.answers)]
    whole = words[0] if len(words) == 1 else aligned(program.answers * program.blocks * BLOCK_WORDS)
    cardinalities = _run(program, threads, address_of(whole), cancellation)
    parts = whole.reshape(program.answers, program.blocks * BLOCK_WORDS)
    return [Members(part, counted) for part, counted in zip(parts, cardinalities, strict=True)]


def _run(
    program: Program, threads: Threads, answers: int, cancellation: Cancellation | None
) -> Cardinalities:
    cardinalities = np.zeros((program.answers, program.blocks), np.int64)

    def work(first: int, last: int) -> None:
        own = _REGISTERS
        run(
            program.instructions,
            program.leaves,
            first,
            last,
            cardinalities,
            answers,
            address_of(own.words),
            own.alive[: program.registers],
            own.marked[: program.registers],
        )

    threads.each(program.blocks, work, cancellation)
    return cardinalities
