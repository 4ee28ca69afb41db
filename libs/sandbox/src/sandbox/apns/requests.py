"""What a request asks for, checked for form."""

import json
import re
import uuid
from dataclasses import dataclass

from sandbox.apns.answers import refuse
from sandbox.apns.settings import Key
from sandbox.provider import Call

MAX_BYTES = 4_096
MAX_COLLAPSE_ID_BYTES = 64
PLACE = re.compile(r"/3/device/([^/]*)")
_TOKEN = re.compile(r"[0-9a-fA-F]{64,200}")
_PUSH_TYPES = {
    "alert",
    "background",
    "location",
    "voip",
    "complication",
    "fileprovider",
    "mdm",
    "liveactivity",
    "pushtotalk",
    "widgets",
}


@dataclass(frozen=True, slots=True)
class Content:
    token: str
    topic: str
    apns_id: str
    collapse_id: str
    text: str
    convenient: bool
    """Priority 5: when it suits the device."""


def read(call: Call, key: Key) -> Content:
    """Check path, headers and payload, in this order."""
    place = PLACE.fullmatch(call.path)
    if place is None:
        raise refuse("BadPath")
    if call.method != "POST":
        raise refuse("MethodNotAllowed")
    if not place[1]:
        raise refuse("MissingDeviceToken")
    if not _TOKEN.fullmatch(place[1]):
        raise refuse("BadDeviceToken")
    topic = call.headers.get("apns-topic", "")
    if not topic:
        raise refuse("MissingTopic")
    if topic not in key.topics:
        raise refuse("TopicDisallowed")
    collapse_id = call.headers.get("apns-collapse-id", "")
    if len(collapse_id.encode()) > MAX_COLLAPSE_ID_BYTES:
        raise refuse("BadCollapseId")
    priority = _priority(call)
    return Content(place[1], topic, _apns_id(call), collapse_id, _text(call.body), priority == "5")


def _priority(call: Call) -> str:
    if call.headers.get("apns-push-type", "alert") not in _PUSH_TYPES:
        raise refuse("InvalidPushType")
    expiration = call.headers.get("apns-expiration", "0")
    if not (expiration.isascii() and expiration.isdecimal()):
        raise refuse("BadExpirationDate")
    priority = call.headers.get("apns-priority", "10")
    if priority not in ("10", "5", "1"):
        raise refuse("BadPriority")
    return priority


def _apns_id(call: Call) -> str:
    """The given id, a new one without it."""
    given = call.headers.get("apns-id", "")
    try:
        return str(uuid.UUID(given)) if given else str(uuid.uuid4())
    except ValueError:
        raise refuse("BadMessageId") from None


def _text(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise refuse("PayloadTooLarge")
    try:
        payload = json.loads(body)
    except ValueError:
        payload = None
    if not isinstance(payload, dict) or not payload:
        raise refuse("PayloadEmpty")
    aps = payload.get("aps")
    alert = aps.get("alert") if isinstance(aps, dict) else None
    text = alert.get("body") if isinstance(alert, dict) else alert
    return text if isinstance(text, str) else ""
