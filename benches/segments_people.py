"""People of the segments bench: 80 bools and 20 categories with 500 values, 10 numbers, 2 multi-valued tags.

Densities of the bools fall from 60 % to 0.01 %, evenly by their logarithm. Every third bool is random, every third
clustered by the order of ids, every third follows wealth. Sizes as ENGINE's first measurements had them.
"""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BOOLS = 80
SIZES = (3, 3, 4, 5, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 31, 36, 46, 60, 101)
"""Values of the categories; 420 together."""
DIGITS = (7, 8, 9, 10, 10, 11, 12, 13, 14, 14)
"""Bits of the numbers; 108 together."""
LISTS = (60, 200)
"""Values of the multi-valued tags."""
DEFAULT_PERSONS = 1_000_000

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class People:
    """`bools` [80], `categories` uint8 [20], `numbers` int32 [10], all with `persons` rows; `lists` as (ends, values
    uint8) without repetitions; `audience` of a tenth, `yesterday` nearly the same."""

    persons: int
    bools: list[npt.NDArray[np.bool_]]
    categories: list[npt.NDArray[np.uint8]]
    numbers: list[Numbers]
    lists: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]
    audience: npt.NDArray[np.bool_]
    yesterday: npt.NDArray[np.bool_]


def people(seed: int) -> People:
    """HUAXIANG_BENCH_PERSONS of them."""
    persons = int(os.environ.get("HUAXIANG_BENCH_PERSONS", DEFAULT_PERSONS))
    random = np.random.default_rng(seed)
    wealth = random.random(persons, dtype=np.float32)
    densities = 0.6 * (0.0001 / 0.6) ** (np.arange(BOOLS) / (BOOLS - 1))
    audience = random.random(persons, dtype=np.float32) < 0.1
    yesterday = audience.copy()
    yesterday[random.choice(persons, persons // 180, replace=False)] ^= True
    return People(
        persons=persons,
        bools=[_bool(random, wealth, kind % 3, float(density)) for kind, density in enumerate(densities)],
        categories=[_category(random, persons, size) for size in SIZES],
        numbers=[_number(random, wealth, bits) for bits in DIGITS],
        lists=[_list(random, persons, size) for size in LISTS],
        audience=audience,
        yesterday=yesterday,
    )


def _bool(random: np.random.Generator, wealth: Any, kind: int, density: float) -> npt.NDArray[np.bool_]:
    persons = len(wealth)
    if kind == 0:
        return np.asarray(random.random(persons, dtype=np.float32) < density)
    if kind == 1:
        stretch = 4_000
        starts = random.random(persons // stretch + 1, dtype=np.float32) < density
        return np.repeat(starts, stretch)[:persons]
    return np.asarray(random.random(persons, dtype=np.float32) < np.minimum(2 * density * wealth, 1.0))


def _category(random: np.random.Generator, persons: int, size: int) -> npt.NDArray[np.uint8]:
    """Shares fall slowly from value to value."""
    weights = 1.0 / (np.arange(size) + 3.0)
    edges = np.cumsum(weights / weights.sum()).astype(np.float32)
    found = np.searchsorted(edges, random.random(persons, dtype=np.float32))
    return np.minimum(found, size - 1).astype(np.uint8)


def _number(random: np.random.Generator, wealth: Any, bits: int) -> Numbers:
    noise = random.random(len(wealth), dtype=np.float32)
    return np.asarray((2**bits - 1) * (0.6 * noise + 0.4 * wealth * noise), np.int32)


def _list(
    random: np.random.Generator, persons: int, size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    counts = random.integers(0, 4, persons)
    rows = np.repeat(np.arange(persons), counts)
    values = (random.random(len(rows)) ** 2 * size).astype(np.int64)
    pairs = np.unique(rows * 256 + values)
    ends = np.cumsum(np.bincount(pairs >> 8, minlength=persons))
    return ends, (pairs & 255).astype(np.uint8)
