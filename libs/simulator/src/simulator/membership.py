"""Points and levels that follow from orders and refunds, and coupons handed out and used."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.accounts import Accounts
from simulator.columns import SCALE
from simulator.market import Market
from simulator.orders import Orders, Refunds
from simulator.people import People
from simulator.season import DAY_S

LEVELS = ("silver", "gold", "platinum", "diamond")
LEVEL_FROM_YUAN = np.array([0, 800, 2_500, 8_000])
ORDER, REFUND = 0, 1
REASONS = ("order", "refund")
_SETTLE_S = 60
_RECEIVED_BEFORE_DAYS = 7
_WASTED_COUPON_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class PointChanges:
    """One point a yuan, floor; `balance` follows the change. In order of person, then time."""

    person: NDArray[np.int64]
    time: NDArray[np.int64]
    delta: NDArray[np.int64]
    balance: NDArray[np.int64]
    reason: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LevelChanges:
    """A level is reached by spending and never lost within the history; codes of LEVELS."""

    person: NDArray[np.int64]
    time: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Membership:
    points: PointChanges
    levels: LevelChanges
    level: NDArray[np.int64]
    """The level of each person at the end."""


@dataclass(frozen=True, slots=True)
class CouponLog:
    """Coupons of members, in order of time; `used` is false for the receipt of one."""

    person: NDArray[np.int64]
    time: NDArray[np.int64]
    coupon: NDArray[np.int64]
    used: NDArray[np.bool_]


def follow_membership(people: People, accounts: Accounts, orders: Orders, refunds: Refunds) -> Membership:
    """Fold the members' paid orders and refunds into points and levels."""
    paid = np.flatnonzero(~orders.cancelled & accounts.presence.member[orders.person])
    back = np.flatnonzero(accounts.presence.member[orders.person[refunds.order]])
    person = np.concatenate([orders.person[paid], orders.person[refunds.order[back]]])
    time = np.concatenate([orders.time[paid], refunds.time[back]]) + _SETTLE_S
    points = np.concatenate([orders.amount[paid] // SCALE, -(refunds.amount[back] // SCALE)])
    reason = np.repeat([ORDER, REFUND], [len(paid), len(back)])
    sequence = np.lexsort((reason, time, person))
    person, time, points, reason = (column[sequence] for column in (person, time, points, reason))
    balance = _running(person, points)
    spent = _running(person, np.maximum(points, 0))
    reached = np.searchsorted(LEVEL_FROM_YUAN, spent, side="right") - 1
    fresh = np.ones(len(person), dtype=np.bool_)
    fresh[1:] = person[1:] != person[:-1]
    before = np.where(fresh, 0, np.roll(reached, 1))
    rises = np.flatnonzero(reached > before)
    level = np.zeros(people.count, dtype=np.int64)
    np.maximum.at(level, person, reached)
    return Membership(
        PointChanges(person, time, points, balance, reason),
        LevelChanges(person[rises], time[rises] + 1, before[rises], reached[rises]),
        level,
    )


def draw_coupon_log(
    rng: np.random.Generator,
    people: People,
    accounts: Accounts,
    orders: Orders,
    market: Market,
) -> CouponLog:
    """Each coupon that a member used was received before; as many again were received and wasted."""
    coupons, history_start, end = market.coupons, market.history_start, market.season.end
    used = np.flatnonzero((orders.coupon >= 0) & ~orders.cancelled & accounts.presence.member[orders.person])
    earlier = (rng.random(len(used)) * _RECEIVED_BEFORE_DAYS * DAY_S).astype(np.int64) + 60
    received_at = np.maximum(orders.time[used] - earlier, history_start)
    members = np.flatnonzero(accounts.presence.member)
    wasted = rng.choice(members, round(len(used) * _WASTED_COUPON_SHARE)) if len(members) else members
    code = rng.integers(0, len(coupons.threshold), len(wasted))
    opens = np.maximum(np.maximum(coupons.first_day[code] * DAY_S, history_start), people.arrival[wasted])
    closes = np.minimum((coupons.last_day[code] + 1) * DAY_S, end)
    possible = opens < closes
    wasted, code, opens, closes = (column[possible] for column in (wasted, code, opens, closes))
    wasted_at = opens + (rng.random(len(wasted)) * (closes - opens)).astype(np.int64)
    person = np.concatenate([orders.person[used], orders.person[used], wasted])
    time = np.concatenate([orders.time[used], received_at, wasted_at])
    coupon = np.concatenate([orders.coupon[used], orders.coupon[used], code])
    is_use = np.repeat([True, False, False], [len(used), len(used), len(wasted)])
    sequence = np.lexsort((is_use, person, time))
    return CouponLog(person[sequence], time[sequence], coupon[sequence], is_use[sequence])


def _running(group: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums so far within each group; groups are contiguous."""
    total = np.cumsum(values)
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]])) if len(group) else group
    before = total[starts] - values[starts]
    sizes = np.diff(np.append(starts, len(group)))
    return total - np.repeat(before, sizes)
