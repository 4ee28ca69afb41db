"""Tracked behaviour: the event logs of the mini program and of the app, shared tablets included."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator.accounts import PLATFORMS
from simulator.behaviour import ACCEPT, CART, EVENT_TYPES, INVITE, LIKE, PAGE, SEARCH, SHARE, VIEW, Behaviour
from simulator.columns import decimals, joined, kept, padded, picked, wall_times
from simulator.exports.mapping import MINI_APP, identifier, mapping, typed
from simulator.exports.story import Browsing, Story
from simulator.files import PARQUET, SourceFile
from simulator.orders import APP, MINI
from simulator.season import UTC_OFFSET_S
from simulator.seeding import generator

_PAGES = ("home", "promotion", "member_center", "new_arrivals", "store_finder")
_UTM_SOURCES = ("wechat_ad", "douyin_ad", "sms", "qr_code")
_UTM_SHARE = 0.35
_CREATIVES = ("A", "B", "C")
_PROPERTIES = {
    "item_id": "text",
    "category": "text",
    "brand": "text",
    "price": "number",
    "quantity": "number",
    "amount": "number",
    "page": "text",
    "platform": "text",
    "utm_source": "text",
    "utm_campaign": "text",
    "creative": "text",
    "keyword": "text",
    "invite_code": "text",
    "inviter_member_id": "text",
}


def browsing(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """The mini program's log with wall-clock times, the app's log with times in UTC."""
    if story.browsing is None:
        return
    told = story.browsing
    properties = _properties(story, told.behaviour)
    for code, source, identify in ((MINI, "mini_program", _mini), (APP, "app", _app)):
        chosen = pa.array(told.behaviour.source == code)
        columns, identifiers = identify(story, told)
        table = pa.table({**columns, **properties}).filter(chosen)
        event = {"type": {"column": "event"}, "properties": typed(_PROPERTIES)}
        plan = mapping(source, ["event_id"], "time", identifiers, event=event)
        yield SourceFile(f"{source}/events.parquet", PARQUET, plan), table


def _mini(story: Story, told: Browsing) -> tuple[dict[str, pa.Array], list[dict[str, str]]]:
    accounts, behaviour = story.accounts, told.behaviour
    who = pa.array(behaviour.person)
    columns = {
        "event_id": _event_ids(story, "w"),
        "event": picked(EVENT_TYPES, behaviour.type),
        "time": wall_times(behaviour.time),
        "openid": accounts.mini_openid.take(who),
        "unionid": accounts.mini_unionid.take(who),
    }
    identifiers = [identifier("wechat_openid", "openid", MINI_APP), identifier("wechat_unionid", "unionid")]
    return columns, identifiers


def _app(story: Story, told: Browsing) -> tuple[dict[str, pa.Array], list[dict[str, str]]]:
    """A visit shows its device, or the store's tablet, and the member or phone while somebody is logged
    in."""
    accounts, behaviour, sessions = story.accounts, told.behaviour, told.sessions
    tablet = _of_session(sessions.tablet, behaviour)
    device = _of_session(sessions.device, behaviour)
    login = _of_session(sessions.login.astype(np.int64), behaviour) == 1
    who = pa.array(behaviour.person)
    own = accounts.devices.device_id.take(pa.array(device, mask=device < 0))
    shared = story.stores.tablet_id.take(pa.array(tablet, mask=tablet < 0))
    member_id = kept(accounts.member_id.take(who), login)
    phone = kept(accounts.login_phone.take(who), login & ~accounts.presence.member[behaviour.person])
    seconds = pa.array(behaviour.time - UTC_OFFSET_S)
    columns = {
        "event_id": _event_ids(story, "a"),
        "event": picked(EVENT_TYPES, behaviour.type),
        "time": seconds.cast(pa.timestamp("s", tz="UTC")),
        "device_id": pc.coalesce(own, shared),
        "member_id": member_id,
        "login_phone": phone,
    }
    identifiers = [
        identifier("device_id", "device_id"),
        identifier("member_id", "member_id"),
        identifier("phone", "login_phone"),
    ]
    return columns, identifiers


def _of_session(values: NDArray[np.int64], behaviour: Behaviour) -> NDArray[np.int64]:
    if not len(values):
        return np.full(len(behaviour.session), -1, dtype=np.int64)
    return np.where(behaviour.session >= 0, values[behaviour.session], -1)


def _event_ids(story: Story, letter: str) -> pa.Array:
    rows = len(story.browsing.behaviour.person) if story.browsing else 0
    return joined(letter, padded(np.full(rows, story.part), 3), "-", padded(np.arange(rows), 8))


def _properties(story: Story, behaviour: Behaviour) -> dict[str, pa.Array]:
    rng = generator(story.seed, "browsing", story.part)
    items, kind, rows = story.items, behaviour.type, len(behaviour.type)
    item = np.where(np.isin(kind, (VIEW, CART, LIKE, SHARE)), behaviour.item, -1)
    code = pa.array(item, mask=item < 0)
    wares = np.isin(kind, (VIEW, CART))
    price = items.price[item] if len(items.price) else np.zeros(rows, np.int64)
    page = np.where(kind == PAGE, rng.integers(0, len(_PAGES), rows), -1)
    landed = (kind == PAGE) & (rng.random(rows) < _UTM_SHARE)
    utm = np.where(landed, rng.integers(0, len(_UTM_SOURCES), rows), -1)
    creative = np.where(landed, rng.integers(0, len(_CREATIVES), rows), -1)
    month = pc.strftime(wall_times(behaviour.time), format="%Y%m")
    platform = np.where(kind == PAGE, behaviour.person % len(PLATFORMS), -1)
    return {
        "item_id": items.item_id.take(code),
        "category": kept(picked(items.category_names, items.category).take(code), wares),
        "brand": kept(picked(items.brand_names, items.brand).take(code), wares),
        "price": decimals(price, kind == VIEW),
        "quantity": pa.array(behaviour.quantity, mask=kind != CART),
        "amount": decimals(price * behaviour.quantity, kind == CART),
        "page": picked(_PAGES, page),
        "platform": picked(PLATFORMS, platform),
        "utm_source": picked(_UTM_SOURCES, utm),
        "utm_campaign": kept(joined("launch-", month), landed),
        "creative": picked(_CREATIVES, creative),
        "keyword": _keywords(story, behaviour, rng),
        **_invitations(story, behaviour),
    }


def _keywords(story: Story, behaviour: Behaviour, rng: np.random.Generator) -> pa.Array:
    """People search for a kind of thing, or for a brand."""
    items, searches = story.items, behaviour.type == SEARCH
    item = np.where(searches, behaviour.item, -1)
    category = np.where(item >= 0, items.category[item], -1)
    brand = np.where(item >= 0, items.brand[item], -1)
    leaves = [name.rsplit("/", 1)[-1] for name in items.category_names]
    by_brand = pa.array(rng.random(len(item)) < 0.35)
    return pc.if_else(by_brand, picked(items.brand_names, brand), picked(leaves, category))


def _invitations(story: Story, behaviour: Behaviour) -> dict[str, pa.Array]:
    inviter = np.where(behaviour.type == INVITE, behaviour.person, behaviour.inviter)
    member_id = story.accounts.member_id.take(pa.array(inviter, mask=inviter < 0))
    return {
        "invite_code": joined("INV", member_id),
        "inviter_member_id": kept(member_id, behaviour.type == ACCEPT),
    }
