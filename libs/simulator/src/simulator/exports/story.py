"""Everything that happened to a chunk of persons: what the exports tell from."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.accounts import Accounts
from simulator.behaviour import Behaviour
from simulator.catalogue import Coupons, Items, Stores
from simulator.consents import Consents
from simulator.membership import CouponLog, Membership
from simulator.openings import Openings
from simulator.orders import Orders, Refunds
from simulator.people import People
from simulator.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Browsing:
    sessions: Sessions
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class Story:
    """One chunk. `order_member_id` has one value per order: the member id that the order shows, or null.
    `browsing` is absent where nothing but orders is told."""

    seed: int
    part: int
    items: Items
    stores: Stores
    coupons: Coupons
    people: People
    accounts: Accounts
    openings: Openings
    consents: Consents
    home_store: NDArray[np.int64]
    orders: Orders
    order_member_id: pa.Array
    refunds: Refunds
    membership: Membership
    coupon_log: CouponLog
    browsing: Browsing | None
