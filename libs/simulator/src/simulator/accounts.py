"""The identifiers of a chunk of persons in every source, as each source holds them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator import phones
from simulator.columns import hex_tokens, joined, kept, padded, picked, tokens
from simulator.people import People
from simulator.presence import Presence, Rates
from simulator.seeding import generator, hashed

_FORMER_NUMBERS = 2_000_000
"""Phone number indexes of numbers given up begin here; own numbers have the person's index."""
_MEMBER_STEP = 387_420_489
_MEMBER_SPACE = 10**9
PLATFORMS = ("ios", "android")


@dataclass(frozen=True, slots=True)
class Devices:
    """Devices with the app, one row per person and device (a family's device has a row for each user).

    `owner` is a person of the chunk; rows are in order of owner. `first` and `count` are per person.
    """

    owner: NDArray[np.int64]
    device_id: pa.Array
    registration_id: pa.Array
    platform: NDArray[np.int64]
    logged_in: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    first: NDArray[np.int64]
    count: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Accounts:
    """Per person: identifiers (null without such an account) and what each source holds of them.

    `own_number` is the number answered today. `crm_phone`, `shop_phone` and so on are phones as that source
    writes them; `shop_member_id`, `mini_unionid` and so on are null where that source does not know them.
    """

    presence: Presence
    member_id: pa.Array
    crm_id: pa.Array
    taobao_id: pa.Array
    mini_openid: pa.Array
    official_openid: pa.Array
    unionid: pa.Array
    card_no: pa.Array
    own_number: NDArray[np.int64]
    crm_phone: pa.Array
    shop_phone: pa.Array
    pos_phone: pa.Array
    mini_phone: pa.Array
    login_phone: pa.Array
    shop_member_id: pa.Array
    pos_member_id: pa.Array
    mini_member_id: pa.Array
    mini_unionid: pa.Array
    official_unionid: pa.Array
    crm_unionid: pa.Array
    devices: Devices


def draw_accounts(
    seed: int,
    part: int,
    people: People,
    presence: Presence,
    rates: Rates,
    *,
    staff_numbers: NDArray[np.int64],
    member_id: pa.Array | None = None,
) -> Accounts:
    """`member_id` replaces the issued member ids (null = not a member); `staff_numbers` are typed at
    tills."""
    rng = generator(seed, "accounts", part)
    index, count = people.index, people.count
    has = presence
    member_ids = issued_member_ids(seed, index, has.member) if member_id is None else member_id

    def seen(values: pa.Array, account: NDArray[np.bool_], share: float) -> pa.Array:
        return kept(values, account & (rng.random(count) < share))

    wechat = tokens(hashed(seed, "unionid", index, 3), 25)
    unionid = kept(joined("oU6", wechat), has.mini | has.official)
    own = phones.numbers(seed, _own_indexes(index, presence))
    crm, shop, pos = (
        _held_number(seed, rng, people, presence, rates, own, source) for source in ("crm", "shop", "pos")
    )
    return Accounts(
        presence=presence,
        member_id=member_ids,
        crm_id=kept(joined("C", padded(10_000_000 + index, 8)), has.crm),
        taobao_id=kept(joined("AAH", tokens(hashed(seed, "taobao", index, 3), 25)), has.shop),
        mini_openid=kept(joined("oM1", tokens(hashed(seed, "mini", index, 3), 25)), has.mini),
        official_openid=kept(joined("oA7", tokens(hashed(seed, "official", index, 3), 25)), has.official),
        unionid=unionid,
        card_no=kept(joined("88", padded((index * _MEMBER_STEP + 17) % 10**10, 10)), has.pos),
        own_number=own,
        crm_phone=_written(rng, crm, has.crm, rates.crm_hand),
        shop_phone=_written(rng, shop, has.shop, rates.shop_hand),
        pos_phone=_till_phones(rng, pos, has.pos, rates, staff_numbers),
        mini_phone=seen(phones.e164(own), has.mini, rates.mini_phone),
        login_phone=kept(phones.plain(own), has.app),
        shop_member_id=seen(member_ids, has.shop, rates.shop_member),
        pos_member_id=seen(member_ids, has.pos, rates.pos_member),
        mini_member_id=seen(member_ids, has.mini, rates.mini_member),
        mini_unionid=seen(unionid, has.mini, rates.mini_union),
        official_unionid=seen(unionid, has.official, rates.official_union),
        crm_unionid=seen(unionid, has.member, rates.crm_union),
        devices=_devices(seed, rng, people, presence, rates),
    )


def issued_member_ids(seed: int, index: NDArray[np.int64], member: NDArray[np.bool_]) -> pa.Array:
    """Member ids as the CRM issues them: M and nine digits, not in order of person."""
    return kept(joined("M", padded((index * _MEMBER_STEP + seed * 31) % _MEMBER_SPACE, 9)), member)


def _own_indexes(index: NDArray[np.int64], presence: Presence) -> NDArray[np.int64]:
    """A recycled number is the former number of its previous owner."""
    again = presence.recycled_from
    return np.where(again >= 0, _FORMER_NUMBERS + index[again], index)


def _held_number(
    seed: int,
    rng: np.random.Generator,
    people: People,
    presence: Presence,
    rates: Rates,
    own: NDArray[np.int64],
    source: str,
) -> NDArray[np.int64]:
    """The number that a source holds: one's own, the family's, or the former one.

    The CRM holds the family's number for both of its users and the former number of everyone whose number was
    issued again, so that the evidence shows what is shared.
    """
    recycled_away = np.zeros(people.count, dtype=np.bool_)
    recycled_away[presence.recycled_from[presence.recycled_from >= 0]] = True
    in_crm = source == "crm"
    former = presence.changed_number & ((recycled_away & in_crm) | (rng.random(people.count) < 0.5))
    family = (presence.family_partner >= 0) & (
        in_crm | (rng.random(people.count) < rates.family_phone_elsewhere)
    )
    number = np.where(former, phones.numbers(seed, _FORMER_NUMBERS + people.index), own)
    return np.where(family, own[presence.family_partner], number)


def _written(
    rng: np.random.Generator, number: NDArray[np.int64], present: NDArray[np.bool_], hand: phones.Handwriting
) -> pa.Array:
    return kept(phones.written(number, phones.drawn_styles(rng, len(number), hand)), present)


def _till_phones(
    rng: np.random.Generator,
    number: NDArray[np.int64],
    present: NDArray[np.bool_],
    rates: Rates,
    staff_numbers: NDArray[np.int64],
) -> pa.Array:
    """As typed at the till: sometimes the number of the staff, or one that nobody has."""
    count = len(number)
    text = _written(rng, number, present, rates.pos_hand)
    draw = rng.random(count)
    staff = phones.plain(staff_numbers[rng.integers(0, len(staff_numbers), count)])
    invented = picked(phones.PLACEHOLDERS, rng.integers(0, len(phones.PLACEHOLDERS), count))
    text = pc.if_else(pa.array(present & (draw < rates.staff_phone)), staff, text)
    is_invented = present & (draw > 1.0 - rates.placeholder_phone)
    return pc.if_else(pa.array(is_invented), invented, text)


def _devices(
    seed: int, rng: np.random.Generator, people: People, presence: Presence, rates: Rates
) -> Devices:
    draw = rng.random(people.count)
    extra = (draw < rates.second_device).astype(np.int64) + (draw < rates.third_device)
    count = np.where(presence.app, 1 + extra, 0)
    first = np.cumsum(count) - count
    owner = np.repeat(np.arange(people.count), count)
    ordinal = np.arange(len(owner)) - first[owner]
    number = people.index[owner] * 4 + ordinal
    user_of_family = presence.family_device[owner] & (ordinal == 0)
    number = np.where(user_of_family, people.index[presence.family_partner[owner]] * 4, number)
    lent = np.isin(number, number[user_of_family])
    platform = (hashed(seed, "platform", number)[:, 0] % np.uint64(2)).astype(np.int64)
    prefix = picked(["171976fa8", "1a0018970"], platform)
    return Devices(
        owner=owner,
        device_id=hex_tokens(hashed(seed, "device", number, 2), 32),
        registration_id=joined(prefix, hex_tokens(hashed(seed, "push", number), 10)),
        platform=platform,
        logged_in=lent | (rng.random(len(owner)) < rates.device_login),
        shared=lent,
        first=first,
        count=count,
    )
