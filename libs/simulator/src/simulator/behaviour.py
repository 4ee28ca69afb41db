"""What people do in a visit: pages, searches, views, carts, likes, shares and invitations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.accounts import Accounts
from simulator.catalogue import Shelf
from simulator.market import Market
from simulator.orders import MINI, Orders
from simulator.people import People
from simulator.sessions import Sessions
from simulator.tastes import chosen_items

EVENT_TYPES = (
    "page_view", "search", "view_item", "add_to_cart", "like", "share", "invite_sent", "invite_accepted",
)  # fmt: skip
PAGE, SEARCH, VIEW, CART, LIKE, SHARE, INVITE, ACCEPT = range(len(EVENT_TYPES))

_PAGE_SHARE, _SEARCH_SHARE = 0.45, 0.30
_MORE_VIEWS, _MOST_VIEWS = 1.1, 12
_CART_SHARE, _ORDER_CART_SHARE = 0.22, 0.85
_LIKE_SHARE, _SHARE_SHARE, _INVITE_SHARE = 0.05, 0.025, 0.01
_ACCEPT_SHARE = 0.04
_STEP_S = 22
_MOST_STEPS = 18
"""Steps of a visit are at most _MOST_STEPS * _STEP_S = 396 s apart from its start: before the order it
leads to."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Events in order of time. `type` is a code of EVENT_TYPES, `session` a position in Sessions or -1,
    `item` an item code or -1, `quantity` 0 unless put in a cart, `inviter` a person of the chunk or -1."""

    person: NDArray[np.int64]
    source: NDArray[np.int64]
    time: NDArray[np.int64]
    type: NDArray[np.int64]
    session: NDArray[np.int64]
    item: NDArray[np.int64]
    quantity: NDArray[np.int64]
    inviter: NDArray[np.int64]


def draw_behaviour(
    rng: np.random.Generator,
    people: People,
    accounts: Accounts,
    sessions: Sessions,
    orders: Orders,
    market: Market,
) -> Behaviour:
    """The events of all sessions, and of invitations accepted."""
    session, kind, step = _steps(rng, sessions, accounts)
    item = _items(rng, people, sessions, orders, market.shelf, session, kind)
    time = sessions.time[session] + step * _STEP_S + rng.integers(0, _STEP_S, len(session))
    inviter = np.full(len(session), -1, dtype=np.int64)
    quantity = np.where(kind == CART, rng.geometric(0.85, len(kind)), 0)
    person, source = sessions.person[session], sessions.source[session]
    guests, hosts, accepted = _accepted(rng, people, accounts, market.history_start)
    none = np.full(len(guests), -1, dtype=np.int64)
    person = np.concatenate([person, guests])
    source = np.concatenate([source, np.full(len(guests), MINI)])
    time = np.concatenate([time, accepted])
    kind = np.concatenate([kind, np.full(len(guests), ACCEPT)])
    session = np.concatenate([session, none])
    item = np.concatenate([item, none])
    quantity = np.concatenate([quantity, none * 0])
    inviter = np.concatenate([inviter, hosts])
    sequence = np.lexsort((kind, person, time))
    sequence = sequence[(time[sequence] >= market.history_start) & (time[sequence] < market.season.end)]
    columns = (person, source, time, kind, session, item, quantity, inviter)
    return Behaviour(*(column[sequence] for column in columns))


def _steps(
    rng: np.random.Generator, sessions: Sessions, accounts: Accounts
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(session, type, step within the session) of every event."""
    count = len(sessions.person)
    everyone = np.arange(count)
    views = np.minimum(1 + rng.poisson(_MORE_VIEWS, count), _MOST_VIEWS)
    member = accounts.presence.member[sessions.person] & (sessions.source == MINI)
    carts = np.where(sessions.order >= 0, _ORDER_CART_SHARE, _CART_SHARE)
    happens = {
        PAGE: (rng.random(count) < _PAGE_SHARE, np.zeros(count, np.int64)),
        SEARCH: (rng.random(count) < _SEARCH_SHARE, np.ones(count, np.int64)),
        CART: (rng.random(count) < carts, 2 + views),
        LIKE: (rng.random(count) < _LIKE_SHARE, 3 + views),
        SHARE: (rng.random(count) < _SHARE_SHARE, 4 + views),
        INVITE: (member & (rng.random(count) < _INVITE_SHARE), 5 + views),
    }
    viewed = np.repeat(everyone, views)
    first = np.cumsum(views) - views
    session = [viewed, *(everyone[mask] for mask, _ in happens.values())]
    kind = [np.full(len(viewed), VIEW), *(np.full(mask.sum(), code) for code, (mask, _) in happens.items())]
    step = [2 + np.arange(len(viewed)) - first[viewed], *(when[mask] for mask, when in happens.values())]
    return np.concatenate(session), np.concatenate(kind), np.concatenate(step)


def _items(
    rng: np.random.Generator,
    people: People,
    sessions: Sessions,
    orders: Orders,
    shelf: Shelf,
    session: NDArray[np.int64],
    kind: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Items of one category per visit; the cart of a visit that leads to an order holds the order's first
    item."""
    item = np.full(len(session), -1, dtype=np.int64)
    about = np.flatnonzero(np.isin(kind, (SEARCH, VIEW, CART, LIKE, SHARE)))
    of_session = session[about]
    item[about] = chosen_items(rng, shelf, people, sessions.person[of_session], sessions.category[of_session])
    order = sessions.order[session]
    bought = np.flatnonzero((order >= 0) & (kind == CART))
    item[bought] = orders.item[orders.first_line[order[bought]]]
    return item


def _accepted(
    rng: np.random.Generator, people: People, accounts: Accounts, history_start: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(guest, inviter, time): some who joined in the mini program came by a member's invitation."""
    presence = accounts.presence
    joiner = presence.mini & presence.member & (people.arrival >= history_start)
    guests = np.flatnonzero(joiner & (rng.random(people.count) < _ACCEPT_SHARE))
    members = np.flatnonzero(presence.mini & presence.member & (people.arrival < history_start))
    if not len(members):
        guests = guests[:0]
    hosts = members[rng.integers(0, max(len(members), 1), len(guests))] if len(guests) else guests
    return guests, hosts, people.arrival[guests] + 300
