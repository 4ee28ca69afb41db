"""Compiling the kernels of live columns ahead."""

from contextlib import suppress

import numpy as np

from segments.engine.algebra import All, InRange, InSet
from segments.engine.live.changes import Changes, Codes, Misfit
from segments.engine.live.column import LiveColumn
from segments.engine.live.membership import memberships, person_program
from segments.engine.numbers import NumberColumn
from segments.engine.program import program_of
from segments.engine.sets import SetColumn
from segments.engine.threads import Threads


def compile_live(sets: SetColumn, numbers: NumberColumn, universe: SetColumn, threads: Threads) -> None:
    """Runs every kernel once: a column with codes and one of numbers change, are merged and asked for persons."""
    persons, ones = np.arange(3, dtype=np.int64), np.ones(3, np.int64)
    live_sets, live_numbers = LiveColumn(sets, threads), LiveColumn(numbers, threads)
    for codes in (ones, ones + 1, ones + 1_000_000):
        live_sets.put(persons, Codes(ones, codes % sets.values))
        live_numbers.put(persons, Codes(ones, codes))
    with suppress(Misfit):
        live_sets.change(Changes(persons, Codes(ones, ones + 1), Codes(ones, ones)))
    live_numbers.merge()
    answer = All((InSet(live_sets.merge(), 1), InRange(live_numbers.version, 2, 3)))
    memberships(person_program(program_of([answer], universe)), persons, threads)
