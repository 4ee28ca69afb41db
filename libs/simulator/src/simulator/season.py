"""When a year is busy: promotions, the Spring Festival, week and day, as a clock that runs at the pace of
trade.

A process that is stationary on the trade clock (see `Season.trade_time`) is seasonal on the wall clock.
Wall-clock times are seconds since 1970 as a clock on the wall shows them, without a zone.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

TIME_ZONE = "Asia/Shanghai"
UTC_OFFSET_S = 8 * 3_600
"""The zone of every wall clock here; it has had no other offset since 1991."""
DAY_S = 86_400
HOUR_S = 3_600
EPOCH = date(1970, 1, 1)

SPRING_FESTIVAL = {
    2015: (2, 19), 2016: (2, 8), 2017: (1, 28), 2018: (2, 16), 2019: (2, 5), 2020: (1, 25), 2021: (2, 12),
    2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26),
    2029: (2, 13), 2030: (2, 3), 2031: (1, 23), 2032: (2, 11), 2033: (1, 31), 2034: (2, 19), 2035: (2, 8),
}  # fmt: skip
FIRST_YEAR, LAST_YEAR = min(SPRING_FESTIVAL), max(SPRING_FESTIVAL)

_WEEK = (0.95, 0.93, 0.94, 0.96, 1.02, 1.12, 1.08)
_DAY = (0.50, 0.25, 0.12, 0.08, 0.08, 0.12, 0.30, 0.55, 0.80, 1.00, 1.15, 1.20,
        1.25, 1.10, 1.10, 1.15, 1.15, 1.10, 1.15, 1.40, 1.80, 2.00, 1.70, 1.00)  # fmt: skip
_STORE_DAY = (0,) * 10 + (0.6, 0.8, 0.9, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.5, 0.9) + (0,) * 2

# Promotions open at 20:00 on the evening before their first day.
_PROMOTIONS = {
    (5, 31): 1.5, (6, 1): 2.0, (6, 15): 1.5, (6, 16): 1.8, (6, 17): 2.6, (6, 18): 4.0,
    (10, 31): 1.8, (11, 1): 2.4, (11, 10): 2.8, (11, 11): 5.5, (12, 12): 1.8, (3, 8): 1.5,
}  # fmt: skip
_PROMOTION_WEEKS = (((6, 2), (6, 14), 1.2), ((11, 2), (11, 9), 1.3), ((10, 1), (10, 7), 0.85))
_OPENING_EVENINGS = frozenset({(5, 31), (6, 17), (10, 31), (11, 10)})
_OPENING_HOUR, _OPENING_FACTOR = 20, 3.0
_FESTIVAL = ((-3, -1, 0.6), (0, 4, 0.3), (5, 8, 0.55))


def day_factor(day: date) -> float:
    """How busy a day is, 1.0 being ordinary."""
    factor = _WEEK[day.weekday()] * _PROMOTIONS.get((day.month, day.day), 1.0)
    for first, last, weight in _PROMOTION_WEEKS:
        if first <= (day.month, day.day) <= last:
            factor *= weight
    month, of_month = SPRING_FESTIVAL[day.year]
    distance = (day - date(day.year, month, of_month)).days
    for first_day, last_day, weight in _FESTIVAL:
        if first_day <= distance <= last_day:
            factor *= weight
    return factor


def hour_weights(day: date) -> NDArray[np.float64]:
    """Weights of the 24 hours of a day; their sum is the day's weight."""
    hours = np.array(_DAY)
    hours *= 24 / hours.sum() * day_factor(day) / 24
    if (day.month, day.day) in _OPENING_EVENINGS:
        hours[_OPENING_HOUR:] *= _OPENING_FACTOR
    return hours


def midnight(day: date) -> int:
    """The wall-clock second at which a day begins."""
    return (day - EPOCH).days * DAY_S


def aware(seconds: int) -> datetime:
    """A wall-clock second as a time with its zone."""
    naive = datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - a reading of the wall clock
    return naive.replace(tzinfo=ZoneInfo(TIME_ZONE))


@dataclass(frozen=True, slots=True)
class Season:
    """The trade clock between two dates: one unit is the trade of one ordinary day."""

    start: int
    passed: NDArray[np.float64]

    @classmethod
    def between(cls, first: date, last: date) -> "Season":
        """The days from first to last, both included."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        hourly = np.concatenate([hour_weights(day) for day in days])
        return cls(midnight(first), np.concatenate([[0.0], np.cumsum(hourly)]))

    @property
    def end(self) -> int:
        """The first second after the last day."""
        return self.start + (len(self.passed) - 1) * HOUR_S

    def trade_time(self, seconds: NDArray[np.int64]) -> NDArray[np.float64]:
        hours = (seconds - self.start) / HOUR_S
        return np.interp(hours, np.arange(len(self.passed)), self.passed)

    def wall_time(self, trade: NDArray[np.float64]) -> NDArray[np.int64]:
        hours = np.interp(trade, self.passed, np.arange(len(self.passed)))
        return np.minimum(self.start + (hours * HOUR_S).astype(np.int64), self.end - 1)


def in_opening_hours(rng: np.random.Generator, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same days, at times when stores are open (10:00 to 22:00)."""
    edges = np.concatenate([[0.0], np.cumsum(_STORE_DAY)]) / sum(_STORE_DAY)
    hours = np.interp(rng.random(len(seconds)), edges, np.arange(25))
    return seconds // DAY_S * DAY_S + (hours * HOUR_S).astype(np.int64)
