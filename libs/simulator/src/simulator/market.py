"""What every chunk of a simulated retailer has in common: time, wares, places and rates."""

from dataclasses import dataclass
from datetime import date, timedelta

from simulator import catalogue, phones
from simulator.manifest import BadRequestError
from simulator.presence import Rates
from simulator.season import DAY_S, FIRST_YEAR, LAST_YEAR, Season, midnight

FEWEST_PERSONS, MOST_PERSONS = 100, 1_000_000
MOST_INTENSITY = 20.0
_EARLIER_YEARS = 2
_AS_OF_HOUR = 10
"""The story is told at this hour of the day after the last, when marketing is allowed."""


@dataclass(frozen=True, slots=True)
class Market:
    """What all chunks have in common. Times are wall-clock seconds; `as_of` is later than every event."""

    seed: int
    rates: Rates
    intensity: float
    season: Season
    history_start: int
    as_of: int
    items: catalogue.Items
    shelf: catalogue.Shelf
    stores: catalogue.Stores
    coupons: catalogue.Coupons


def open_market(persons: int, seed: int, end: date, intensity: float, rates: Rates) -> Market:
    """BadRequestError for a parameter out of its range."""
    if not FEWEST_PERSONS <= persons <= MOST_PERSONS:
        raise BadRequestError(f"persons is {persons}: choose from {FEWEST_PERSONS} to {MOST_PERSONS}")
    if not 0 <= seed < 2**32:
        raise BadRequestError(f"seed is {seed}: choose from 0 to {2**32 - 1}")
    if not FIRST_YEAR + _EARLIER_YEARS + 1 < end.year < LAST_YEAR:
        raise BadRequestError(
            f"end is {end}: choose a day from {FIRST_YEAR + _EARLIER_YEARS + 2} to {LAST_YEAR - 1}, "
            "the years whose Spring Festival is known"
        )
    if not 0 <= intensity <= MOST_INTENSITY:
        raise BadRequestError(f"intensity is {intensity}: choose from 0 to {MOST_INTENSITY}")
    start = history_start(end)
    season = Season.between(start.replace(year=start.year - _EARLIER_YEARS, day=1), end)
    items = catalogue.retail_items(seed, season.end // DAY_S)
    staff = phones.numbers(seed, catalogue.staff_indexes(persons))
    return Market(
        seed=seed,
        rates=rates,
        intensity=intensity,
        season=season,
        history_start=midnight(start),
        as_of=season.end + _AS_OF_HOUR * 3_600,
        items=items,
        shelf=catalogue.Shelf(seed, items),
        stores=catalogue.retail_stores(seed, persons, staff, season.end // DAY_S),
        coupons=catalogue.retail_coupons(start, end),
    )


def history_start(end: date) -> date:
    """The first day of the twelve months that end with `end`."""
    after = end + timedelta(days=1)
    try:
        return after.replace(year=after.year - 1)
    except ValueError:
        return date(after.year - 1, 3, 1)
