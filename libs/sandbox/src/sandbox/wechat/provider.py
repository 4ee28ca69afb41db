"""The official account platform: tokens and template messages."""

from datetime import UTC, datetime, timedelta, timezone

from sandbox.carrier import Message
from sandbox.directory import Leavers
from sandbox.faults import Rule
from sandbox.provider import Call, Desk, Reply
from sandbox.rates import RateWindow
from sandbox.wechat import answers
from sandbox.wechat.receipts import WechatCourier, reports
from sandbox.wechat.settings import PLACEHOLDER, Account, Template, WechatSettings
from sandbox.wechat.verify import Tokens, read_json

NAME = "wechat"
DEDUPE_S = 600.0
DAY_S = 86_400.0
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
CLIENT_MSG_ID_MAX_CHARS = 64
FIRST_MSGID = 2_000_000_001
_ACTIONS = {
    "/cgi-bin/stable_token": "stable_token",
    "/cgi-bin/message/template/send": "template_send",
}
_USED, _DAY = "wechat.client_msg_id", "wechat.day"


class Wechat:
    """WeChat behind one port. The same openid and client_msg_id are sent once within ten minutes."""

    name = NAME

    def __init__(self, settings: WechatSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self._tokens = Tokens(settings, desk.clock, desk.memory)
        self.courier = WechatCourier(settings, desk.clock)
        self._leavers = Leavers("wechat.left", desk.memory, desk.clock)
        self._rate = RateWindow(desk.clock, settings.calls_per_minute, 60.0)

    def action(self, call: Call) -> str:
        return _ACTIONS.get(call.path, "unknown")

    def handle(self, call: Call) -> Reply:
        match self.action(call):
            case "stable_token":
                return self._tokens.issue(call)
            case "template_send":
                return self._send(call)
        return Reply(404, b"404 page not found", {"Content-Type": "text/plain"})

    def broken(self, status: int) -> Reply:
        return Reply(status, b"<html><body>Service Unavailable</body></html>", {"Content-Type": "text/html"})

    def throttled(self, rule: Rule) -> Reply:
        body = answers.errcode(45011).body
        headers = {"Content-Type": "application/json", "Retry-After": str(rule.retry_after_s)}
        return Reply(429, body, headers)

    def recipients(self, call: Call) -> int:
        return 0

    def expire_tokens(self) -> None:
        self._tokens.expire()

    def _send(self, call: Call) -> Reply:
        account = self._tokens.account(call)
        if not self._rate.take():
            raise answers.refuse(45011)
        asked = read_json(call)
        openid, key = str(asked.get("touser", "")), str(asked.get("client_msg_id", ""))
        template, text = self._content(asked)
        if len(key) > CLIENT_MSG_ID_MAX_CHARS:
            raise answers.refuse(47003, "client_msg_id too long")
        used = f"{account.appid} {openid} {key}"
        if key and (first := self._desk.memory.get(_USED, used)) is not None:
            return answers.sent(int(first))
        self._check_person(openid)
        self._count_today(account)
        msgid = self._desk.memory.next_number("wechat.msgid", FIRST_MSGID)
        message = Message(
            provider=NAME,
            channel="wechat",
            account=account.appid,
            action="template_send",
            address=openid,
            key=key,
            message_id=str(msgid),
            topic=template.template_id,
            marketing=False,
            text=text,
            request_digest=call.digest,
            failure="failed: system failed",
        )
        effect_id, response = self._desk.carrier.send(message)
        self._desk.owe(NAME, effect_id, reports(message, msgid, self._desk.clock.now(), response))
        if response.delivered and response.reply:
            self._leavers.add(openid, response.replied_after_s)
        if key:
            self._desk.memory.put(_USED, used, str(msgid), for_s=DEDUPE_S)
        return answers.sent(msgid)

    def _content(self, asked: dict[str, object]) -> tuple[Template, str]:
        template = self._settings.templates.get(str(asked.get("template_id", "")))
        if template is None:
            raise answers.refuse(40037)
        if template.marketing:
            raise answers.refuse(40249)
        data = asked.get("data")
        if not isinstance(data, dict):
            raise answers.refuse(47003, "data must be an object")
        values = {}
        for name in template.parameters:
            value = data.get(name)
            if not isinstance(value, dict) or not isinstance(value.get("value"), str):
                raise answers.refuse(47003, f"data.{name}.value invalid")
            values[name] = value["value"]
        return template, PLACEHOLDER.sub(lambda match: values[match[1]], template.content)

    def _check_person(self, openid: str) -> None:
        followers = self._settings.followers
        if not openid or not followers.knows(openid):
            raise answers.refuse(40003)
        if not followers.reachable(openid) or self._leavers.holds(openid):
            raise answers.refuse(43004)

    def _count_today(self, account: Account) -> None:
        today = datetime.fromtimestamp(self._desk.clock.now(), UTC).astimezone(CHINA).date()
        name = f"{account.appid} {today}"
        sent = int(self._desk.memory.get(_DAY, name) or 0)
        if sent >= self._settings.daily_messages:
            raise answers.refuse(45009)
        self._desk.memory.put(_DAY, name, str(sent + 1), for_s=DAY_S)
