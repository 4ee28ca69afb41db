"""The CRM: members, leads, changes of points and levels, coupons, and changes of consent."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator import places
from simulator.columns import SCALE, dates, decimals, joined, kept, padded, picked, repeated, wall_times
from simulator.consents import NEVER
from simulator.exports.mapping import GENDERS, consent, contact, identifier, mapping, typed
from simulator.exports.story import Story
from simulator.files import UTF8, UTF8_BOM, SourceFile
from simulator.membership import LEVELS, REASONS
from simulator.seeding import generator

_LEVEL_NAMES = ("银卡", "金卡", "白金卡", "钻石卡")
_JOIN_CHANNELS = ("pos", "mini_program", "app", "shop")
_BIRTHDAY_SHARE, _GENDER_SHARE, _ADDRESS_SHARE = 0.82, 0.9, 0.35
_CRM_ID = identifier("crm_id", "crm_id")
_MEMBER_ID = identifier("member_id", "member_id")
_PHONE = identifier("phone", "mobile")


def crm(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Who the customers are."""
    yield _members(story)
    yield _leads(story)


def changes(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """What changed since: points, levels, coupons, consents."""
    yield _changes(story)
    yield _coupons(story)
    yield _withdrawals(story)


def _members(story: Story) -> tuple[SourceFile, pa.Table]:
    people, accounts, count = story.people, story.accounts, story.people.count
    rng = generator(story.seed, "crm", story.part)
    channel = _join_channels(rng, story)
    table = pa.table(
        {
            "crm_id": accounts.crm_id,
            "member_id": accounts.member_id,
            "unionid": accounts.crm_unionid,
            "name": people.name,
            "mobile": accounts.crm_phone,
            "gender": kept(picked(["男", "女"], people.gender), rng.random(count) < _GENDER_SHARE),
            "birthday": dates(people.birth, rng.random(count) < _BIRTHDAY_SHARE),
            "province": picked(places.PROVINCES, people.city),
            "city": picked(places.CITIES, people.city),
            "address": kept(people.address, rng.random(count) < _ADDRESS_SHARE),
            "level": picked(_LEVEL_NAMES, story.membership.level),
            "join_level": repeated(_LEVEL_NAMES[0], count),
            "register_channel": picked(_JOIN_CHANNELS, channel),
            "store_id": kept(story.stores.store_id.take(pa.array(story.home_store)), channel == 0),
            "registered_at": wall_times(story.openings.crm),
            "sms_marketing": picked(["N", "Y"], story.consents.sms_marketing.astype(np.int64)),
            "sms_service": repeated("Y", count),
        }
    )
    levels = dict(zip(_LEVEL_NAMES, LEVELS, strict=True))
    event = {
        "type": "member_joined",
        "properties": {
            "level": {"column": "join_level", "type": "text", "values": levels},
            "channel": {"column": "register_channel", "type": "text"},
            "store_id": {"column": "store_id", "type": "text"},
        },
    }
    attributes = {
        **typed({"name": "text", "city": "text", "province": "text", "address": "text"}),
        "gender": {"column": "gender", "type": "text", "values": GENDERS},
        "birth_date": {"column": "birthday", "type": "date"},
        "member_level": {"column": "level", "type": "text", "values": levels},
        **typed({"register_channel": "text", "store_id": "text"}),
    }
    file = SourceFile(
        "crm/members.csv",
        UTF8_BOM,
        mapping(
            "crm",
            ["=customer", "crm_id"],
            "registered_at",
            [_MEMBER_ID, _CRM_ID, _PHONE, identifier("wechat_unionid", "unionid")],
            event=event,
            attributes=attributes,
            contact_points=[contact("sms", "mobile")],
            consents=[
                consent("marketing", "sms", "mobile", "sms_marketing", "registered_at"),
                consent("service", "sms", "mobile", "sms_service", "registered_at"),
            ],
        ),
    )
    return file, table.filter(pa.array(accounts.presence.member))


def _join_channels(rng: np.random.Generator, story: Story) -> NDArray[np.int64]:
    has = story.accounts.presence
    places_known = np.stack([has.pos, has.mini, has.app, has.shop], axis=1)
    weight = np.where(places_known, rng.random(places_known.shape), -1.0)
    channel: NDArray[np.int64] = weight.argmax(axis=1)
    return channel


def _leads(story: Story) -> tuple[SourceFile, pa.Table]:
    people, accounts = story.people, story.accounts
    table = pa.table(
        {
            "crm_id": accounts.crm_id,
            "name": people.name,
            "mobile": accounts.crm_phone,
            "city": picked(places.CITIES, people.city),
            "created_at": wall_times(story.openings.crm),
            "sms_marketing": picked(["N", "Y"], story.consents.sms_marketing.astype(np.int64)),
        }
    )
    file = SourceFile(
        "crm/leads.csv",
        UTF8_BOM,
        mapping(
            "crm",
            ["=customer", "crm_id"],
            "created_at",
            [_CRM_ID, _PHONE],
            attributes=typed({"name": "text", "city": "text"}),
            contact_points=[contact("sms", "mobile")],
            consents=[consent("marketing", "sms", "mobile", "sms_marketing", "created_at")],
        ),
    )
    return file, table.filter(pa.array(accounts.presence.lead))


def _changes(story: Story) -> tuple[SourceFile, pa.Table]:
    """Changes of points and of levels in one log, as loyalty engines write it."""
    points, levels = story.membership.points, story.membership.levels
    person = np.concatenate([points.person, levels.person])
    time = np.concatenate([points.time, levels.time])
    is_level = np.repeat([0, 1], [len(points.person), len(levels.person)])

    def of_points(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([values, np.full(len(levels.person), -1)])

    def of_levels(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([np.full(len(points.person), -1), values])

    who = pa.array(person)
    table = pa.table(
        {
            "change_id": joined(
                "L", padded(np.full(len(person), story.part), 3), padded(np.arange(len(person)), 7)
            ),
            "crm_id": story.accounts.crm_id.take(who),
            "member_id": story.accounts.member_id.take(who),
            "changed_at": wall_times(time),
            "change": picked(["points_changed", "level_changed"], is_level),
            "delta": decimals(of_points(points.delta) * SCALE, is_level == 0),
            "balance": decimals(of_points(points.balance) * SCALE, is_level == 0),
            "reason": picked(REASONS, of_points(points.reason)),
            "from_level": picked(LEVELS, of_levels(levels.before)),
            "to_level": picked(LEVELS, of_levels(levels.after)),
        }
    ).take(pa.array(np.lexsort((person, time))))
    columns = {
        "delta": "number",
        "balance": "number",
        "reason": "text",
        "from_level": "text",
        "to_level": "text",
    }
    event = {"type": {"column": "change"}, "properties": typed(columns)}
    plan = mapping("crm", ["=change", "change_id"], "changed_at", [_MEMBER_ID, _CRM_ID], event=event)
    return SourceFile("crm/member_changes.csv", UTF8, plan), table


def _coupons(story: Story) -> tuple[SourceFile, pa.Table]:
    log = story.coupon_log
    who = pa.array(log.person)
    rows = len(log.person)
    table = pa.table(
        {
            "entry_id": joined("K", padded(np.full(rows, story.part), 3), padded(np.arange(rows), 7)),
            "member_id": story.accounts.member_id.take(who),
            "happened_at": wall_times(log.time),
            "entry": picked(["coupon_received", "coupon_used"], log.used.astype(np.int64)),
            "coupon_id": story.coupons.coupon_id.take(pa.array(log.coupon)),
            "amount": decimals(story.coupons.amount[log.coupon] if rows else np.empty(0, np.int64)),
        }
    )
    event = {"type": {"column": "entry"}, "properties": typed({"coupon_id": "text", "amount": "number"})}
    plan = mapping("crm", ["=coupon", "entry_id"], "happened_at", [_MEMBER_ID], event=event)
    return SourceFile("crm/coupon_log.csv", UTF8, plan), table


def _withdrawals(story: Story) -> tuple[SourceFile, pa.Table]:
    at = story.consents.sms_withdrawn_at
    accounts = story.accounts
    table = pa.table(
        {
            "crm_id": accounts.crm_id,
            "mobile": accounts.crm_phone,
            "changed_at": wall_times(np.maximum(at, 0)),
            "sms_marketing": repeated("N", story.people.count),
        }
    )
    known = pa.array((at != NEVER) & accounts.presence.crm)
    plan = mapping(
        "crm",
        ["=consent", "crm_id", "changed_at"],
        "changed_at",
        [_CRM_ID],
        consents=[consent("marketing", "sms", "mobile", "sms_marketing", "changed_at")],
    )
    return SourceFile("crm/consent_log.csv", UTF8, plan), table.filter(
        pc.and_(known, pc.is_valid(table["mobile"]))
    )
