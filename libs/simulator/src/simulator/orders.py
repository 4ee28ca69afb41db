"""What a purchase becomes: an order with items, a coupon and an amount; some are cancelled or refunded."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator.catalogue import Coupons, Items, Stores
from simulator.columns import decimals, joined, padded, picked
from simulator.market import Market
from simulator.people import CHUNK_PERSONS, People
from simulator.season import DAY_S, in_opening_hours
from simulator.tastes import chosen_categories, chosen_items

SELLING_SOURCES = ("shop", "mini_program", "app", "pos")
SHOP, MINI, APP, POS = range(len(SELLING_SOURCES))
REFUND_REASONS = ("质量问题", "七天无理由", "少件漏发", "描述不符")

_PRIMARY_SOURCE_SHARE = 0.75
_MORE_LINES, _MOST_LINES = 0.9, 8
_MORE_QUANTITY = 0.75
_CANCELLED_SHARE = 0.03
_REFUNDED_SHARE, _WHOLE_REFUND_SHARE = 0.045, 0.7
_REFUND_DAYS = 15


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders in order of time; amounts are scaled by 10^4. `person` counts within the chunk, `source` is a
    code of SELLING_SOURCES, `coupon` and `store` are codes or -1. The items of order i are `first_line[i]`
    up to `first_line[i + 1]` of `item`, `quantity` and `line_amount`; `amount` is their sum less `discount`.
    A cancelled order was never paid."""

    person: NDArray[np.int64]
    source: NDArray[np.int64]
    time: NDArray[np.int64]
    order_id: pa.Array
    amount: NDArray[np.int64]
    discount: NDArray[np.int64]
    coupon: NDArray[np.int64]
    store: NDArray[np.int64]
    cancelled: NDArray[np.bool_]
    first_line: NDArray[np.int64]
    item: NDArray[np.int64]
    quantity: NDArray[np.int64]
    line_amount: NDArray[np.int64]

    def items_column(self, items: Items) -> pa.Array:
        """The items of each paid order as list<struct>, with exact decimals; null for a cancelled one."""
        sizes = np.diff(self.first_line)
        told = np.repeat(~self.cancelled, sizes)
        offsets = np.concatenate([[0], np.cumsum(np.where(self.cancelled, 0, sizes))])
        codes = pa.array(self.item[told])
        lines = pa.StructArray.from_arrays(
            [
                items.item_id.take(codes),
                picked(items.category_names, items.category).take(codes),
                picked(items.brand_names, items.brand).take(codes),
                pa.array(self.quantity[told]),
                decimals(self.line_amount[told]),
            ],
            names=["item_id", "category", "brand", "quantity", "amount"],
        )
        return pa.ListArray.from_arrays(
            pa.array(offsets.astype(np.int32)), lines, mask=pa.array(self.cancelled)
        )


@dataclass(frozen=True, slots=True)
class Refunds:
    """Refunds in order of time; `order` is the position of the order in its Orders."""

    order: NDArray[np.int64]
    time: NDArray[np.int64]
    amount: NDArray[np.int64]
    reason: NDArray[np.int64]
    refund_id: pa.Array


def selling_sources(
    rng: np.random.Generator, sells: NDArray[np.bool_], person: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The source of each purchase; `sells` is (persons, sources): which sources may serve whom.

    Each person has a usual source, and buys at any other of theirs now and then.
    """
    liking = np.where(sells, rng.random(sells.shape), -1.0)
    usual = liking.argmax(axis=1)[person]
    other = np.where(sells[person], rng.random((len(person), sells.shape[1])), -1.0).argmax(axis=1)
    source: NDArray[np.int64] = np.where(rng.random(len(person)) < _PRIMARY_SOURCE_SHARE, usual, other)
    return source


def draw_orders(
    rng: np.random.Generator,
    people: People,
    person: NDArray[np.int64],
    time: NDArray[np.int64],
    source: NDArray[np.int64],
    market: Market,
) -> Orders:
    """One order for each purchase (person, time, source)."""
    time = np.where(source == POS, in_opening_hours(rng, time), time)
    sequence = np.lexsort((person, time))
    person, time, source = person[sequence], time[sequence], source[sequence]
    count = len(person)
    lines = np.minimum(1 + rng.poisson(_MORE_LINES, count), _MOST_LINES)
    first_line = np.concatenate([[0], np.cumsum(lines)])
    buyer = np.repeat(person, lines)
    item = chosen_items(rng, market.shelf, people, buyer, chosen_categories(rng, people, buyer))
    quantity = rng.geometric(_MORE_QUANTITY, len(item))
    line_amount = market.items.price[item] * quantity
    subtotal = np.add.reduceat(line_amount, first_line[:-1]) if count else np.empty(0, np.int64)
    coupon = _coupons(rng, people, person, time, subtotal, market.coupons)
    discount = np.where(coupon >= 0, market.coupons.amount[coupon], 0)
    store = _stores(rng, people, person, market.stores)
    part = int(people.index[0]) // CHUNK_PERSONS if people.count else 0
    return Orders(
        person=person,
        source=source,
        time=time,
        order_id=_order_ids(source, time, part),
        amount=subtotal - discount,
        discount=discount,
        coupon=coupon,
        store=np.where(source == POS, store, -1),
        cancelled=(rng.random(count) < _CANCELLED_SHARE) & (source != POS),
        first_line=first_line,
        item=item,
        quantity=quantity,
        line_amount=line_amount,
    )


def draw_refunds(rng: np.random.Generator, orders: Orders, end: int) -> Refunds:
    """Refunds of paid orders within two weeks, whole or of the first item; those after `end` are not known
    yet."""
    refunded = ~orders.cancelled & (rng.random(len(orders.person)) < _REFUNDED_SHARE)
    order = np.flatnonzero(refunded)
    time = orders.time[order] + (rng.random(len(order)) * _REFUND_DAYS * DAY_S).astype(np.int64) + 600
    whole = rng.random(len(order)) < _WHOLE_REFUND_SHARE
    first = np.minimum(orders.line_amount[orders.first_line[order]], orders.amount[order])
    amount = np.where(whole, orders.amount[order], first)
    reason = rng.integers(0, len(REFUND_REASONS), len(order))
    known = np.flatnonzero(time < end)
    known = known[np.argsort(time[known], kind="stable")]
    order = order[known]
    refund_id = joined("R", orders.order_id.take(pa.array(order)))
    return Refunds(order, time[known], amount[known], reason[known], refund_id)


def _coupons(
    rng: np.random.Generator,
    people: People,
    person: NDArray[np.int64],
    time: NDArray[np.int64],
    subtotal: NDArray[np.int64],
    coupons: Coupons,
) -> NDArray[np.int64]:
    """The valid coupon of the highest threshold that the order reaches, when the person cares to use it."""
    best = np.full(len(person), -1, dtype=np.int64)
    day = time // DAY_S
    for code in range(len(coupons.threshold)):
        valid = (coupons.first_day[code] <= day) & (day <= coupons.last_day[code])
        best[valid & (subtotal >= coupons.threshold[code])] = code
    uses = rng.random(len(person)) < people.coupon_appetite[person]
    return np.where(uses, best, -1)


def _stores(
    rng: np.random.Generator, people: People, person: NDArray[np.int64], stores: Stores
) -> NDArray[np.int64]:
    """Each person's own store, in the home city where there is one; one visit in eight goes elsewhere."""
    home = home_stores(people, stores)
    elsewhere = rng.integers(0, stores.count, len(person))
    return np.where(rng.random(len(person)) < 0.125, elsewhere, home[person])


def home_stores(people: People, stores: Stores) -> NDArray[np.int64]:
    """The usual store of each person: one of the home city when it has any, else any."""
    sequence = np.argsort(stores.city, kind="stable")
    cities = stores.city[sequence]
    low = np.searchsorted(cities, people.city, side="left")
    high = np.searchsorted(cities, people.city, side="right")
    local = sequence[np.minimum(low + people.index % np.maximum(high - low, 1), stores.count - 1)]
    return np.where(high > low, local, people.index % stores.count)


def _order_ids(source: NDArray[np.int64], time: NDArray[np.int64], part: int) -> pa.Array:
    """Source letter, date, chunk and running number, as in T20251111000000123."""
    letters = picked(["T", "W", "A", "P"], source)
    days = time // DAY_S * DAY_S
    date = pa.array(days).cast(pa.timestamp("s")).cast(pa.date32()).cast(pa.string())
    compact = pc.replace_substring(date, "-", "")
    return joined(letters, compact, padded(np.full(len(time), part), 3), padded(np.arange(len(time)), 6))
