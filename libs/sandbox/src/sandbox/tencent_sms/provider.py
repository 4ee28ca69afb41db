"""The SMS service: judges each number of a call by itself, and shows what carriers have reported."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.carrier import Message
from sandbox.directory import Leavers
from sandbox.effects import Effect, address_hash
from sandbox.faults import Rule
from sandbox.provider import Call, Desk, Reply
from sandbox.rates import RateWindow
from sandbox.tencent_sms import answers, requests
from sandbox.tencent_sms.receipts import CHINA, COUNTRY, TencentSmsCourier, local_time, reports
from sandbox.tencent_sms.requests import PULL, SEND, Send
from sandbox.tencent_sms.settings import App, Kind, TencentSmsSettings
from sandbox.tencent_sms.verify import verify

NAME = "tencent_sms"
DAY_S = 86_400.0
MARKETING_HOURS = (8, 22)
REFUSE_HINT = "拒收请回复R"
REFUSALS = ("R", "T")
KEPT_DAYS = 7
SINGLE_PART_CHARS, PART_CHARS = 70, 67

_APP_REFUSALS = {
    "arrears": ("UnauthorizedOperation.ServiceSuspendDueToArrears", "欠费被停止服务"),
    "disabled": ("UnauthorizedOperation.SdkAppIdIsDisabled", "此 SdkAppId 禁止提供服务"),
    "denied": ("UnauthorizedOperation.RequestPermissionDeny", "请求没有权限"),
    "no_package": ("FailedOperation.InsufficientBalanceInSmsPackage", "套餐包余量不足"),
}
Status = dict[str, object]


class TencentSms:
    """Tencent Cloud SMS behind one port. It has no idempotency: the same request sends again."""

    name = NAME

    def __init__(self, settings: TencentSmsSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self.courier = TencentSmsCourier(settings)
        self._refused = Leavers("tencent_sms.refused", desk.memory, desk.clock)
        clock = desk.clock
        self._rates = {each: RateWindow(clock, settings.calls_per_s, 1.0) for each in settings.apps}
        self._pulls = {each: RateWindow(clock, settings.pulls_per_s, 1.0) for each in settings.apps}

    def action(self, call: Call) -> str:
        asked = call.headers.get("x-tc-action", "")
        return asked if asked in (SEND, PULL) else "unknown"

    def handle(self, call: Call) -> Reply:
        app = verify(call, self._settings.apps, self._desk.clock)
        if not self._rates[app.secret_id].take():
            raise answers.refuse("RequestLimitExceeded.UinLimitExceeded", "请求的次数超过了频率限制")
        match self.action(call):
            case requests.SEND:
                return self._send(call, app)
            case requests.PULL:
                return self._pull(call, app)
        raise answers.refuse("InvalidAction", "The action does not exist.")

    def broken(self, status: int) -> Reply:
        return Reply(status, b"<html><body>Bad Gateway</body></html>", {"Content-Type": "text/html"})

    def throttled(self, rule: Rule) -> Reply:
        headers = {"Retry-After": str(rule.retry_after_s)}
        return answers.error("RequestLimitExceeded", "请求的次数超过了频率限制", headers)

    def recipients(self, call: Call) -> int:
        return requests.count(call)

    def expire_tokens(self) -> None:
        """Signatures carry no token."""

    def _send(self, call: Call, app: App) -> Reply:
        if app.state in _APP_REFUSALS:
            raise answers.refuse(*_APP_REFUSALS[app.state])
        send = requests.read_send(call, self._settings, app)
        if send.template.kind is Kind.MARKETING and not send.text.endswith(REFUSE_HINT):
            code = "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe"
            raise answers.refuse(code, f"营销短信必须以{REFUSE_HINT}结尾")
        digest = call.digest
        statuses = [self._send_one(digest, app, send, number) for number in send.numbers]
        return answers.response({"SendStatusSet": statuses})

    def _send_one(self, digest: str, app: App, send: Send, number: str) -> Status:
        phone = requests.mainland(number)
        refusal = self._refusal(app, send, phone)
        if phone is None or refusal:
            return _status(phone or number, "", send, *refusal)
        now = self._desk.clock.now()
        serial = f"{secrets.randbelow(9_000) + 1_000}:{secrets.randbelow(9 * 10**22) + 10**22}"
        message = Message(
            provider=NAME,
            channel="sms",
            account=app.sdk_app_id,
            action=SEND,
            address=phone,
            key=send.context,
            message_id=serial,
            topic=f"{app.sdk_app_id}|{send.template.template_id}",
            marketing=send.template.kind is Kind.MARKETING,
            text=send.text,
            request_digest=digest,
            failure="UNDELIV",
            failed=phone in self._settings.blocked,
        )
        effect_id, response = self._desk.carrier.send(message)
        self._desk.owe(NAME, effect_id, reports(message, send.sign.name, now, response))
        if response.delivered and response.reply.strip().upper() in REFUSALS:
            self._refused.add(phone, response.replied_after_s)
        self._count_today(app)
        return _status(phone, serial, send, "Ok", "send success")

    def _refusal(self, app: App, send: Send, phone: str | None) -> tuple[str, str] | tuple[()]:
        """Why this number gets nothing; empty when it gets the message."""
        if phone is None:
            return "InvalidParameterValue.IncorrectPhoneNumber", "手机号格式错误"
        if phone in self._settings.blacklisted or self._refused.holds(phone):
            return "FailedOperation.PhoneNumberInBlacklist", "手机号在免打扰名单库中"
        if send.template.kind is Kind.MARKETING:
            first, last = MARKETING_HOURS
            hour = datetime.fromtimestamp(self._desk.clock.now(), UTC).astimezone(CHINA).hour
            if not first <= hour < last:
                code = "FailedOperation.MarketingSendTimeConstraint"
                return code, f"营销短信只允许在{first}点到{last}点发送"
        if self._sent_today(app) >= self._settings.daily_messages:
            return "LimitExceeded.AppDailyLimit", "业务短信日下发条数超过设定的上限"
        return self._number_refusal(send, phone)

    def _number_refusal(self, send: Send, phone: str) -> tuple[str, str] | tuple[()]:
        """What the app sent to the number before counts, by what was accepted."""
        limits, now = self._settings.per_number, self._desk.clock.now()
        before = self._desk.log.to_address(NAME, address_hash(NAME, phone), now - DAY_S, now + 1.0)
        windows = (
            (limits.thirty_seconds, 30.0, "LimitExceeded.PhoneNumberThirtySecondLimit", "30秒内"),
            (limits.hour, 3_600.0, "LimitExceeded.PhoneNumberOneHourLimit", "1小时内"),
            (limits.day, DAY_S, "LimitExceeded.PhoneNumberDailyLimit", "日"),
        )
        for most, length_s, code, span in windows:
            recent = sum(effect.at_epoch_s > now - length_s for effect in before)
            if most and recent >= most:
                return code, f"单个手机号{span}下发短信条数超过设定的上限"
        same = sum(effect.text == send.text for effect in before)
        if limits.same_content_day and same >= limits.same_content_day:
            return "LimitExceeded.PhoneNumberSameContentDailyLimit", "单个手机号下发相同内容超过设定的上限"
        return ()

    def _pull(self, call: Call, app: App) -> Reply:
        """One number, newest first; a message shows when its carrier has reported, and the lag has passed."""
        if not self._pulls[app.secret_id].take():
            raise answers.refuse("RequestLimitExceeded", "请求的次数超过了频率限制")
        asked = requests.body(call)
        requests.check_app(asked, app)
        phone = requests.mainland(str(asked.get("PhoneNumber", "")))
        if phone is None:
            raise answers.refuse("InvalidParameterValue.IncorrectPhoneNumber", "手机号格式错误")
        now = self._desk.clock.now()
        since = requests.whole(asked, "BeginTime", 10**11)
        if since < now - KEPT_DAYS * DAY_S:
            raise answers.refuse("InvalidParameterValue.BeginTimeVerifyFail", "最大可拉取前7天的数据")
        if requests.whole(asked, "Offset", 10**6):
            raise answers.refuse("InvalidParameterValue.OffsetVerifyFail", "偏移量目前固定设置为0")
        limit = requests.whole(asked, "Limit", requests.PULL_MAX)
        until = requests.whole(asked, "EndTime", 10**11) if "EndTime" in asked else now + 1.0
        sent = self._desk.log.to_address(NAME, address_hash(NAME, phone), since, until)
        visible = [
            row
            for row in reversed(sent)
            if row.account == app.sdk_app_id and row.settled_epoch_s + self._settings.query_lag_s <= now
        ]
        return answers.response({"PullSmsSendStatusSet": [_row(phone, app, row) for row in visible[:limit]]})

    def _sent_today(self, app: App) -> int:
        return int(self._desk.memory.get("tencent_sms.day", self._today(app)) or 0)

    def _count_today(self, app: App) -> None:
        sent = str(self._sent_today(app) + 1)
        self._desk.memory.put("tencent_sms.day", self._today(app), sent, for_s=DAY_S)

    def _today(self, app: App) -> str:
        return f"{app.sdk_app_id} {local_time(self._desk.clock.now())[:10]}"


def _status(phone: str, serial: str, send: Send, code: str = "", message: str = "") -> Status:
    parts = 1 if len(send.text) <= SINGLE_PART_CHARS else -(-len(send.text) // PART_CHARS)
    return {
        "SerialNo": serial,
        "PhoneNumber": phone,
        "Fee": parts if serial else 0,
        "SessionContext": send.context,
        "Code": code,
        "Message": message,
        "IsoCode": "CN",
    }


def _row(phone: str, app: App, row: Effect) -> Mapping[str, object]:
    return {
        "UserReceiveTime": int(row.settled_epoch_s),
        "CountryCode": COUNTRY,
        "SubscriberNumber": phone.removeprefix(f"+{COUNTRY}"),
        "PhoneNumber": phone,
        "SerialNo": row.message_id,
        "ReportStatus": "SUCCESS" if row.delivered else "FAIL",
        "Description": "DELIVRD" if row.delivered else row.outcome,
        "SessionContext": row.key if app.session_context else "",
    }
