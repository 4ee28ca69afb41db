"""What a single push asks for, checked for form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.getui.answers import PARAMETER, refuse

BATCH_MAX = 200
REQUEST_ID_CHARS = range(10, 33)
TITLE_MAX_CHARS, BODY_MAX_CHARS = 50, 256
TTL_MAX_MS = 3 * 24 * 3_600 * 1_000
_CLICKS = {"intent", "url", "payload", "payload_custom", "startapp", "none"}


@dataclass(frozen=True, slots=True)
class Single:
    """A push to one device."""

    request_id: str
    cid: str
    text: str
    marketing: bool


def read_single(asked: Mapping[str, object]) -> Single:
    """Check request_id, audience, settings and what is shown."""
    request_id = asked.get("request_id")
    if not isinstance(request_id, str) or not request_id:
        raise refuse(PARAMETER, "request_id can not be empty")
    if len(request_id) not in REQUEST_ID_CHARS:
        raise refuse(PARAMETER, "request_id size over limit")
    audience = asked.get("audience")
    cids = audience.get("cid") if isinstance(audience, dict) else None
    if not isinstance(cids, list) or len(cids) != 1 or not isinstance(cids[0], str) or not cids[0]:
        raise refuse(PARAMETER, "audience is invalid")
    _check_settings(asked.get("settings"))
    message = _part(asked, "push_message")
    notification = _part(message, "notification")
    _check_notification(notification)
    channel = asked.get("push_channel")
    ups = _vendor_part(channel)
    if ups.get("notification") is not None:
        _check_notification(_part(ups, "notification"))
    return Single(request_id, cids[0], str(notification["body"]), _marketing(ups.get("options")))


def read_batch(asked: Mapping[str, object]) -> list[Single]:
    """The pushes of a batch; one that is malformed refuses all."""
    listed = asked.get("msg_list")
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        raise refuse(PARAMETER, "msg_list is invalid")
    if len(listed) > BATCH_MAX:
        raise refuse(PARAMETER, "msg_list size over limit")
    if asked.get("is_async") not in (None, False):
        raise refuse(PARAMETER, "is_async is invalid")
    singles = [read_single(each) for each in listed]
    if len({each.cid for each in singles}) != len(singles):
        raise refuse(PARAMETER, "contains duplicate cid")
    return singles


def count_batch(body: bytes) -> int:
    """Pushes in a batch; 0 for one alone, which is done whole or not at all."""
    try:
        asked = json.loads(body)
    except ValueError:
        return 0
    listed = asked.get("msg_list") if isinstance(asked, dict) else None
    return len(listed) if isinstance(listed, list) else 0


def _part(whole: Mapping[str, object], name: str) -> dict[str, object]:
    part = whole.get(name)
    if not isinstance(part, dict):
        raise refuse(PARAMETER, f"{name} cannot be null")
    return part


def _vendor_part(channel: object) -> dict[str, object]:
    """push_channel.android.ups, empty when it is not there."""
    for name in ("android", "ups"):
        if channel is None:
            return {}
        if not isinstance(channel, dict):
            raise refuse(PARAMETER, "push_channel type error")
        channel = channel.get(name)
    if channel is not None and not isinstance(channel, dict):
        raise refuse(PARAMETER, "ups type error")
    return channel or {}


def _check_settings(settings: object) -> None:
    if settings is None:
        return
    ttl = settings.get("ttl", 0) if isinstance(settings, dict) else None
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not -1 <= ttl <= TTL_MAX_MS:
        raise refuse(PARAMETER, "ttl is invalid")


def _check_notification(notification: Mapping[str, object]) -> None:
    for name, most in (("title", TITLE_MAX_CHARS), ("body", BODY_MAX_CHARS)):
        text = notification.get(name)
        if not isinstance(text, str) or not text:
            raise refuse(PARAMETER, f"{name} can not be empty")
        if len(text) > most:
            raise refuse(PARAMETER, f"{name} size over limit")
    click = notification.get("click_type")
    if not isinstance(click, str) or click not in _CLICKS:
        raise refuse(PARAMETER, "click_type is invalid")
    needed = {"url": "url", "intent": "intent", "payload": "payload", "payload_custom": "payload"}.get(click)
    if needed is not None and not isinstance(notification.get(needed), str):
        raise refuse(PARAMETER, f"{needed} can not be empty")


def _marketing(options: object) -> bool:
    """vivo's class, which Getui hands through: 0 marketing, 1 system; unmarked counts as marketing."""
    vivo = options.get("VV") if isinstance(options, dict) else None
    return not (isinstance(vivo, dict) and vivo.get("/classification") == 1)
