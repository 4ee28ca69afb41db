"""Orders and refunds, which the four selling sources export alike but for the buyer's identifiers."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.columns import decimals, kept, picked, wall_times
from simulator.exports.mapping import identifier, mapping, typed
from simulator.exports.story import Story
from simulator.files import PARQUET, UTF8, SourceFile
from simulator.orders import REFUND_REASONS, SELLING_SOURCES

_CHANNELS = ("shop", "mini_program", "app", "store")
_ORDER_PROPERTIES = {
    "order_id": "text",
    "amount": "number",
    "discount": "number",
    "channel": "text",
    "store_id": "text",
    "coupon_id": "text",
    "items": "list",
}
_REFUND_PROPERTIES = {"order_id": "text", "amount": "number", "reason": "text"}
_BUYER = {
    "shop": (identifier("taobao_id", "buyer_id"),),
    "mini_program": (
        identifier("wechat_openid", "openid", "wx_mini"),
        identifier("wechat_unionid", "unionid"),
    ),
    "app": (identifier("device_id", "device_id"), identifier("phone", "login_phone")),
    "pos": (identifier("card_no", "card_no"),),
}

_UNMAPPED = {"shop": (), "mini_program": (), "app": (), "pos": ("staff_id",)}
"""Columns that a source exports and no record needs."""


def sales(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Of each selling source: orders as Parquet, refunds as CSV."""
    orders, refunds = order_table(story), refund_table(story)
    for code, source in enumerate(SELLING_SOURCES):
        buyer = [entry["column"] for entry in _BUYER[source]]
        of_source = orders.filter(pa.array(story.orders.source == code))
        yield (
            order_file(source),
            of_source.select(
                ["event", *buyer, "member_id", "ordered_at", *_ORDER_PROPERTIES, *_UNMAPPED[source]]
            ),
        )
        back = refunds.filter(pa.array(story.orders.source[story.refunds.order] == code))
        yield (
            refund_file(source),
            back.select(["refund_id", *buyer, "member_id", "refunded_at", *_REFUND_PROPERTIES]),
        )


def order_file(source: str) -> SourceFile:
    event = {"type": {"column": "event"}, "properties": typed(_ORDER_PROPERTIES)}
    who = [*_BUYER[source], identifier("member_id", "member_id")]
    return SourceFile(
        f"{source}/orders.parquet",
        PARQUET,
        mapping(source, ["event", "order_id"], "ordered_at", who, event=event),
    )


def refund_file(source: str) -> SourceFile:
    event = {"type": "order_refunded", "properties": typed(_REFUND_PROPERTIES)}
    who = [*_BUYER[source], identifier("member_id", "member_id")]
    return SourceFile(
        f"{source}/refunds.csv",
        UTF8,
        mapping(source, ["=refund", "refund_id"], "refunded_at", who, event=event),
    )


def order_table(story: Story) -> pa.Table:
    """Every order of the chunk; a cancelled one tells its id and amount only."""
    orders = story.orders
    paid = ~orders.cancelled
    return pa.table(
        {
            "event": picked(["order_paid", "order_cancelled"], orders.cancelled.astype(np.int64)),
            **_buyer_columns(story),
            "ordered_at": wall_times(orders.time),
            "order_id": orders.order_id,
            "amount": decimals(orders.amount),
            "discount": decimals(orders.discount, paid & (orders.discount > 0)),
            "channel": kept(picked(_CHANNELS, orders.source), paid),
            "store_id": kept(story.stores.store_id.take(pa.array(orders.store, mask=orders.store < 0)), paid),
            "coupon_id": kept(
                story.coupons.coupon_id.take(pa.array(orders.coupon, mask=orders.coupon < 0)), paid
            ),
            "items": orders.items_column(story.items),
            "staff_id": _staff(story),
        }
    )


def _staff(story: Story) -> pa.Array:
    """Who served at the till: anybody of the store's staff."""
    store = story.orders.store
    low = np.searchsorted(story.stores.staff_store, store, side="left")
    high = np.searchsorted(story.stores.staff_store, store, side="right")
    served = low + np.arange(len(store)) % np.maximum(high - low, 1)
    return story.stores.staff_id.take(pa.array(served, mask=store < 0))


def refund_table(story: Story) -> pa.Table:
    """Every refund of the chunk, with the buyer as its order shows the buyer."""
    refunds = story.refunds
    order = pa.array(refunds.order)
    buyer = {name: column.take(order) for name, column in _buyer_columns(story).items()}
    return pa.table(
        {
            "refund_id": refunds.refund_id,
            **buyer,
            "refunded_at": wall_times(refunds.time),
            "order_id": story.orders.order_id.take(order),
            "amount": decimals(refunds.amount),
            "reason": picked(REFUND_REASONS, refunds.reason),
        }
    )


def _buyer_columns(story: Story) -> Mapping[str, pa.Array]:
    """The identifiers of every order's buyer; each source selects its own."""
    accounts, person = story.accounts, pa.array(story.orders.person)
    devices = accounts.devices
    has_device = devices.count[story.orders.person] > 0
    device = pa.array(devices.first[story.orders.person], mask=~has_device)
    anonymous = pc.is_null(story.order_member_id)
    return {
        "buyer_id": accounts.taobao_id.take(person),
        "openid": accounts.mini_openid.take(person),
        "unionid": accounts.mini_unionid.take(person),
        "device_id": devices.device_id.take(device),
        "login_phone": pc.if_else(anonymous, accounts.login_phone.take(person), pa.scalar(None, pa.string())),
        "card_no": accounts.card_no.take(person),
        "member_id": story.order_member_id,
    }
