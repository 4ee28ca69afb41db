"""People of the segments bench: 80 bools and 20 categories with 500 values, 10 numbers, 2 multi-valued tags.

Densities of the bools fall from 60 % to 0.01 %, evenly by their logarithm. Every third bool is random, every third
clustered by the order of ids, every third follows wealth. Sizes as ENGINE's first measurements had them.
"""

import os
from dataclasses import dataclass

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
Wealth = npt.NDArray[np.float32]


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
    audience = random.random(persons, dtype=np.float32) < 0.1
    yesterday = audience.copy()
    yesterday[random.choice(persons, persons // 180, replace=False)] ^= True
    return People(
        persons=persons,
        bools=[bool_values(random, wealth, place) for place in range(BOOLS)],
        categories=[category_values(random, persons, size) for size in SIZES],
        numbers=[number_values(random, wealth, bits) for bits in DIGITS],
        lists=[list_values(random, persons, size) for size in LISTS],
        audience=audience,
        yesterday=yesterday,
    )


def bool_values(random: np.random.Generator, wealth: Wealth, place: int) -> npt.NDArray[np.bool_]:
    """Of the bool at a place; `wealth` is from 0 to 1."""
    persons, kind = len(wealth), place % 3
    density = 0.6 * (0.0001 / 0.6) ** (place / (BOOLS - 1))
    if kind == 0:
        return np.asarray(random.random(persons, dtype=np.float32) < density)
    if kind == 1:
        stretch = 4_000
        starts = random.random(persons // stretch + 1, dtype=np.float32) < density
        return np.repeat(starts, stretch)[:persons]
    return np.asarray(random.random(persons, dtype=np.float32) < np.minimum(2 * density * wealth, 1.0))


def category_values(random: np.random.Generator, persons: int, size: int) -> npt.NDArray[np.uint8]:
    """Shares fall slowly from value to value."""
    weights = 1.0 / (np.arange(size) + 3.0)
    edges = np.cumsum(weights / weights.sum()).astype(np.float32)
    found = np.searchsorted(edges, random.random(persons, dtype=np.float32))
    return np.minimum(found, size - 1).astype(np.uint8)


def number_values(random: np.random.Generator, wealth: Wealth, bits: int) -> Numbers:
    """Of so many bits."""
    noise = random.random(len(wealth), dtype=np.float32)
    return np.asarray((2**bits - 1) * (0.6 * noise + 0.4 * wealth * noise), np.int32)


def list_values(
    random: np.random.Generator, persons: int, size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """(where each person's end, values); nobody has one twice."""
    counts = random.integers(0, 4, persons)
    rows = np.repeat(np.arange(persons), counts)
    values = (random.random(len(rows)) ** 2 * size).astype(np.int64)
    pairs = np.sort(rows * 256 + values)  # np.unique takes ten times as long
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    ends = np.cumsum(np.bincount(pairs >> 8, minlength=persons))
    return ends, (pairs & 255).astype(np.uint8)
