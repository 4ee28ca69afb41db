"""WeChat: the mini program's users and the official account's followers, each with openids of their own."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from simulator.columns import picked, repeated, wall_times
from simulator.consents import NEVER
from simulator.exports.mapping import MINI_APP, OFFICIAL_APP, consent, contact, identifier, mapping
from simulator.exports.story import Story
from simulator.files import UTF8, SourceFile

_FOLLOWER = [identifier("wechat_openid", "openid", OFFICIAL_APP), identifier("wechat_unionid", "unionid")]


def mini_program(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Users; the phone is the one that WeChat verified, where the user allowed to read it."""
    accounts = story.accounts
    table = pa.table(
        {
            "openid": accounts.mini_openid,
            "unionid": accounts.mini_unionid,
            "member_id": accounts.mini_member_id,
            "phone": accounts.mini_phone,
            "created_at": wall_times(story.openings.mini),
        }
    )
    plan = mapping(
        "mini_program",
        ["=user", "openid"],
        "created_at",
        [
            identifier("wechat_openid", "openid", MINI_APP),
            identifier("wechat_unionid", "unionid"),
            identifier("member_id", "member_id"),
            identifier("phone", "phone"),
        ],
        contact_points=[contact("sms", "phone")],
    )
    yield SourceFile("mini_program/users.csv", UTF8, plan), table.filter(pa.array(accounts.presence.mini))


def official_account(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Followers, and those who left: leaving takes back every permission of the account."""
    accounts, consents, count = story.accounts, story.consents, story.people.count
    followers = pa.table(
        {
            "openid": accounts.official_openid,
            "unionid": accounts.official_unionid,
            "subscribed_at": wall_times(story.openings.official),
            "service": repeated("Y", count),
            "marketing": picked(["N", "Y"], consents.wechat_marketing.astype(np.int64)),
        }
    )
    plan = mapping(
        "official_account",
        ["=follower", "openid"],
        "subscribed_at",
        _FOLLOWER,
        contact_points=[contact("wechat", "openid", OFFICIAL_APP)],
        consents=_permissions("subscribed_at"),
    )
    present = accounts.presence.official
    yield SourceFile("official_account/followers.csv", UTF8, plan), followers.filter(pa.array(present))
    left = consents.unfollowed_at
    gone = pa.table(
        {
            "openid": accounts.official_openid,
            "unionid": accounts.official_unionid,
            "unsubscribed_at": wall_times(np.maximum(left, 0)),
            "service": repeated("N", count),
            "marketing": repeated("N", count),
        }
    )
    plan = mapping(
        "official_account",
        ["=unfollow", "openid"],
        "unsubscribed_at",
        _FOLLOWER,
        consents=_permissions("unsubscribed_at"),
    )
    yield (
        SourceFile("official_account/unfollows.csv", UTF8, plan),
        gone.filter(pa.array(present & (left != NEVER))),
    )


def _permissions(time: str) -> list[dict[str, object]]:
    return [
        consent("service", "wechat", "openid", "service", time, OFFICIAL_APP),
        consent("marketing", "wechat", "openid", "marketing", time, OFFICIAL_APP),
    ]
