"""Receipts: one JSON object a line, each signed by itself."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from sandbox.carrier import Message
from sandbox.getui.settings import GetuiSettings
from sandbox.phone_makers import NOT_SHOWN
from sandbox.reports import Push, Report
from sandbox.responses import Response

RETRY_AFTER_S = (1.0, 1.0)
"""Three tries in all, and only when there is no answer."""
BATCH = 100
DELIVERED, UNKNOWN_USER, INACTIVE, FAILED = "200", "401", "402", "500"
_DESCRIPTIONS = {
    DELIVERED: "success",
    UNKNOWN_USER: "user does not exist",
    INACTIVE: "user is not active",
    FAILED: "failed",
}
RECEIPT = "receipt"


class GetuiCourier:
    """Any answer counts as received, an error too: Getui never sends a receipt again that was answered."""

    batch = BATCH
    retry_after_s: Sequence[float] = RETRY_AFTER_S

    def __init__(self, settings: GetuiSettings) -> None:
        self._settings = settings

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        app = self._settings.apps.get(account)
        if app is None or not app.receipts_url:
            return None
        lines = [json.dumps(self._signed(app.master_secret, each), ensure_ascii=False) for each in payloads]
        return Push(app.receipts_url, "\n".join(lines).encode(), {"Content-Type": "text/plain"})

    def accepted(self, status: int, body: bytes) -> bool:
        return True

    def _signed(self, secret: str, payload: Mapping[str, object]) -> dict[str, object]:
        signed = "".join(str(payload[name]) for name in ("appid", "cid", "taskid", "msgid"))
        digest = hashlib.md5((signed + secret).encode(), usedforsecurity=False)
        return {**payload, "sign": digest.hexdigest()}


def report(message: Message, at_epoch_s: float, response: Response) -> Report:
    """Whether the push arrived."""
    reason = response.failure or message.failure
    code = DELIVERED if response.delivered else FAILED if reason == NOT_SHOWN else reason
    entry = {
        "appid": message.account,
        "cid": message.address,
        "taskid": message.message_id,
        "msgid": hashlib.sha256(f"{message.message_id} {message.address}".encode()).hexdigest()[:32],
        "code": code,
        "desc": reason if reason == NOT_SHOWN else _DESCRIPTIONS.get(code, code),
        "recvtime": int((at_epoch_s + response.delivered_after_s) * 1000),
    }
    return Report(message.account, RECEIPT, response.delivered_after_s, entry)
