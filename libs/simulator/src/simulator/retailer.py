"""A retailer with six source systems, told for the twelve months before a date, with known truth."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator import truth
from simulator.accounts import Accounts, draw_accounts
from simulator.behaviour import draw_behaviour
from simulator.consents import Given, draw_consents
from simulator.exports.every import export
from simulator.exports.story import Browsing, Openings, Story
from simulator.files import Folder
from simulator.manifest import Manifest
from simulator.market import Market, open_market
from simulator.membership import draw_coupon_log, follow_membership
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
from simulator.people import CHUNK_PERSONS, draw_people
from simulator.presence import Presence, Rates, draw_presence
from simulator.purchases import Purchases, draw_purchases
from simulator.season import DAY_S, TIME_ZONE
from simulator.seeding import generator
from simulator.sessions import draw_sessions

DEFAULT_PERSONS, DEFAULT_SEED = 20_000, 20_260_630
DEFAULT_END = date(2026, 6, 30)
_OPENING_LAG_DAYS = 45.0

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
        accounts = 0
        for first in range(0, persons, CHUNK_PERSONS):
            count = min(CHUNK_PERSONS, persons - first)
            story, purchases = tell(market, first, count)
            for file, table in export(story):
                out.write_source(file, table)
            accounts += _write_truth(out, story, purchases, market)
            if progress is not None:
                progress(first + count, persons)
    sources = out.source_entries()
    manifest = Manifest(
        kind="retailer",
        seed=seed,
        persons=persons,
        time_zone=TIME_ZONE,
        first_event=aware(market.history_start),
        last_event=aware(market.season.end - 1),
        as_of=aware(market.as_of),
        sources=sources,
        reference=out.table_entries("reference"),
        truth=out.table_entries("truth"),
        accounts=accounts,
        records=sum(entry.rows for entry in sources),
        events=dict(sorted(out.events.items())),
    )
    manifest.save(folder)
    return manifest


def tell(market: Market, first: int, count: int) -> tuple[Story, Purchases]:
    """The story of persons first .. first + count - 1, and the process behind their purchases."""
    seed, part, season, rates = market.seed, first // CHUNK_PERSONS, market.season, market.rates
    rng = generator(seed, "story", part)
    people = draw_people(seed, first, count, season, market.history_start)
    presence = draw_presence(seed, part, count, rates)
    accounts = draw_accounts(seed, part, people, presence, rates, staff_numbers=market.stores.staff_number)
    sells = selling(presence)
    can_buy: NDArray[np.bool_] = np.logical_or.reduce(sells, axis=1)
    purchases = draw_purchases(rng, season, people.arrival, can_buy)
    within = purchases.time >= market.history_start
    person, time = purchases.person[within], purchases.time[within]
    orders = draw_orders(
        rng,
        people,
        person,
        time,
        selling_sources(rng, sells, person),
        market,
    )
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


def selling(presence: Presence) -> NDArray[np.bool_]:
    """(persons, selling sources): which sources may sell to whom."""
    return np.stack([presence.shop, presence.mini, presence.app, presence.pos], axis=1)


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


def aware(seconds: int) -> datetime:
    """A wall-clock second as a time with its zone."""
    naive = datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - a reading of the wall clock
    return naive.replace(tzinfo=ZoneInfo(TIME_ZONE))


def _write_reference(out: Folder, market: Market) -> None:
    out.write_reference("items", market.items.table())
    out.write_reference("stores", market.stores.stores_table())
    out.write_reference("staff", market.stores.staff_table())
    out.write_reference("coupons", market.coupons.table())
    out.write_truth("shared", truth.shared_everywhere(market.stores.tablet_id, market.stores.staff_number))


def _write_truth(out: Folder, story: Story, purchases: Purchases, market: Market) -> int:
    number = story.people.index
    accounts = truth.accounts(story, number)
    out.write_truth("accounts", accounts)
    out.write_truth("persons", truth.persons(story, number, purchases))
    out.write_truth("facts", truth.facts(story, number, market.as_of))
    out.write_truth("shared", truth.shared(story, number))
    return int(accounts.num_rows)
