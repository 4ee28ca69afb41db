"""What is true of a simulated folder: whose each account is, who the persons are, what they did."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator import phones, places
from simulator.behaviour import CART, VIEW
from simulator.catalogue import BRANDS, CATEGORIES
from simulator.columns import dates, decimals, kept, nothing, picked, repeated, wall_times
from simulator.consents import NEVER
from simulator.exports.mapping import MINI_APP, OFFICIAL_APP
from simulator.exports.story import Story
from simulator.files import Folder
from simulator.purchases import Purchases
from simulator.responses import address_key, propensity
from simulator.season import DAY_S

_SHARED_SCHEMA = pa.schema(
    [("kind", pa.string()), ("namespace", pa.string()), ("value", pa.string()), ("person", pa.int64())]
)


def write_truth(
    out: Folder, story: Story, person: NDArray[np.int64], purchases: Purchases | None, as_of: int
) -> None:
    """Append a chunk to every truth table; `person` numbers its persons."""
    out.write_truth("accounts", accounts(story, person))
    out.write_truth("persons", persons(story, person, purchases))
    out.write_truth("facts", facts(story, person, as_of))
    out.write_truth("shared", shared(story, person))


def accounts(story: Story, person: NDArray[np.int64]) -> pa.Table:
    """(source, namespace, scope, account, person): every account that belongs to one person.

    Devices of a family and tablets of stores belong to nobody alone and are left out; see `shared`.
    `person` is the person number of each person of the chunk.
    """
    told = story.accounts
    own = ~told.devices.shared
    rows = [
        ("crm", "crm_id", "", told.crm_id, person),
        ("shop", "taobao_id", "", told.taobao_id, person),
        ("mini_program", "wechat_openid", MINI_APP, told.mini_openid, person),
        ("official_account", "wechat_openid", OFFICIAL_APP, told.official_openid, person),
        ("pos", "card_no", "", told.card_no, person),
        ("app", "device_id", "", kept(told.devices.device_id, own), person[told.devices.owner]),
    ]
    tables = []
    for source, namespace, scope, account, owner in rows:
        count = len(account)
        table = pa.table(
            {
                "source": repeated(source, count),
                "namespace": repeated(namespace, count),
                "scope": repeated(scope, count),
                "account": account,
                "person": pa.array(owner),
            }
        )
        tables.append(table.filter(pc.is_valid(account)))
    return pa.concat_tables(tables)


def persons(story: Story, person: NDArray[np.int64], purchases: Purchases | None) -> pa.Table:
    """True facts of each person; `purchases` is absent where the purchases are not simulated."""
    people, told, count = story.people, story.accounts, story.people.count
    process = _process(purchases, count)
    devices = told.devices
    token = devices.registration_id.take(pa.array(devices.first, mask=devices.count == 0))
    return pa.table(
        {
            "person": pa.array(person),
            "member_id": told.member_id,
            "name": people.name,
            "gender": picked(["male", "female"], people.gender),
            "birth_date": dates(people.birth),
            "city": picked(places.CITIES, people.city),
            "phone": phones.e164(told.own_number),
            "arrived_at": wall_times(people.arrival),
            **_preferences(story, simulated=purchases is not None),
            **process,
            **_permissions(story),
            **_planted(story.seed, "sms", phones.e164(told.own_number)),
            **_planted(story.seed, "wechat", told.official_openid),
            **_planted(story.seed, "push", token),
        }
    )


def _permissions(story: Story) -> dict[str, pa.Array]:
    """Whether each person allows marketing at the end, as last said; null where nobody asked.

    Push counts as allowed while any device of the person allows it.
    """
    presence, consents, devices = story.accounts.presence, story.consents, story.accounts.devices
    sms = consents.sms_marketing & (consents.sms_withdrawn_at == NEVER)
    wechat = consents.wechat_marketing & (consents.unfollowed_at == NEVER)
    push = np.zeros(story.people.count, dtype=np.bool_)
    push[devices.owner[consents.push_on & (consents.push_off_at == NEVER)]] = True
    return {
        "sms_marketing": pa.array(sms, mask=~presence.crm),
        "wechat_marketing": pa.array(wechat, mask=~presence.official),
        "push_marketing": pa.array(push, mask=devices.count == 0),
    }


def _preferences(story: Story, *, simulated: bool) -> dict[str, pa.Array]:
    people, count = story.people, story.people.count
    if not simulated:
        numbers = dict.fromkeys(("focus", "loyalty", "coupon_appetite"), nothing(count, pa.float64()))
        return {"favourite_category": nothing(count), "favourite_brand": nothing(count), **numbers}
    return {
        "favourite_category": picked(CATEGORIES, people.favourite_category),
        "favourite_brand": picked(BRANDS, people.favourite_brand),
        "focus": pa.array(people.focus),
        "loyalty": pa.array(people.loyalty),
        "coupon_appetite": pa.array(people.coupon_appetite),
    }


def _process(purchases: Purchases | None, count: int) -> dict[str, pa.Array]:
    if purchases is None:
        real = nothing(count, pa.float64())
        flag, time = nothing(count, pa.bool_()), nothing(count, pa.timestamp("s"))
        return {"purchases_per_year": real, "drop_probability": real, "alive": flag, "dropped_at": time}
    dropped = purchases.dropped_at >= 0
    return {
        "purchases_per_year": pa.array(purchases.rate),
        "drop_probability": pa.array(purchases.drop),
        "alive": pa.array(purchases.alive, mask=purchases.rate == 0),
        "dropped_at": wall_times(np.maximum(purchases.dropped_at, 0), dropped),
    }


def _planted(seed: int, channel: str, address: pa.Array) -> dict[str, pa.Array]:
    """Response propensities of one channel; null where the person has no such address."""
    planted = [
        None if value is None else propensity(seed, channel, address_key(channel, value))
        for value in address.to_pylist()
    ]
    return {
        f"{channel}_reachable": pa.array([None if p is None else p.reachable for p in planted], pa.bool_()),
        f"{channel}_best_hour": pa.array([None if p is None else p.best_hour for p in planted], pa.int8()),
        f"{channel}_click": pa.array([None if p is None else p.click_at_best for p in planted], pa.float64()),
    }


def facts(story: Story, person: NDArray[np.int64], as_of: int) -> pa.Table:
    """What each person did within the history, as rules see it; windows end at `as_of` (a wall-clock second).

    `recency_days` are whole elapsed 24-hour periods since the last paid order; amounts are exact decimals.
    """
    orders, count = story.orders, story.people.count
    paid = np.flatnonzero(~orders.cancelled)
    frequency = np.bincount(orders.person[paid], minlength=count)
    amount = _sums(orders.person[paid], orders.amount[paid], count)
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, orders.person[paid], orders.time[paid])
    first = np.full(count, as_of, dtype=np.int64)
    np.minimum.at(first, orders.person[paid], orders.time[paid])
    recent = paid[orders.time[paid] >= as_of - 90 * DAY_S]
    refunded = orders.person[story.refunds.order]
    bought = frequency > 0
    return pa.table(
        {
            "person": pa.array(person),
            "member_id": story.accounts.member_id,
            "paid_orders": pa.array(frequency),
            "paid_amount": decimals(amount),
            "first_paid_at": wall_times(first, bought),
            "last_paid_at": wall_times(last, bought),
            "recency_days": pa.array((as_of - last) // DAY_S, mask=~bought),
            "paid_orders_90d": pa.array(np.bincount(orders.person[recent], minlength=count)),
            "cancelled_orders": pa.array(np.bincount(orders.person[orders.cancelled], minlength=count)),
            "refunds": pa.array(np.bincount(refunded, minlength=count)),
            "refunded_amount": decimals(_sums(refunded, story.refunds.amount, count)),
            **_browsed(story, as_of),
        }
    )


def _browsed(story: Story, as_of: int) -> dict[str, pa.Array]:
    count = story.people.count
    if story.browsing is None:
        return {"views_30d": nothing(count, pa.int64()), "carts_7d": nothing(count, pa.int64())}
    seen = story.browsing.behaviour

    def within(kind: int, days: int) -> pa.Array:
        chosen = (seen.type == kind) & (seen.time >= as_of - days * DAY_S)
        return pa.array(np.bincount(seen.person[chosen], minlength=count))

    return {"views_30d": within(VIEW, 30), "carts_7d": within(CART, 7)}


def _sums(group: NDArray[np.int64], values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, group, values)
    return total


def shared(story: Story, person: NDArray[np.int64]) -> pa.Table:
    """(kind, namespace, value, person): phones and devices that more than one person uses, one row per
    user."""
    told = story.accounts
    presence, devices = told.presence, told.devices
    parts: list[tuple[str, str, pa.Array, NDArray[np.int64]]] = []
    for kind, partner in (
        ("family_phone", presence.family_partner),
        ("recycled_phone", presence.recycled_from),
    ):
        users = np.flatnonzero(partner >= 0)
        lent = told.own_number[partner[users]] if kind == "family_phone" else told.own_number[users]
        number = phones.e164(np.repeat(lent, 2))
        both = np.stack([partner[users], users], axis=1).ravel()
        parts.append((kind, "phone", number, person[both]))
    lent_devices = np.flatnonzero(devices.shared)
    device_id = devices.device_id.take(pa.array(lent_devices))
    parts.append(("family_device", "device_id", device_id, person[devices.owner[lent_devices]]))
    return pa.concat_tables(_shared_tables(parts))


def shared_everywhere(tablet_id: pa.Array, staff_number: NDArray[np.int64]) -> pa.Table:
    """Identifiers that belong to stores and to nobody: tablets, staff phones, invented numbers; person is
    null."""
    values: Sequence[tuple[str, str, pa.Array]] = (
        ("store_tablet", "device_id", tablet_id),
        ("staff_phone", "phone", phones.e164(staff_number)),
        ("placeholder_phone", "phone", pa.array(phones.PLACEHOLDERS)),
    )
    nobody = [(kind, namespace, column, None) for kind, namespace, column in values]
    return pa.concat_tables(_shared_tables(nobody))


def _shared_tables(
    parts: Sequence[tuple[str, str, pa.Array, NDArray[np.int64] | None]],
) -> Iterator[pa.Table]:
    for kind, namespace, value, person in parts:
        rows = len(value)
        owner = nothing(rows, pa.int64()) if person is None else pa.array(person, pa.int64())
        columns = [repeated(kind, rows), repeated(namespace, rows), value, owner]
        yield pa.table(columns, schema=_SHARED_SCHEMA)
