"""Compiling the kernels of live columns ahead."""

from contextlib import suppress

import numpy as np

from segments.engine.algebra import All, InRange, InSet
from segments.engine.live.changes import Changes, Codes, Misfit
from segments.engine.live.holdings import changes_to
from segments.engine.live.membership import membership_words, person_program
from segments.engine.live.versions import changed, compacted
from segments.engine.numbers import NumberColumn
from segments.engine.program import program_of
from segments.engine.sets import SetColumn
from segments.engine.threads import Threads


def compile_live(sets: SetColumn, numbers: NumberColumn, universe: SetColumn, threads: Threads) -> None:
    """Runs every kernel once: a column with codes and one of numbers change, are merged and asked for persons."""
    persons, ones = np.arange(3, dtype=np.int64), np.ones(3, np.int64)
    for codes in (ones, ones + 1, ones + 1_000_000):
        given = Codes(ones, codes % sets.values)
        sets = changed(sets, changes_to(sets, persons, given), threads)
        numbers = changed(numbers, changes_to(numbers, persons, Codes(ones, codes)), threads)
    with suppress(Misfit):
        changed(sets, Changes(persons, Codes(ones, ones + 1), Codes(ones, ones)), threads)
    answer = All((InSet(compacted(sets, threads), 1), InRange(compacted(numbers, threads), 2, 3)))
    membership_words(person_program(program_of([answer], universe)), persons, threads)
