"""When each source met a person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.accounts import Accounts
from simulator.orders import MINI, POS, SHOP, Orders
from simulator.season import DAY_S

_OPENING_LAG_DAYS = 45.0


@dataclass(frozen=True, slots=True)
class Openings:
    """Per person, the wall-clock second at which each source met the person; `device` is per device row."""

    crm: NDArray[np.int64]
    shop: NDArray[np.int64]
    mini: NDArray[np.int64]
    official: NDArray[np.int64]
    pos: NDArray[np.int64]
    device: NDArray[np.int64]


def draw_openings(
    rng: np.random.Generator, accounts: Accounts, arrival: NDArray[np.int64], orders: Orders, end: int
) -> Openings:
    """Sources meet a person some weeks after the arrival, and no later than with the first order there."""
    devices = accounts.devices

    def opened(since: NDArray[np.int64], source: int | None) -> NDArray[np.int64]:
        lag = (rng.exponential(_OPENING_LAG_DAYS, len(since)) * DAY_S).astype(np.int64)
        opening = since + np.minimum(lag, ((end - since) * rng.random(len(since))).astype(np.int64))
        if source is not None:
            there = orders.source == source
            np.minimum.at(opening, orders.person[there], orders.time[there] - 60)
        return opening

    return Openings(
        crm=arrival,
        shop=opened(arrival, SHOP),
        mini=opened(arrival, MINI),
        official=opened(arrival, None),
        pos=opened(arrival, POS),
        device=opened(arrival[devices.owner], None),
    )
