"""SmsReport and SmsUp as Aliyun pushes them: JSON arrays without a signature."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

from sandbox.aliyun_sms.settings import AliyunSmsSettings
from sandbox.carrier import Message
from sandbox.reports import Push, Report
from sandbox.responses import Response

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
REPORT, REPLY = "SmsReport", "SmsUp"
RETRY_AFTER_S = (60.0, 300.0, 600.0)
BATCH = 100
SINGLE_PART_CHARS = 70
PART_CHARS = 67
DEST_CODE = "1069012345"


def local_time(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def parts(text: str) -> int:
    """How many short messages the text is billed as, sign included."""
    return 1 if len(text) <= SINGLE_PART_CHARS else -(-len(text) // PART_CHARS)


class AliyunSmsCourier:
    """Pushes until the customer answers HTTP 200 with code 0."""

    batch = BATCH
    retry_after_s: Sequence[float] = RETRY_AFTER_S

    def __init__(self, settings: AliyunSmsSettings) -> None:
        self._settings = settings

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        known = self._settings.accounts.get(account)
        url = "" if known is None else known.receipts_url if kind == REPORT else known.replies_url
        if not url:
            return None
        body = json.dumps(list(payloads), ensure_ascii=False).encode()
        return Push(url, body, {"Content-Type": "application/json;charset=utf-8"})

    def accepted(self, status: int, body: bytes) -> bool:
        try:
            content = json.loads(body)
        except ValueError:
            return False
        return status == 200 and isinstance(content, dict) and content.get("code") == 0


def reports(
    effect_id: int, message: Message, sign: str, at_epoch_s: float, response: Response
) -> list[Report]:
    """What Aliyun tells about one message: its receipt, and the reply if there is one."""
    receipt = {
        "phone_number": message.address,
        "send_time": local_time(at_epoch_s),
        "report_time": local_time(at_epoch_s + response.delivered_after_s),
        "success": response.delivered,
        "err_code": "DELIVERED" if response.delivered else response.failure or message.failure,
        "err_msg": "用户接收成功" if response.delivered else "发送失败",
        "sms_size": str(parts(message.text)),
        "biz_id": message.message_id,
        "out_id": message.key,
    }
    owed = [Report(message.account, REPORT, response.delivered_after_s, receipt)]
    if response.delivered and response.reply:
        reply = {
            "phone_number": message.address,
            "send_time": local_time(at_epoch_s + response.replied_after_s),
            "content": response.reply,
            "sign_name": sign,
            "dest_code": DEST_CODE,
            "sequence_id": effect_id,
        }
        owed.append(Report(message.account, REPLY, response.replied_after_s, reply))
    return owed
