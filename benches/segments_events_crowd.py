"""A crowd's events: three of ten persons are active, some far more than others, over 120 days."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NOW_US = 1_772_596_800_000_000
"""2026-03-04T04:00:00Z, noon in Shanghai."""
DAYS = 120
DAY_US = 86_400 * 10**6
ACTIVE_SHARE = 0.3
TYPES = {
    "page_view": 0.25,
    "search": 0.15,
    "view_item": 0.38,
    "add_to_cart": 0.12,
    "order_paid": 0.07,
    "coupon_received": 0.03,
}
"""Shares of the events, in the order of the funnel that most of them are steps of."""
NAMES = tuple(TYPES)
FUNNEL = ("page_view", "search", "view_item", "add_to_cart", "order_paid")


@dataclass(frozen=True)
class Crowd:
    """Events in order of time; the place of an event is its ingest sequence. No two are of one moment: engines that
    know no sequence give other answers otherwise.

    people  int32, from 0; types: places in NAMES; amounts: cents, of orders
    """

    persons: int
    people: npt.NDArray[np.int32]
    types: npt.NDArray[np.uint8]
    times: npt.NDArray[np.int64]
    amounts: npt.NDArray[np.int32]


def crowd_of(persons: int, events: int, seed: int) -> Crowd:
    """The same for the same seed."""
    draw = np.random.default_rng(seed)
    active = draw.permutation(persons)[: max(int(persons * ACTIVE_SHARE), 1)].astype(np.int32)
    people = active[(draw.random(events, np.float32) ** 1.7 * (len(active) - 1)).astype(np.int32)]
    shares = np.cumsum(list(TYPES.values()))
    types = np.searchsorted(shares / shares[-1], draw.random(events, np.float32)).astype(np.uint8)
    times = np.sort(draw.integers(NOW_US - DAYS * DAY_US, NOW_US - events, events))
    times = np.maximum.accumulate(times - np.arange(events)) + np.arange(events)
    amounts = np.exp(draw.normal(4.6, 0.9, events).astype(np.float32) + 4.6).astype(np.int32) + 1
    amounts[types != NAMES.index("order_paid")] = 0
    return Crowd(persons, people, np.minimum(types, len(NAMES) - 1), times, amounts)
