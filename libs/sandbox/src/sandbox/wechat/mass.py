"""Mass messages: one message for many openids, a few a month for each."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sandbox.carrier import Message
from sandbox.provider import Call, Desk, Reply
from sandbox.rates import RateWindow
from sandbox.wechat import answers, receipts
from sandbox.wechat.people import People
from sandbox.wechat.settings import Account, WechatSettings
from sandbox.wechat.single import CHINA, NAME, TEXT_MAX_BYTES

LEAST, MOST = 2, 10_000
KEY_MAX_BYTES = 64
DEDUPE_S = 86_400.0
MONTH_S = 32 * 86_400.0
FIRST_MSGID = 3_000_000_001
ORIGINAL = "mphelper"
_USED, _MONTH = "wechat.clientmsgid", "wechat.month"


class Mass:
    """The same clientmsgid is sent once in twenty-four hours: afterwards it is 45065, within the first minute 45066."""

    def __init__(self, settings: WechatSettings, desk: Desk, people: People) -> None:
        self._settings = settings
        self._desk = desk
        self._people = people
        self._rate = RateWindow(desk.clock, settings.mass_calls_per_minute, 60.0)

    def send(self, call: Call, account: Account, asked: Mapping[str, object]) -> Reply:
        if not self._rate.take():
            raise answers.refuse(45011)
        openids = _openids(asked)
        text, topic = self._content(asked)
        key = asked.get("clientmsgid", "")
        if not isinstance(key, str) or len(key.encode()) > KEY_MAX_BYTES:
            raise answers.refuse(45067)
        used = f"{account.appid} {key}"
        if key and (first := self._desk.memory.get(_USED, used)) is not None:
            return self._repeated(json.loads(first))
        msgid = self._desk.memory.next_number("wechat.mass", FIRST_MSGID)
        draft = Message(
            provider=NAME,
            channel="wechat",
            account=account.appid,
            action="mass_send",
            address="",
            key=key,
            message_id=str(msgid),
            topic=topic,
            marketing=True,
            text=text,
            request_digest=call.digest,
            failure="failed",
        )
        sent = sum(self._send_one(account, replace(draft, address=openid)) for openid in openids)
        if key:
            stored = json.dumps({"msgid": msgid, "at": self._desk.clock.now()})
            self._desk.memory.put(_USED, used, stored, for_s=DEDUPE_S)
        self._tell(account, msgid, len(openids), sent)
        content = {"errcode": 0, "errmsg": "send job submission success", "msg_id": msgid}
        return Reply.json(200, content | {"msg_data_id": msgid})

    def _repeated(self, first: Mapping[str, float]) -> Reply:
        if self._desk.clock.now() - first["at"] < self._settings.mass_repeat_s:
            raise answers.refuse(45066)
        body = json.loads(answers.errcode(45065).body)
        return Reply.json(200, body | {"msg_id": first["msgid"]})

    def _send_one(self, account: Account, message: Message) -> bool:
        """Whether the person gets it. Strangers, people who left and those who have had their share are passed over."""
        openid = message.address
        month = datetime.fromtimestamp(self._desk.clock.now(), UTC).astimezone(CHINA).strftime("%Y-%m")
        share = f"{account.appid} {openid} {month}"
        had = int(self._desk.memory.get(_MONTH, share) or 0)
        if not self._people.follows(openid) or had >= self._settings.mass_per_person_month:
            return False
        _, response = self._desk.carrier.send(message)
        self._desk.memory.put(_MONTH, share, str(had + 1), for_s=MONTH_S)
        now = self._desk.clock.now()
        leaving = receipts.leaving(account.appid, openid, now, response)
        if leaving:
            self._people.leavers.add(openid, response.replied_after_s)
        self._desk.owe(NAME, f"{message.message_id} {openid}", leaving)
        return response.delivered

    def _content(self, asked: Mapping[str, object]) -> tuple[str, str]:
        """The text that people see, and what it is."""
        match asked.get("msgtype"):
            case "text":
                inside = asked.get("text")
                said = inside.get("content") if isinstance(inside, dict) else None
                if not isinstance(said, str) or not said:
                    raise answers.refuse(44004)
                if len(said.encode()) > TEXT_MAX_BYTES:
                    raise answers.refuse(45002)
                return said, "text"
            case "mpnews":
                inside = asked.get("mpnews")
                media_id = inside.get("media_id") if isinstance(inside, dict) else None
                if not isinstance(media_id, str) or media_id not in self._settings.articles:
                    raise answers.refuse(40007)
                return self._settings.articles[media_id], media_id
        raise answers.refuse(40008)

    def _tell(self, account: Account, msgid: int, total: int, sent: int) -> None:
        fields = [
            ("MsgID", msgid),
            ("Status", "send success"),
            ("TotalCount", total),
            ("FilterCount", total),
            ("SentCount", sent),
            ("ErrorCount", total - sent),
        ]
        now = self._desk.clock.now()
        told = receipts.event(account.appid, receipts.MASS_FINISHED, ORIGINAL, now, fields)
        self._desk.owe(NAME, msgid, [told])


def _openids(asked: Mapping[str, object]) -> list[str]:
    listed = asked.get("touser")
    if not isinstance(listed, list) or not all(isinstance(openid, str) for openid in listed):
        raise answers.refuse(40031)
    openids = list(dict.fromkeys(listed))
    if len(openids) < LEAST:
        raise answers.refuse(40130)
    if len(openids) > MOST:
        raise answers.refuse(40032)
    return openids
