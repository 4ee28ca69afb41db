"""The callback: JSON arrays, authorised like a call of the API."""

import base64
import json
from collections.abc import Mapping, Sequence
from enum import IntEnum

from sandbox.carrier import Message
from sandbox.jpush.settings import JpushSettings
from sandbox.phone_makers import NOT_SHOWN
from sandbox.reports import Push, Report
from sandbox.responses import Response

RETRY_AFTER_S = (50.0, 50.0, 50.0)
BATCH = 100
STATUS = "status"


class Kind(IntEnum):
    """The `type` of an entry."""

    TARGET_VALID = 0
    TARGET_INVALID = 1
    SUBMITTED = 2
    NOT_SUBMITTED = 3
    DELIVERED = 4
    NOT_DELIVERED = 5
    CLICKED = 6


class JpushCourier:
    """Any HTTP 200 counts as received."""

    batch = BATCH
    retry_after_s: Sequence[float] = RETRY_AFTER_S

    def __init__(self, settings: JpushSettings) -> None:
        self._settings = settings

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        app = self._settings.apps.get(account)
        if app is None or not app.receipts_url:
            return None
        proof = base64.b64encode(f"{app.app_key}:{app.master_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {proof}", "Content-Type": "application/json; charset=utf-8"}
        return Push(app.receipts_url, json.dumps(list(payloads), ensure_ascii=False).encode(), headers)

    def accepted(self, status: int, body: bytes) -> bool:
        return status == 200


def reports(message: Message, at_epoch_s: float, response: Response) -> list[Report]:
    """Delivery or failure, and the click if there is one."""
    if not response.delivered:
        invalid = message.failed and message.failure != NOT_SHOWN
        kind = Kind.TARGET_INVALID if invalid else Kind.NOT_DELIVERED
        return [_report(message, kind, at_epoch_s, response.delivered_after_s)]
    owed = [_report(message, Kind.DELIVERED, at_epoch_s, response.delivered_after_s)]
    if response.clicked_after_s is not None:
        owed.append(_report(message, Kind.CLICKED, at_epoch_s, response.clicked_after_s))
    return owed


def unknown_target(app_key: str, msg_id: str, registration_id: str, at_epoch_s: float) -> Report:
    """A device that JPush does not know, among others that it does: nothing was sent to it."""
    return _entry(app_key, msg_id, registration_id, (Kind.TARGET_INVALID, at_epoch_s, 0.0))


def _report(message: Message, kind: Kind, at_epoch_s: float, after_s: float) -> Report:
    return _entry(message.account, message.message_id, message.address, (kind, at_epoch_s, after_s))


def _entry(app_key: str, msg_id: str, registration_id: str, what: tuple[Kind, float, float]) -> Report:
    kind, at_epoch_s, after_s = what
    entry = {
        "type": int(kind),
        "channelkey": app_key,
        "msgid": msg_id,
        "registration_id": registration_id,
        "time": int((at_epoch_s + after_s) * 1000),
    }
    return Report(app_key, STATUS, after_s, entry)
