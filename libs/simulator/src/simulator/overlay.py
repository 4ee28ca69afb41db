"""Real invoices, invented people: the Online Retail data set as the exports of six source systems.

Invoice times are wall-clock readings from London. They are told as readings of a clock in Asia/Shanghai,
which has no summer time: days, hours and elapsed 24-hour periods are those of the readings, as published
figures count them. (As London time, the periods across a change of the clocks would be an hour off.)
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator import catalogue, phones
from simulator.accounts import draw_accounts
from simulator.consents import Given, draw_consents
from simulator.exports.every import export
from simulator.exports.story import Story
from simulator.files import Folder
from simulator.invoices import Invoices, last_second, read_invoices
from simulator.manifest import BadRequestError, Manifest
from simulator.membership import CouponLog, follow_membership
from simulator.openings import draw_openings
from simulator.orders import POS, Orders, Refunds, home_stores, selling_sources
from simulator.people import CHUNK_PERSONS, People, draw_people
from simulator.presence import Presence, Rates, draw_presence
from simulator.season import DAY_S, EPOCH
from simulator.seeding import generator
from simulator.truth import shared_everywhere, write_truth

DEFAULT_SEED = 20_111_209
_HAND = phones.Handwriting(
    plus_86=0.015,
    zero_86=0.005,
    dashes=0.010,
    spaces=0.008,
    full_width=0.004,
    excel=0.002,
    masked=0.004,
    absent=0.002,
)
"""Five per cent of the phones are dirty."""
RATES = Rates(
    member=1.0,
    lead=0.0,
    shop=(0.50, 0.0),
    mini=(0.55, 0.0),
    official_with_mini=(0.60, 0.0),
    official_alone=(0.01, 0.0),
    app=(0.35, 0.0),
    pos=(0.45, 0.0),
    shop_member=0.85,
    mini_union=1.0,
    official_union=1.0,
    device_login=0.995,
    family=0.03,
    changed_number=0.02,
    recycled=0.0,
    staff_phone=0.004,
    placeholder_phone=0.0,
    crm_hand=_HAND,
    shop_hand=_HAND,
    pos_hand=_HAND,
)
_ACQUAINTED_DAYS = 60
"""A customer became known up to so many days before the first invoice."""


def overlay(
    folder: Path,
    parquet: Path,
    seed: int = DEFAULT_SEED,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Write the exports, reference tables, truth and manifest of the data set's customers into a new folder.

    Persons are numbered by CustomerID, which is also their member id, and every order carries it. The story
    is told one day after the last invoice. The same file and seed give the same bytes. BadRequestError for
    a file that is not the data set, FolderTakenError when the folder is not empty.
    """
    if not 0 <= seed < 2**32:
        raise BadRequestError(f"seed is {seed}: choose from 0 to {2**32 - 1}")
    invoices = read_invoices(parquet)
    last = last_second(invoices)
    persons = len(invoices.customer)
    if persons > CHUNK_PERSONS:
        raise BadRequestError(f"{parquet} has {persons} customers: the overlay takes at most {CHUNK_PERSONS}")
    story = _tell(invoices, seed, last)
    with Folder(folder) as out:
        out.write_reference("items", story.items.table())
        out.write_reference("stores", story.stores.stores_table())
        out.write_reference("staff", story.stores.staff_table())
        out.write_truth("shared", shared_everywhere(story.stores.tablet_id, story.stores.staff_number))
        for file, table in export(story):
            out.write_source(file, table)
        write_truth(out, story, invoices.customer, None, last + DAY_S)
        if progress is not None:
            progress(persons, persons)
        first = int(min(invoices.second.min(), invoices.cancelled_second.min(initial=last)))
    return out.finish("overlay", seed, persons, (first, last), last + DAY_S)


def _tell(invoices: Invoices, seed: int, last: int) -> Story:
    count = len(invoices.customer)
    staff = phones.numbers(seed, catalogue.staff_indexes(count))
    stores = catalogue.retail_stores(seed, count, staff, last // DAY_S)
    rng = generator(seed, "overlay")
    people = draw_people(seed, 0, _arrivals(rng, invoices), last)
    presence = _sold_to(draw_presence(seed, 0, count, RATES))
    customer = pa.array(invoices.customer).cast(pa.string())
    accounts = draw_accounts(seed, 0, people, presence, RATES, staff_numbers=staff, member_id=customer)
    orders = _orders(rng, invoices, people, presence, stores)
    refunds = _no_refunds()
    openings = draw_openings(rng, accounts, people.arrival, orders, last)
    day = EPOCH + timedelta(days=last // DAY_S)
    return Story(
        seed=seed,
        part=0,
        items=invoices.items,
        stores=stores,
        coupons=catalogue.retail_coupons(date(day.year, 1, 1), day),
        people=people,
        accounts=accounts,
        openings=openings,
        consents=draw_consents(rng, Given(openings.crm, openings.official, openings.device), last),
        home_store=home_stores(people, stores),
        orders=orders,
        order_member_id=customer.take(pa.array(orders.person)),
        refunds=refunds,
        membership=follow_membership(people, accounts, orders, refunds),
        coupon_log=_no_coupons(),
        browsing=None,
    )


def _arrivals(rng: np.random.Generator, invoices: Invoices) -> NDArray[np.int64]:
    """Some weeks before the first invoice of each customer."""
    first = np.full(len(invoices.customer), np.iinfo(np.int64).max)
    np.minimum.at(first, invoices.buyer, invoices.second)
    np.minimum.at(first, invoices.cancelled_buyer, invoices.cancelled_second)
    return first - rng.integers(3_600, _ACQUAINTED_DAYS * DAY_S, len(first))


def _sold_to(presence: Presence) -> Presence:
    """Whoever bought did so somewhere: the shop knows those whom no other selling source does."""
    nowhere = ~np.logical_or.reduce(presence.sells, axis=1)
    return replace(presence, shop=presence.shop | nowhere)


def _orders(
    rng: np.random.Generator,
    invoices: Invoices,
    people: People,
    presence: Presence,
    stores: catalogue.Stores,
) -> Orders:
    """Paid and cancelled invoices in order of time; a cancelled one has no lines here."""
    person = np.concatenate([invoices.buyer, invoices.cancelled_buyer])
    time = np.concatenate([invoices.second, invoices.cancelled_second])
    amount = np.concatenate([invoices.amount, invoices.cancelled_amount])
    number = pa.concat_arrays([invoices.number, invoices.cancelled_number])
    lines = np.concatenate([np.diff(invoices.first_line), np.zeros(len(invoices.cancelled_buyer), np.int64)])
    cancelled = np.arange(len(person)) >= len(invoices.buyer)
    source = selling_sources(rng, presence.sells, person)
    store = np.where((source == POS) & ~cancelled, home_stores(people, stores)[person], -1)
    sequence = np.lexsort((np.arange(len(person)), time))
    line = _lines_in(sequence, lines)
    none = np.full(len(person), -1, dtype=np.int64)
    return Orders(
        person=person[sequence],
        source=source[sequence],
        time=time[sequence],
        order_id=number.take(pa.array(sequence)),
        amount=amount[sequence],
        discount=np.zeros(len(person), np.int64),
        coupon=none,
        store=store[sequence],
        cancelled=cancelled[sequence],
        first_line=np.concatenate([[0], np.cumsum(lines[sequence])]),
        item=invoices.item[line],
        quantity=invoices.quantity[line],
        line_amount=invoices.line_amount[line],
    )


def _lines_in(sequence: NDArray[np.int64], lines: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of all lines when orders with these numbers of lines are put into another sequence."""
    first = (np.cumsum(lines) - lines)[sequence]
    sizes = lines[sequence]
    begins = np.cumsum(sizes) - sizes
    return np.repeat(first - begins, sizes) + np.arange(int(sizes.sum()))


def _no_refunds() -> Refunds:
    none = np.empty(0, np.int64)
    return Refunds(none, none, none, none, pa.array([], pa.string()))


def _no_coupons() -> CouponLog:
    none = np.empty(0, np.int64)
    return CouponLog(none, none, none, np.empty(0, np.bool_))
