"""Who the customers are: the facts that no single source knows."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator import names, places
from simulator.catalogue import BRANDS_PER_DOMAIN, DOMAIN_OF_CATEGORY, gendered_categories
from simulator.names import FEMALE, MALE
from simulator.season import DAY_S, Season
from simulator.seeding import generator

CHUNK_PERSONS = 20_000
"""Persons made at a time. Memory is bounded by one chunk, whatever the size of the whole."""

_FEMALE_SHARE = 0.62
_EARLIER_SHARE = 0.55
"""Share of persons who came before the twelve months of history."""
_YOUNGEST, _OLDEST = 16, 75
_USUAL_AGE, _AGE_SPREAD = 33.0, 10.0


@dataclass(frozen=True, slots=True)
class People:
    """A chunk of persons. Arrays have one element per person; `index` counts over all chunks.

    `arrival` is a wall-clock second; `birth` counts days since 1970; categories and brands are catalogue
    codes. `loyalty` is the chance that a purchase in the favourite domain is of the favourite brand,
    `focus` the chance that it is in the favourite category, `coupon_appetite` the chance that a fitting
    coupon is used.
    """

    index: NDArray[np.int64]
    name: pa.Array
    gender: NDArray[np.int8]
    birth: NDArray[np.int64]
    city: NDArray[np.int64]
    address: pa.Array
    arrival: NDArray[np.int64]
    favourite_category: NDArray[np.int64]
    favourite_brand: NDArray[np.int64]
    focus: NDArray[np.float64]
    loyalty: NDArray[np.float64]
    coupon_appetite: NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.index)


def draw_people(seed: int, first: int, arrival: NDArray[np.int64], today: int) -> People:
    """Persons first, first + 1, ... who arrived then; `first` is a multiple of CHUNK_PERSONS.

    `today` is the wall-clock second at which their ages are drawn.
    """
    rng, count = generator(seed, "people", first // CHUNK_PERSONS), len(arrival)
    gender = np.where(rng.random(count) < _FEMALE_SHARE, FEMALE, MALE).astype(np.int8)
    city = places.home_cities(rng, count)
    favourite = gendered_categories(rng, gender)
    brand = DOMAIN_OF_CATEGORY[favourite] * BRANDS_PER_DOMAIN + rng.integers(0, BRANDS_PER_DOMAIN, count)
    return People(
        index=np.arange(first, first + count, dtype=np.int64),
        name=names.full_names(rng, gender),
        gender=gender,
        birth=_birth_days(rng, count, today),
        city=city,
        address=places.addresses(rng, city),
        arrival=arrival,
        favourite_category=favourite,
        favourite_brand=brand,
        focus=rng.beta(6, 4, count),
        loyalty=rng.beta(4, 5, count),
        coupon_appetite=rng.beta(2, 2, count),
    )


def draw_arrivals(seed: int, part: int, count: int, season: Season, history_start: int) -> NDArray[np.int64]:
    """Arrivals on the trade clock: some in the years before `history_start`, the rest after it."""
    rng = generator(seed, "arrivals", part)
    opening = season.trade_time(np.array([season.start, history_start, season.end]))
    earlier = rng.random(count) < _EARLIER_SHARE
    low = np.where(earlier, opening[0], opening[1])
    high = np.where(earlier, opening[1], opening[2])
    return season.wall_time(low + (high - low) * rng.random(count))


def _birth_days(rng: np.random.Generator, count: int, today: int) -> NDArray[np.int64]:
    shape, scale = (_USUAL_AGE / _AGE_SPREAD) ** 2, _AGE_SPREAD**2 / _USUAL_AGE
    age = np.clip(rng.gamma(shape, scale, count), _YOUNGEST, _OLDEST)
    return (today // DAY_S - age * 365.25).astype(np.int64)
