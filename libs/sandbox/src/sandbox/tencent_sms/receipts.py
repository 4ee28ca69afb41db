"""Status reports and replies as Tencent pushes them: JSON without a signature."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

from sandbox.carrier import Message
from sandbox.reports import Push, Report
from sandbox.responses import Response
from sandbox.tencent_sms.settings import TencentSmsSettings

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
REPORT, REPLY = "SmsStatus", "SmsReply"
RETRY_AFTER_S = (60.0, 300.0, 600.0)
BATCH = 100
COUNTRY = "86"


def local_time(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


class TencentSmsCourier:
    """Pushes until the customer answers HTTP 200 with result 0."""

    batch = BATCH
    retry_after_s: Sequence[float] = RETRY_AFTER_S

    def __init__(self, settings: TencentSmsSettings) -> None:
        self._apps = {app.sdk_app_id: app for app in settings.apps.values()}

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        known = self._apps.get(account)
        url = "" if known is None else known.receipts_url if kind == REPORT else known.replies_url
        if not url:
            return None
        content = list(payloads) if kind == REPORT else payloads[0]
        body = json.dumps(content, ensure_ascii=False).encode()
        return Push(url, body, {"Content-Type": "application/json"})

    def accepted(self, status: int, body: bytes) -> bool:
        try:
            content = json.loads(body)
        except ValueError:
            return False
        return status == 200 and isinstance(content, dict) and content.get("result") == 0


def reports(message: Message, sign: str, at_epoch_s: float, response: Response) -> list[Report]:
    """What Tencent tells about one message: its report, and the reply if there is one. A reply has a kind of its own:
    it travels alone."""
    number = message.address.removeprefix(f"+{COUNTRY}")
    report = {
        "user_receive_time": local_time(at_epoch_s + response.delivered_after_s),
        "nationcode": COUNTRY,
        "mobile": number,
        "report_status": "SUCCESS" if response.delivered else "FAIL",
        "errmsg": "DELIVRD" if response.delivered else response.failure or message.failure,
        "description": "用户短信送达成功" if response.delivered else "用户短信送达失败",
        "sid": message.message_id,
    }
    owed = [Report(message.account, REPORT, response.delivered_after_s, report)]
    if response.delivered and response.reply:
        reply = {
            "extend": "",
            "mobile": number,
            "nationcode": COUNTRY,
            "sign": sign,
            "text": response.reply,
            "time": int(at_epoch_s + response.replied_after_s),
        }
        kind = f"{REPLY} {message.message_id}"
        owed.append(Report(message.account, kind, response.replied_after_s, reply))
    return owed
