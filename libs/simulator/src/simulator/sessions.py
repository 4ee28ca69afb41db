"""When people browse, where, and what they came for: visits to the mini program and the app."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.accounts import Accounts
from simulator.market import Market
from simulator.orders import APP, MINI, Orders, home_stores
from simulator.people import People
from simulator.purchases import Purchases
from simulator.tastes import chosen_categories

_VISITS_PER_YEAR = 5.5
_VISITS_PER_PURCHASE_RATE = 0.25
_FADED = 0.15
"""Share of the visits that remain after a person has dropped out."""
_ONLINE_ORDER_VISIT, _OTHER_ORDER_VISIT = 0.9, 0.2
_SHORTEST_LEAD_S, _LONGEST_LEAD_S = 480, 2_400
_TABLET_SHARE, _HOME_TABLET_SHARE = 0.08, 0.7
_LOGIN_SHARE = 0.7
NO_TABLET = -1


@dataclass(frozen=True, slots=True)
class Sessions:
    """Visits in no order. `source` is MINI or APP; `device` is a row of Devices or -1; `tablet` a tablet's
    number or NO_TABLET; `order` the order that the visit leads to, or -1; `login` whether the app knows the
    member."""

    person: NDArray[np.int64]
    source: NDArray[np.int64]
    time: NDArray[np.int64]
    category: NDArray[np.int64]
    order: NDArray[np.int64]
    device: NDArray[np.int64]
    tablet: NDArray[np.int64]
    login: NDArray[np.bool_]


def draw_sessions(
    rng: np.random.Generator,
    people: People,
    accounts: Accounts,
    purchases: Purchases,
    orders: Orders,
    market: Market,
) -> Sessions:
    """Visits that lead to orders, and visits for their own sake: the market's intensity multiplies these."""
    presence, stores = accounts.presence, market.stores
    visitor = presence.mini | presence.app
    led_person, led_time, led_order = _before_orders(rng, orders, visitor)
    free_person, free_time = _for_their_own_sake(rng, people, purchases, visitor, market)
    person = np.concatenate([led_person, free_person])
    order = np.concatenate([led_order, np.full(len(free_person), -1)])
    is_led = order >= 0
    led_source = np.where(is_led, orders.source[order] if len(orders.source) else 0, -1)
    prefers_app = presence.app[person] & (~presence.mini[person] | (rng.random(len(person)) < 0.5))
    source = np.where(prefers_app, APP, MINI)
    source = np.where((led_source == APP) | (led_source == MINI), led_source, source)
    category = chosen_categories(rng, people, person)
    on_tablet = ~is_led & presence.pos[person] & (rng.random(len(person)) < _TABLET_SHARE)
    source = np.where(on_tablet, APP, source)
    at_home = rng.random(len(person)) < _HOME_TABLET_SHARE
    at_home_store = np.searchsorted(stores.tablet_store, home_stores(people, stores)[person])
    tablet = np.where(at_home, at_home_store, rng.integers(0, len(stores.tablet_store), len(person)))
    devices = accounts.devices
    pick = (rng.random(len(person)) * np.maximum(devices.count[person], 1)).astype(np.int64)
    device = np.where((source == APP) & ~on_tablet, devices.first[person] + pick, -1)
    known = np.ones(len(person), dtype=np.bool_)
    own = device >= 0
    known[own] = devices.logged_in[device[own]]
    bought_in_app = led_source == APP
    return Sessions(
        person=person,
        source=source,
        time=np.concatenate([led_time, free_time]),
        category=category,
        order=order,
        device=device,
        tablet=np.where(on_tablet, tablet, NO_TABLET),
        login=known & ((rng.random(len(person)) < _LOGIN_SHARE) | bought_in_app),
    )


def _before_orders(
    rng: np.random.Generator, orders: Orders, visitor: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    online = (orders.source == MINI) | (orders.source == APP)
    chance = np.where(online, _ONLINE_ORDER_VISIT, np.where(visitor[orders.person], _OTHER_ORDER_VISIT, 0.0))
    order = np.flatnonzero(rng.random(len(orders.person)) < chance)
    lead = rng.integers(_SHORTEST_LEAD_S, _LONGEST_LEAD_S, len(order))
    return orders.person[order], orders.time[order] - lead, order


def _for_their_own_sake(
    rng: np.random.Generator,
    people: People,
    purchases: Purchases,
    visitor: NDArray[np.bool_],
    market: Market,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    season, history_start = market.season, market.history_start
    begins = season.trade_time(np.maximum(people.arrival, history_start))
    edges = season.trade_time(np.array([history_start, season.end]))
    year = edges[1] - edges[0]
    dropped = purchases.dropped_at >= 0
    fades = np.where(dropped, season.trade_time(np.maximum(purchases.dropped_at, season.start)), edges[1])
    fades = np.clip(fades, begins, edges[1])
    lively, faded = (fades - begins) / year, (edges[1] - fades) / year
    pace = market.intensity * (_VISITS_PER_YEAR + _VISITS_PER_PURCHASE_RATE * purchases.rate) * visitor
    person, times = [], []
    for share, low, high in (
        (lively, begins, fades),
        (faded * _FADED, fades, np.full(people.count, edges[1])),
    ):
        visits = rng.poisson(pace * share)
        who = np.repeat(np.arange(people.count), visits)
        person.append(who)
        times.append(low[who] + (high - low)[who] * rng.random(len(who)))
    return np.concatenate(person), season.wall_time(np.concatenate(times))
