"""Who the customers are: the facts that no single source knows."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator import names, places
from simulator.catalogue import BRANDS_PER_DOMAIN, DOMAIN_OF_CATEGORY, gendered_categories
from simulator.names import FEMALE, MALE
from simulator.season import EPOCH, Season
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


def draw_people(seed: int, first: int, count: int, season: Season, history_start: int) -> People:
    """Persons first .. first + count - 1; `first` is a multiple of CHUNK_PERSONS.

    Arrivals follow the trade clock: some in the years before `history_start`, the rest after it.
    """
    rng = generator(seed, "people", first // CHUNK_PERSONS)
    gender = np.where(rng.random(count) < _FEMALE_SHARE, FEMALE, MALE).astype(np.int8)
    city = places.home_cities(rng, count)
    favourite = gendered_categories(rng, gender)
    brand = DOMAIN_OF_CATEGORY[favourite] * BRANDS_PER_DOMAIN + rng.integers(0, BRANDS_PER_DOMAIN, count)
    return People(
        index=np.arange(first, first + count, dtype=np.int64),
        name=names.full_names(rng, gender),
        gender=gender,
        birth=_birth_days(rng, count, season),
        city=city,
        address=places.addresses(rng, city),
        arrival=_arrivals(rng, count, season, history_start),
        favourite_category=favourite,
        favourite_brand=brand,
        focus=rng.beta(6, 4, count),
        loyalty=rng.beta(4, 5, count),
        coupon_appetite=rng.beta(2, 2, count),
    )


def _birth_days(rng: np.random.Generator, count: int, season: Season) -> NDArray[np.int64]:
    age = np.clip(
        rng.gamma((_USUAL_AGE / _AGE_SPREAD) ** 2, _AGE_SPREAD**2 / _USUAL_AGE, count), _YOUNGEST, _OLDEST
    )
    today = season.end // 86_400
    return (today - age * 365.25).astype(np.int64)


def _arrivals(rng: np.random.Generator, count: int, season: Season, history_start: int) -> NDArray[np.int64]:
    opening = season.trade_time(np.array([season.start, history_start, season.end]))
    earlier = rng.random(count) < _EARLIER_SHARE
    low = np.where(earlier, opening[0], opening[1])
    high = np.where(earlier, opening[1], opening[2])
    return season.wall_time(low + (high - low) * rng.random(count))


def day_number(day: date) -> int:
    return (day - EPOCH).days
