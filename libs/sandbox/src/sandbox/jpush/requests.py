"""What a push asks for, checked for form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.jpush.answers import refuse
from sandbox.phone_makers import IMPORTANCES

REGISTRATION_IDS_MAX = 1_000
BATCH_MAX = 1_000
ANDROID_MAX_BYTES, IOS_MAX_BYTES = 4_000, 2_000
TIME_TO_LIVE_MAX_S = 10 * 86_400
_PLATFORMS = {"android", "ios", "quickapp", "hmos"}
_KEYS = {
    "platform",
    "audience",
    "target",
    "notification",
    "message",
    "options",
    "cid",
    "callback",
    "sms_message",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a device shows."""

    text: str
    marketing: bool


def read_content(asked: Mapping[str, object]) -> Content:
    """Check platform, notification or message, options and sizes."""
    unknown = sorted(asked.keys() - _KEYS)
    if unknown:
        raise refuse(1009, f"unsupported key {unknown[0]}")
    _check_platform(asked.get("platform"))
    notification, message = asked.get("notification"), asked.get("message")
    if not isinstance(notification, dict) and not isinstance(message, dict):
        raise refuse(1002, "notification or message is required")
    _check_sizes(notification, message)
    _check_options(asked.get("options"))
    return Content(_text(notification, message), _marketing(asked.get("options")))


def registration_ids(asked: Mapping[str, object]) -> list[str]:
    """The audience of a push; only registration ids are known here."""
    audience = asked.get("audience")
    if audience is None:
        raise refuse(1002, "audience is required")
    ids = audience.get("registration_id") if isinstance(audience, dict) else None
    if not isinstance(ids, list) or not ids or not all(isinstance(each, str) and each for each in ids):
        raise refuse(1003, "audience.registration_id must be a list of texts")
    if len(ids) > REGISTRATION_IDS_MAX:
        raise refuse(1003, f"at most {REGISTRATION_IDS_MAX} registration ids")
    return list(dict.fromkeys(ids))


def push_list(asked: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """cid -> single push."""
    pushes = asked.get("pushlist")
    if (
        not isinstance(pushes, dict)
        or not pushes
        or not all(isinstance(each, dict) for each in pushes.values())
    ):
        raise refuse(1002, "pushlist must map cids to pushes")
    if len(pushes) > BATCH_MAX:
        raise refuse(1003, f"at most {BATCH_MAX} pushes")
    return pushes


def count_batch(body: bytes) -> int:
    """Entries of a batch; 0 for a push, which is accepted whole or not at all."""
    try:
        asked = json.loads(body)
    except ValueError:
        return 0
    pushes = asked.get("pushlist") if isinstance(asked, dict) else None
    return len(pushes) if isinstance(pushes, dict) else 0


def _check_platform(platform: object) -> None:
    if platform is None:
        raise refuse(1002, "platform is required")
    named = platform if isinstance(platform, list) else [platform]
    if platform != "all" and not (
        named and all(isinstance(name, str) and name in _PLATFORMS for name in named)
    ):
        raise refuse(1003, "platform must be all or a list of platforms")


def _check_sizes(notification: object, message: object) -> None:
    ios = notification.get("ios", {}) if isinstance(notification, dict) else {}
    if _size(ios) > IOS_MAX_BYTES or _size(notification) + _size(message) > ANDROID_MAX_BYTES:
        raise refuse(1005, f"message too large: Android {ANDROID_MAX_BYTES}, iOS {IOS_MAX_BYTES} bytes")


def _size(part: object) -> int:
    return len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode()) if part else 0


def _check_options(options: object) -> None:
    if options is None:
        return
    if not isinstance(options, dict):
        raise refuse(1003, "options must be an object")
    kept = options.get("time_to_live", 0)
    if isinstance(kept, bool) or not isinstance(kept, int) or not 0 <= kept <= TIME_TO_LIVE_MAX_S:
        raise refuse(1003, f"time_to_live must be from 0 to {TIME_TO_LIVE_MAX_S}")
    makers = options.get("third_party_channel", {})
    if not isinstance(makers, dict) or not all(isinstance(each, dict) for each in makers.values()):
        raise refuse(1003, "third_party_channel must map makers to objects")
    if not all(each.get("importance", "LOW") in IMPORTANCES for each in makers.values()):
        raise refuse(1003, "importance must be LOW or NORMAL")


def _text(notification: object, message: object) -> str:
    if isinstance(notification, dict):
        android = notification.get("android")
        for part in (notification, android if isinstance(android, dict) else {}):
            if isinstance(part.get("alert"), str):
                return str(part["alert"])
    return str(message.get("msg_content", "")) if isinstance(message, dict) else ""


def _marketing(options: object) -> bool:
    """Phone makers' classes: 0 marketing, 1 system; unmarked counts as marketing."""
    return not (isinstance(options, dict) and options.get("classification") == 1)
