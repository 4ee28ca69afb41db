"""The SMS service: sends whole calls or nothing, counts per number, answers queries from what it sent."""

import secrets
from datetime import UTC, datetime, timedelta

from sandbox.aliyun_sms import answers, requests
from sandbox.aliyun_sms.receipts import CHINA, AliyunSmsCourier, local_time, reports
from sandbox.aliyun_sms.requests import QUERY, SEND, SEND_BATCH, Send
from sandbox.aliyun_sms.settings import Account, AliyunSmsSettings, Kind
from sandbox.aliyun_sms.verify import verify
from sandbox.carrier import Message
from sandbox.effects import Effect, address_hash
from sandbox.faults import Rule
from sandbox.provider import Call, Desk, Reply
from sandbox.rates import RateWindow

NAME = "aliyun_sms"
DAY_S = 86_400.0
PER_NUMBER_A_DAY = 50
"""Notices and marketing, per number, sign and template."""
OTP_LIMITS = ((60.0, 1), (3_600.0, 5), (DAY_S, 10))
"""Per number and sign: seconds, messages."""
MARKETING_HOURS = (8, 22)
REFUSE_HINT = "拒收请回复R"
HISTORY_DAYS = 30
WAITING, FAILED, SUCCEEDED = 1, 2, 3

_ACCOUNT_REFUSALS = {
    "out_of_service": ("isv.OUT_OF_SERVICE", "业务停机"),
    "no_balance": ("isv.AMOUNT_NOT_ENOUGH", "账户余额不足"),
    "abnormal": ("isv.ACCOUNT_ABNORMAL", "账户异常"),
    "denied": ("isp.RAM_PERMISSION_DENY", "RAM权限DENY"),
}


class AliyunSms:
    """Aliyun SMS behind one port. It has no idempotency: the same request with a new nonce sends again."""

    name = NAME

    def __init__(self, settings: AliyunSmsSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self.courier = AliyunSmsCourier(settings)
        self._rates = {
            key_id: RateWindow(desk.clock, settings.calls_per_s, 1.0) for key_id in settings.accounts
        }

    def action(self, call: Call) -> str:
        asked = call.headers.get("x-acs-action", "")
        return asked if asked in (SEND, SEND_BATCH, QUERY) else "unknown"

    def handle(self, call: Call) -> Reply:
        account = verify(call, self._settings.accounts, self._desk.clock, self._desk.memory)
        if not self._rates[account.access_key_id].take():
            raise answers.refuse_at_the_gate(
                400, "Throttling.User", "Request was denied due to user flow control."
            )
        match self.action(call):
            case requests.SEND:
                return self._send(call, account, requests.read_send(call, self._settings))
            case requests.SEND_BATCH:
                return self._send(call, account, requests.read_send_batch(call, self._settings))
            case requests.QUERY:
                return self._query(call)
        raise answers.refuse_at_the_gate(404, "InvalidAction.NotFound", "Specified api is not found.")

    def broken(self, status: int) -> Reply:
        if status == 500:
            return answers.gate(
                500, "InternalError", "The request processing has failed due to some unknown error."
            )
        return answers.gate(
            status, "ServiceUnavailable", "The request has failed due to a temporary failure."
        )

    def throttled(self, rule: Rule) -> Reply:
        headers = {"Retry-After": str(rule.retry_after_s)}
        return answers.gate(429, "Throttling", "Request was denied due to request throttling.", headers)

    def recipients(self, call: Call) -> int:
        return requests.count(call)

    def expire_tokens(self) -> None:
        """Signatures carry no token."""

    def _send(self, call: Call, account: Account, send: Send) -> Reply:
        self._check(account, send)
        now = self._desk.clock.now()
        action, digest = self.action(call), call.digest
        biz_id = f"{secrets.randbelow(9 * 10**17) + 10**17}^0"
        for sms in send.messages:
            message = Message(
                provider=NAME,
                channel="sms",
                account=account.access_key_id,
                action=action,
                address=sms.phone,
                key=send.out_id,
                message_id=biz_id,
                topic=_topic(send, sms.sign.name),
                marketing=send.template.kind is Kind.MARKETING,
                text=sms.text,
                request_digest=digest,
                failure="MOBILE_NOT_ON_SERVICE",
                failed=sms.phone in self._settings.blocked,
            )
            effect_id, response = self._desk.carrier.send(message)
            self._desk.owe(NAME, effect_id, reports(effect_id, message, sms.sign.name, now, response))
        self._count_today(account, len(send.messages))
        return answers.accepted(biz_id)

    def _check(self, account: Account, send: Send) -> None:
        if account.state in _ACCOUNT_REFUSALS:
            raise answers.refuse(*_ACCOUNT_REFUSALS[account.state])
        if self._sent_today(account) + len(send.messages) > self._settings.daily_messages:
            raise answers.refuse("isv.DAY_LIMIT_CONTROL", "触发日发送限额")
        kind = send.template.kind
        if kind is not Kind.OTP and any(sms.sign.otp_only for sms in send.messages):
            raise answers.refuse("isv.SMS_SIGNATURE_SCENE_ILLEGAL", "签名和模板类型不一致")
        if kind is Kind.MARKETING:
            self._check_marketing(send)
        self._check_numbers(send)

    def _check_marketing(self, send: Send) -> None:
        if not all(sms.text.endswith(REFUSE_HINT) for sms in send.messages):
            raise answers.refuse("isv.SMS_CONTENT_ILLEGAL", f"推广短信必须以{REFUSE_HINT}结尾")
        first, last = MARKETING_HOURS
        hour = datetime.fromtimestamp(self._desk.clock.now(), UTC).astimezone(CHINA).hour
        if not first <= hour < last:
            raise answers.refuse("isv.SEND_TIME_CONTROL", f"推广短信只允许在{first}点到{last}点发送")

    def _check_numbers(self, send: Send) -> None:
        """Per-number limits count what was submitted before, and repeats inside this call."""
        limits = OTP_LIMITS if send.template.kind is Kind.OTP else ((DAY_S, PER_NUMBER_A_DAY),)
        now = self._desk.clock.now()
        here: dict[tuple[str, str], int] = {}
        for sms in send.messages:
            topic = _topic(send, sms.sign.name)
            here[sms.phone, topic] = here.get((sms.phone, topic), 0) + 1
            hashed = address_hash(NAME, sms.phone)
            for length_s, most in limits:
                before = self._desk.log.count_since(NAME, hashed, topic, now - length_s)
                if before + here[sms.phone, topic] > most:
                    raise answers.refuse("isv.BUSINESS_LIMIT_CONTROL", f"触发流控Permits:{most}")

    def _query(self, call: Call) -> Reply:
        """One number and one day (China time); newest first; rows show after the lag."""
        asked = call.query
        phone = requests.mainland_phone(asked.get("PhoneNumber", ""))
        since, until = _day(asked.get("SendDate", ""), self._desk.clock.now())
        size, page = _whole(asked, "PageSize", requests.PAGE_MAX), _whole(asked, "CurrentPage", 10**6)
        visible_until = min(until, self._desk.clock.now() - self._settings.query_lag_s)
        rows = self._desk.log.to_address(NAME, address_hash(NAME, phone), since, visible_until)
        if biz_id := asked.get("BizId"):
            rows = [row for row in rows if row.message_id == biz_id]
        rows.reverse()
        chosen = rows[(page - 1) * size : page * size]
        content = {
            "Code": "OK",
            "Message": "OK",
            "RequestId": answers.request_id(),
            "TotalCount": str(len(rows)),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": [self._detail(phone, row) for row in chosen]},
        }
        return Reply.json(200, content)

    def _detail(self, phone: str, row: Effect) -> dict[str, object]:
        settled = row.settled_epoch_s <= self._desk.clock.now()
        detail: dict[str, object] = {
            "PhoneNum": phone,
            "SendStatus": (SUCCEEDED if row.delivered else FAILED) if settled else WAITING,
            "TemplateCode": row.topic.rpartition("|")[2],
            "Content": row.text,
            "SendDate": local_time(row.at_epoch_s),
            "OutId": row.key,
        }
        if settled:
            detail |= {"ErrCode": row.outcome, "ReceiveDate": local_time(row.settled_epoch_s)}
        return detail

    def _sent_today(self, account: Account) -> int:
        return int(self._desk.memory.get("aliyun_sms.day", self._today(account)) or 0)

    def _count_today(self, account: Account, messages: int) -> None:
        sent = str(self._sent_today(account) + messages)
        self._desk.memory.put("aliyun_sms.day", self._today(account), sent, for_s=DAY_S)

    def _today(self, account: Account) -> str:
        return f"{account.access_key_id} {local_time(self._desk.clock.now())[:10]}"


def _topic(send: Send, sign: str) -> str:
    return f"{sign}|otp" if send.template.kind is Kind.OTP else f"{sign}|{send.template.code}"


def _day(text: str, now: float) -> tuple[float, float]:
    """First and last moment of a day yyyyMMdd, China time."""
    try:
        start = datetime.strptime(text, "%Y%m%d").replace(tzinfo=CHINA)
    except ValueError:
        raise answers.refuse("isv.INVALID_PARAMETERS", "SendDate 必须是 yyyyMMdd") from None
    if start.timestamp() < now - (HISTORY_DAYS + 1) * DAY_S:
        raise answers.refuse("isv.INVALID_PARAMETERS", f"只能查询最近 {HISTORY_DAYS} 天")
    return start.timestamp(), (start + timedelta(days=1)).timestamp()


def _whole(asked: dict[str, str], name: str, most: int) -> int:
    text = asked.get(name, "")
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise answers.refuse("isv.INVALID_PARAMETERS", f"{name} 必须是 1 到 {most} 的整数")
    return int(text)
