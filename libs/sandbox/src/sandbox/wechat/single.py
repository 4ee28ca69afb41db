"""Messages to one person: by a template, by a grant, or in answer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from sandbox.carrier import Message
from sandbox.provider import Call, Desk, Reply
from sandbox.reports import Report
from sandbox.responses import Response
from sandbox.wechat import answers, receipts
from sandbox.wechat.people import People
from sandbox.wechat.settings import (
    PLACEHOLDER,
    Account,
    SubscriptionTemplate,
    Template,
    WechatSettings,
)

NAME = "wechat"
DEDUPE_S = 600.0
DAY_S = 86_400.0
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
CLIENT_MSG_ID_MAX_CHARS = 64
TEXT_MAX_BYTES = 2_048
FIRST_MSGID = 2_000_000_001
VALUE_MAX_CHARS = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "phone_number": 17,
    "car_number": 8,
    "name": 10,
    "phrase": 5,
}
"""Of variables of subscription templates, by kind."""
_USED, _DAY = "wechat.client_msg_id", "wechat.day"
Asked = Mapping[str, object]


class Singles:
    """Template messages are sent once within ten minutes by openid and client_msg_id; the others know no key."""

    def __init__(self, settings: WechatSettings, desk: Desk, people: People) -> None:
        self._settings = settings
        self._desk = desk
        self._people = people

    def template(self, call: Call, account: Account, asked: Asked) -> Reply:
        openid, key = str(asked.get("touser", "")), str(asked.get("client_msg_id", ""))
        template = self._settings.templates.get(str(asked.get("template_id", "")))
        if template is None:
            raise answers.refuse(40037)
        if template.marketing:
            raise answers.refuse(40249)
        text = _filled(template, asked)
        if len(key) > CLIENT_MSG_ID_MAX_CHARS:
            raise answers.refuse(47003, "client_msg_id too long")
        used = f"{account.appid} {openid} {key}"
        if key and (first := self._desk.memory.get(_USED, used)) is not None:
            return answers.sent(int(first))
        self._people.check(openid)
        self._count_today(account)
        msgid, effect_id, response = self._send(call, account, openid, template.template_id, text, key)
        now = self._desk.clock.now()
        status = "success" if response.delivered else response.failure or "failed: system failed"
        fields = [("MsgID", msgid), ("Status", status)]
        after_s = response.delivered_after_s
        finished = receipts.event(account.appid, receipts.FINISHED, openid, now, fields, after_s=after_s)
        self._owe(account, openid, effect_id, response, finished)
        if key:
            self._desk.memory.put(_USED, used, str(msgid), for_s=DEDUPE_S)
        return answers.sent(msgid)

    def subscription(self, call: Call, account: Account, asked: Asked) -> Reply:
        """The answer names no message; the event afterwards does."""
        openid = str(asked.get("touser", ""))
        template = self._settings.subscription_templates.get(str(asked.get("template_id", "")))
        if template is None:
            raise answers.refuse(40037)
        text = _filled(template, asked)
        if asked.get("lang") != "zh_CN" or asked.get("miniprogram_state") != "formal":
            raise answers.refuse(47003, "lang and miniprogram_state are zh_CN and formal here")
        self._people.check(openid)
        self._people.spend_grant(account.appid, openid, template)
        msgid, effect_id, response = self._send(call, account, openid, template.template_id, text, "")
        entry = [
            ("TemplateId", template.template_id),
            ("MsgID", str(msgid)),
            ("ErrorCode", 0 if response.delivered else 1),
            ("ErrorStatus", "success" if response.delivered else response.failure or "failed"),
        ]
        fields = [("SubscribeMsgSentEvent", [("List", entry)])]
        now, after_s = self._desk.clock.now(), response.delivered_after_s
        sent = receipts.event(account.appid, receipts.SENT, openid, now, fields, after_s=after_s)
        self._owe(account, openid, effect_id, response, sent)
        return answers.errcode(0)

    def answer(self, call: Call, account: Account, asked: Asked) -> Reply:
        """A text; nothing is told afterwards."""
        openid, words = str(asked.get("touser", "")), asked.get("text")
        if asked.get("msgtype") != "text":
            raise answers.refuse(40008)
        said = words.get("content") if isinstance(words, dict) else None
        if not isinstance(said, str) or not said:
            raise answers.refuse(44004)
        if len(said.encode()) > TEXT_MAX_BYTES:
            raise answers.refuse(45002)
        self._people.check(openid)
        self._people.spend_answer(account.appid, openid)
        _, effect_id, response = self._send(call, account, openid, "answers", said, "")
        self._owe(account, openid, effect_id, response)
        return answers.errcode(0)

    def _send(
        self, call: Call, account: Account, openid: str, topic: str, text: str, key: str
    ) -> tuple[int, int, Response]:
        msgid = self._desk.memory.next_number("wechat.msgid", FIRST_MSGID)
        message = Message(
            provider=NAME,
            channel="wechat",
            account=account.appid,
            action=call.path.removeprefix("/cgi-bin/message/").replace("/", "_"),
            address=openid,
            key=key,
            message_id=str(msgid),
            topic=topic,
            marketing=False,
            text=text,
            request_digest=call.digest,
            failure="failed: system failed",
        )
        effect_id, response = self._desk.carrier.send(message)
        return msgid, effect_id, response

    def _owe(self, account: Account, openid: str, effect_id: int, response: Response, *told: Report) -> None:
        leaving = receipts.leaving(account.appid, openid, self._desk.clock.now(), response)
        if leaving:
            self._people.leavers.add(openid, response.replied_after_s)
        self._desk.owe(NAME, effect_id, [*told, *leaving])

    def _count_today(self, account: Account) -> None:
        today = datetime.fromtimestamp(self._desk.clock.now(), UTC).astimezone(CHINA).date()
        name = f"{account.appid} {today}"
        sent = int(self._desk.memory.get(_DAY, name) or 0)
        if sent >= self._settings.daily_messages:
            raise answers.refuse(45009)
        self._desk.memory.put(_DAY, name, str(sent + 1), for_s=DAY_S)


def _filled(template: Template | SubscriptionTemplate, asked: Asked) -> str:
    """The text with the values of `data`, or a refusal."""
    data = asked.get("data")
    if not isinstance(data, dict):
        raise answers.refuse(47003, "data must be an object")
    values = {}
    for name in template.parameters:
        value = data.get(name)
        said = value.get("value") if isinstance(value, dict) else None
        most = VALUE_MAX_CHARS.get(name.rstrip("0123456789"))
        limited = isinstance(template, SubscriptionTemplate) and most is not None
        if not isinstance(said, str) or (limited and len(said) > (most or 0)):
            raise answers.refuse(47003, f"data.{name}.value invalid")
        values[name] = said
    return PLACEHOLDER.sub(lambda match: values[match[1]], template.content)
