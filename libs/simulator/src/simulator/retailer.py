"""A retailer with six source systems, told for the twelve months before a date, with known truth."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator.accounts import Accounts, draw_accounts
from simulator.behaviour import draw_behaviour
from simulator.consents import Given, draw_consents
from simulator.exports.every import export
from simulator.exports.story import Browsing, Story
from simulator.files import Folder
from simulator.manifest import Manifest
from simulator.market import Market, open_market
from simulator.membership import draw_coupon_log, follow_membership
from simulator.openings import draw_openings
from simulator.orders import (
    APP,
    MINI,
    POS,
    SHOP,
    Orders,
    draw_orders,
    draw_refunds,
    home_stores,
    selling_sources,
)
from simulator.people import CHUNK_PERSONS, draw_arrivals, draw_people
from simulator.presence import Rates, draw_presence
from simulator.purchases import Purchases, draw_purchases
from simulator.seeding import generator
from simulator.sessions import draw_sessions
from simulator.truth import shared_everywhere, write_truth

DEFAULT_PERSONS, DEFAULT_SEED = 20_000, 20_260_630
DEFAULT_END = date(2026, 6, 30)

Progress = Callable[[int, int], None]
"""Called with (persons done, persons in all) after each chunk."""


def simulate(
    folder: Path,
    persons: int = DEFAULT_PERSONS,
    seed: int = DEFAULT_SEED,
    end: date = DEFAULT_END,
    progress: Progress | None = None,
    *,
    intensity: float = 1.0,
    rates: Rates | None = None,
) -> Manifest:
    """Write the retailer's exports, reference tables, truth and manifest into a new folder.

    The same seed, persons, end, intensity and rates give the same bytes. `end` is the last day of history;
    `intensity` multiplies the visits that lead to no order. BadRequestError for a parameter out of its range,
    FolderTakenError when the folder is not empty.
    """
    market = open_market(persons, seed, end, intensity, rates or Rates())
    with Folder(folder) as out:
        _write_reference(out, market)
        for first in range(0, persons, CHUNK_PERSONS):
            count = min(CHUNK_PERSONS, persons - first)
            story, purchases = tell(market, first, count)
            for file, table in export(story):
                out.write_source(file, table)
            write_truth(out, story, story.people.index, purchases, market.as_of)
            if progress is not None:
                progress(first + count, persons)
    span = (market.history_start, market.season.end - 1)
    return out.finish("retailer", seed, persons, span, market.as_of)


def tell(market: Market, first: int, count: int) -> tuple[Story, Purchases]:
    """The story of persons first .. first + count - 1, and the process behind their purchases."""
    seed, part, season, rates = market.seed, first // CHUNK_PERSONS, market.season, market.rates
    rng = generator(seed, "story", part)
    arrival = draw_arrivals(seed, part, count, season, market.history_start)
    people = draw_people(seed, first, arrival, season.end)
    presence = draw_presence(seed, part, count, rates)
    accounts = draw_accounts(seed, part, people, presence, rates, staff_numbers=market.stores.staff_number)
    sells = presence.sells
    can_buy: NDArray[np.bool_] = np.logical_or.reduce(sells, axis=1)
    purchases = draw_purchases(rng, season, people.arrival, can_buy)
    within = purchases.time >= market.history_start
    person, time = purchases.person[within], purchases.time[within]
    source = selling_sources(rng, sells, person)
    orders = draw_orders(rng, people, person, time, source, market)
    refunds = draw_refunds(rng, orders, season.end)
    sessions = draw_sessions(rng, people, accounts, purchases, orders, market)
    behaviour = draw_behaviour(rng, people, accounts, sessions, orders, market)
    openings = draw_openings(rng, accounts, people.arrival, orders, season.end)
    consents = draw_consents(rng, Given(openings.crm, openings.official, openings.device), season.end)
    coupon_log = draw_coupon_log(rng, people, accounts, orders, market)
    story = Story(
        seed=seed,
        part=part,
        items=market.items,
        stores=market.stores,
        coupons=market.coupons,
        people=people,
        accounts=accounts,
        openings=openings,
        consents=consents,
        home_store=home_stores(people, market.stores),
        orders=orders,
        order_member_id=shown_member_ids(accounts, orders),
        refunds=refunds,
        membership=follow_membership(people, accounts, orders, refunds),
        coupon_log=coupon_log,
        browsing=Browsing(sessions, behaviour),
    )
    return story, purchases


def shown_member_ids(accounts: Accounts, orders: Orders) -> pa.Array:
    """The member id that each order shows: what the source knows of its buyer, everything in the app."""
    person = pa.array(orders.person)
    columns = {
        SHOP: accounts.shop_member_id,
        MINI: accounts.mini_member_id,
        APP: accounts.member_id,
        POS: accounts.pos_member_id,
    }
    return pc.choose(pa.array(orders.source), *(columns[code].take(person) for code in sorted(columns)))


def _write_reference(out: Folder, market: Market) -> None:
    out.write_reference("items", market.items.table())
    out.write_reference("stores", market.stores.stores_table())
    out.write_reference("staff", market.stores.staff_table())
    out.write_reference("benefits", market.coupons.table())
    out.write_truth("shared", shared_everywhere(market.stores.tablet_id, market.stores.staff_number))
