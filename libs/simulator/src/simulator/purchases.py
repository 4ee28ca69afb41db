"""When people buy, and when they stop for good.

The model is BG/NBD (Fader, Hardie, Lee 2005) with both heterogeneities: while alive a person buys as a
Poisson process whose rate is gamma distributed over persons; after each purchase the person drops out with
a probability that is beta distributed over persons. It runs on the trade clock, so that seasons show.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.season import Season

RATE_SHAPE, RATE_MEAN_PER_YEAR = 0.9, 6.5
DROP_A, DROP_B = 1.1, 5.5
NEVER_BUY_SHARE = 0.10
ORDINARY_DAYS_PER_YEAR = 380.0
MAX_PURCHASES = 400
"""A person who reaches it buys no more within the simulated time; no drop-out is recorded for that."""
_FIRST_DELAY_DAYS = 6.0


@dataclass(frozen=True, slots=True)
class Purchases:
    """`person` and `time` are flat, in order of time, and include those before the history's start.

    Per person: `rate` in purchases per year while alive (0 = never buys), `drop` the chance to stop after a
    purchase, `dropped_at` the wall-clock second of the purchase after which no other came, or -1 while alive.
    """

    person: NDArray[np.int64]
    time: NDArray[np.int64]
    rate: NDArray[np.float64]
    drop: NDArray[np.float64]
    dropped_at: NDArray[np.int64]

    @property
    def alive(self) -> NDArray[np.bool_]:
        return (self.dropped_at < 0) & (self.rate > 0)


def draw_purchases(
    rng: np.random.Generator, season: Season, arrival: NDArray[np.int64], can_buy: NDArray[np.bool_]
) -> Purchases:
    """`can_buy` is false for persons whom no selling source knows."""
    count = len(arrival)
    rate = rng.gamma(RATE_SHAPE, RATE_MEAN_PER_YEAR / RATE_SHAPE, count)
    rate = np.where(can_buy & (rng.random(count) >= NEVER_BUY_SHARE), rate, 0.0)
    drop = rng.beta(DROP_A, DROP_B, count)
    pace = np.maximum(rate / ORDINARY_DAYS_PER_YEAR, 1e-12)
    horizon = season.trade_time(np.array([season.end]))[0]
    clock = season.trade_time(arrival) + rng.exponential(_FIRST_DELAY_DAYS, count)
    who = np.flatnonzero((rate > 0) & (clock < horizon))
    dropped = np.full(count, -1.0)
    rounds: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    for _ in range(MAX_PURCHASES):
        if not len(who):
            break
        rounds.append((who, clock[who]))
        stops = rng.random(len(who)) < drop[who]
        dropped[who[stops]] = clock[who[stops]]
        who = who[~stops]
        clock[who] += rng.exponential(1.0, len(who)) / pace[who]
        who = who[clock[who] < horizon]
    person = np.concatenate([np.empty(0, np.int64), *(people for people, _ in rounds)])
    time = season.wall_time(np.concatenate([np.empty(0), *(times for _, times in rounds)]))
    order = np.lexsort((person, time))
    dropped_at = np.where(dropped >= 0, season.wall_time(np.maximum(dropped, 0.0)), -1)
    return Purchases(person[order], time[order], rate, drop, dropped_at)
