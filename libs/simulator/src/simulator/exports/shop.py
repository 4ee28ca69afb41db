"""The online shop on a marketplace, and the tills of the stores: their customer lists."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from simulator import names, places
from simulator.columns import dates, picked, wall_times
from simulator.exports.mapping import GENDERS, identifier, mapping, typed
from simulator.exports.story import Story
from simulator.files import GB18030, UTF8, SourceFile
from simulator.seeding import generator

_MASKED_NAME_SHARE = 0.6
_TITLE_SHARE, _TILL_BIRTHDAY_SHARE = 0.3, 0.4


def shop(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Buyers as a marketplace shows them: many names and some numbers are masked."""
    people, accounts = story.people, story.accounts
    rng = generator(story.seed, "shop", story.part)
    hidden = pa.array(rng.random(people.count) < _MASKED_NAME_SHARE)
    table = pa.table(
        {
            "buyer_id": accounts.taobao_id,
            "member_id": accounts.shop_member_id,
            "receiver": pc.if_else(hidden, names.masked(people.name), people.name),
            "phone": accounts.shop_phone,
            "province": picked(places.PROVINCES, people.city),
            "city": picked(places.CITIES, people.city),
            "first_seen_at": wall_times(story.openings.shop),
        }
    )
    plan = mapping(
        "shop",
        ["=buyer", "buyer_id"],
        "first_seen_at",
        [
            identifier("taobao_id", "buyer_id"),
            identifier("member_id", "member_id"),
            identifier("phone", "phone"),
        ],
        attributes=typed({"province": "text", "city": "text"}),
    )
    yield SourceFile("shop/buyers.csv", UTF8, plan), table.filter(pa.array(accounts.presence.shop))


def pos(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Card holders as the tills keep them: Chinese headers, GB18030, titles in place of names."""
    people, accounts = story.people, story.accounts
    rng = generator(story.seed, "pos", story.part)
    titled = pa.array(rng.random(people.count) < _TITLE_SHARE)
    table = pa.table(
        {
            "卡号": accounts.card_no,
            "会员号": accounts.pos_member_id,
            "姓名": pc.if_else(titled, names.with_title(people.name, people.gender), people.name),
            "手机号": accounts.pos_phone,
            "性别": picked(["男", "女"], people.gender),
            "生日": dates(people.birth, rng.random(people.count) < _TILL_BIRTHDAY_SHARE),
            "门店": story.stores.store_id.take(pa.array(story.home_store)),
            "建档时间": wall_times(story.openings.pos),
        }
    )
    plan = mapping(
        "pos",
        ["=card", "卡号"],
        "建档时间",
        [identifier("card_no", "卡号"), identifier("member_id", "会员号"), identifier("phone", "手机号")],
        attributes={
            "gender": {"column": "性别", "type": "text", "values": GENDERS},
            "birth_date": {"column": "生日", "type": "date"},
            "store_id": {"column": "门店", "type": "text"},
        },
    )
    yield SourceFile("pos/customers.csv", GB18030, plan), table.filter(pa.array(accounts.presence.pos))
