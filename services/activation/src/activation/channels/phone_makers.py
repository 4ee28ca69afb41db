"""What phone makers are told of a message's class, whoever pushes it to them.

Makers part pushes into those that a person waits for and those that an app wants seen. The second kind makes no sound,
and of one app a device shows two a day at most (Huawei, Honor, OPPO, vivo; news five; Xiaomi five to eight): what comes
beyond is accepted and not shown. A class that does not fit the words costs the app its rights with the maker, so it
follows from the message's class alone.

Sources: docs.jiguang.cn, jpush/practice/vendor_classification_quota and jpush/client/Android/android_3rd_qps;
docs.getui.com, getui/mobile/vendor/qps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from activation.channels.port import MessageClass

MARKETING_PER_DAY = 2
"""Of one app on one device, by the makers' day in China."""
MARKETING = "MARKETING"
"""Huawei's, OPPO's and vivo's name for it."""
QUIET, LOUD = "LOW", "NORMAL"
"""Huawei's and Honor's importance: in the list alone, or with lock screen and sound."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What the app has registered with the makers; empty where it has not, and then nothing is said."""

    huawei_category: str = ""
    """For service messages, such as EXPRESS or ACCOUNT; needs the right to classify by oneself."""
    oppo_category: str = ""
    vivo_category: str = ""
    oppo_channel: str = ""
    """The channel id for service messages (私信)."""
    xiaomi_channel: str = ""
    oppo_marketing_channel: str = ""
    """The channel id for marketing (公信)."""
    xiaomi_marketing_channel: str = ""


REGISTERED = tuple(each.name for each in fields(Registered))


@dataclass(frozen=True, slots=True)
class Classes:
    """How each maker is to class one message; an empty text is left out."""

    system: bool
    """vivo's two classes: a message of the system, or one of operations."""
    importance: str
    huawei_category: str
    oppo_category: str
    vivo_category: str
    oppo_channel: str
    xiaomi_channel: str


def classes(message_class: MessageClass, registered: Registered) -> Classes:
    """Marketing is always called so; everything else by what the app may call it."""
    if message_class is MessageClass.MARKETING:
        return Classes(
            system=False,
            importance=QUIET,
            huawei_category=MARKETING,
            oppo_category=MARKETING,
            vivo_category=MARKETING,
            oppo_channel=registered.oppo_marketing_channel,
            xiaomi_channel=registered.xiaomi_marketing_channel,
        )
    return Classes(
        system=True,
        importance=LOUD,
        huawei_category=registered.huawei_category,
        oppo_category=registered.oppo_category,
        vivo_category=registered.vivo_category,
        oppo_channel=registered.oppo_channel,
        xiaomi_channel=registered.xiaomi_channel,
    )


def stated(said: Mapping[str, str | int]) -> dict[str, str | int]:
    """Without what has not been registered."""
    return {name: value for name, value in said.items() if value != ""}
