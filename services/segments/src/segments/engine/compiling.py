"""Compiling all kernels ahead, so that no first question has to wait for it."""

from dataclasses import replace

import numpy as np
from pyroaring import BitMap
from rules.values import Kind

from segments.engine.algebra import All, Any, InRange, InSet, Not
from segments.engine.answers import contains, counts, members
from segments.engine.columns import TagColumn, ValueCodes
from segments.engine.decoding import coded_of, values_of
from segments.engine.distributions import distributions
from segments.engine.live.compiling import compile_live
from segments.engine.members import difference, members_of
from segments.engine.numbers import NumberBlock, number_column
from segments.engine.program import program_of
from segments.engine.sets import CODED_FROM, CodedBlock, set_column
from segments.engine.tallies import tallies
from segments.engine.threads import Threads


def compile_ahead(threads: Threads) -> None:
    """Runs every kernel once over a few persons, with the types that all callers have. The code is kept where
    NUMBA_CACHE_DIR says: without any there this takes half a minute or so, else a tenth of one.
    """
    codes = np.arange(2_000, dtype=np.uint16) % (CODED_FROM + 1)
    sets = set_column([CodedBlock(codes)], CODED_FROM + 1, threads)
    numbers = number_column([NumberBlock(np.arange(2_000, dtype=np.int64))], threads)
    universe = set_column([CodedBlock(np.zeros(2_000, np.uint16))], 1, threads)
    asked = Any((All((InSet(sets, 1), Not(InRange(numbers, 3, 99)))), InSet(sets, 2)))
    program = program_of([asked], universe)
    counts(program, threads)
    (found,) = members(program, threads)
    contains(program, np.arange(3, dtype=np.int64), threads)
    distributions(found, [sets], threads)
    difference(found, members_of(BitMap([1, 2]), 1), threads)
    found.contains(found.ids().astype(np.int64))
    found.bitmap()
    values_of(TagColumn(Kind.NUMBER, numbers), 0)
    tallies([found], numbers, threads)
    texts = ValueCodes.of(f"v{each}" for each in range(sets.values))
    values_of(TagColumn(Kind.TEXT, sets, texts), 0)
    coded_of(TagColumn(Kind.TEXT, replace(sets, single=False), texts), 0)
    compile_live(sets, numbers, universe, threads)
