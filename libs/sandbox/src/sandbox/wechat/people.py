"""What people allow an account: grants for subscription notices, and answers after they turned to it."""

import json
from collections.abc import Mapping

from sandbox.directory import Leavers
from sandbox.provider import ActUnknownError, Desk
from sandbox.reports import Report
from sandbox.wechat import receipts
from sandbox.wechat.answers import refuse
from sandbox.wechat.settings import SubscriptionTemplate, WechatSettings

AFTER_WRITING, AFTER_TAPPING = (5, 48 * 3_600.0), (3, 60.0)
"""How many answers, for how many seconds."""
MENU, FOLLOWED, SCANNED = "CLICK", "subscribe", "SCAN"
_GRANTS, _ANSWERS, _LEFT = "wechat.grants", "wechat.answers", "wechat.left"
FIRST_MSGID = 5_000_000_001


class People:
    """Followers, what they have allowed, and what they do when a test or a demonstration lets them act."""

    def __init__(self, settings: WechatSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self.leavers = Leavers(_LEFT, desk.memory, desk.clock)

    def check(self, openid: str) -> None:
        """Refuse whom the account does not know, or who has left it."""
        if not openid or not self._settings.followers.knows(openid):
            raise refuse(40003)
        if not self.follows(openid):
            raise refuse(43004)

    def follows(self, openid: str) -> bool:
        followers = self._settings.followers
        return followers.knows(openid) and followers.reachable(openid) and not self.leavers.holds(openid)

    def spend_grant(self, appid: str, openid: str, template: SubscriptionTemplate) -> None:
        """Use up a grant, or refuse."""
        left = self._granted(appid, openid, template)
        if left < 1:
            raise refuse(43101)
        self._desk.memory.put(_GRANTS, f"{appid} {openid} {template.template_id}", str(left - 1))

    def spend_answer(self, appid: str, openid: str) -> None:
        """Use up an answer, or refuse."""
        stored = self._desk.memory.get(_ANSWERS, f"{appid} {openid}")
        state: dict[str, float | None] = (
            json.loads(stored) if stored else {"left": self._settings.answers, "ends": None}
        )
        left, ends = int(state["left"] or 0), state["ends"]
        ended = ends is not None and ends <= self._desk.clock.now()
        if ended or (stored is None and not left):
            raise refuse(45015)
        if left < 1:
            raise refuse(45047)
        self._desk.memory.put(_ANSWERS, f"{appid} {openid}", json.dumps({"left": left - 1, "ends": ends}))

    def act(self, asked: Mapping[str, object]) -> Report:
        """Let a person do something now; return the event that the account is told.

        {account, address, act}: accept or refuse (with template_id), write (with text), tap, follow, scan, leave.
        Raises ActUnknownError.
        """
        appid, openid = str(asked.get("account", "")), str(asked.get("address", ""))
        if appid not in self._settings.accounts or not self._settings.followers.knows(openid):
            raise ActUnknownError("there is no such account or person")
        now = self._desk.clock.now()
        match asked.get("act"):
            case "accept" | "refuse" as act:
                return self._choose(appid, openid, str(asked.get("template_id", "")), act == "accept")
            case "write":
                self._allow_answers(appid, openid, AFTER_WRITING)
                number = self._desk.memory.next_number("wechat.written", FIRST_MSGID)
                fields = [("Content", str(asked.get("text", ""))), ("MsgId", number)]
                return receipts.event(appid, receipts.WRITTEN, openid, now, fields)
            case "tap" | "follow" | "scan" as act:
                self._allow_answers(appid, openid, AFTER_TAPPING)
                kind = {"tap": MENU, "follow": FOLLOWED, "scan": SCANNED}[act]
                return receipts.event(appid, kind, openid, now, [("EventKey", "")])
            case "leave":
                self.leavers.add(openid, 0.0)
                return receipts.event(appid, receipts.UNSUBSCRIBED, openid, now)
        raise ActUnknownError("an act is one of accept, refuse, write, tap, follow, scan, leave")

    def _choose(self, appid: str, openid: str, template_id: str, accepts: bool) -> Report:
        """Accept once more, or refuse all for good as in the list of what one gets."""
        template = self._settings.subscription_templates.get(template_id)
        if template is None:
            raise ActUnknownError("there is no such subscription template")
        left = self._granted(appid, openid, template) + 1 if accepts else 0
        self._desk.memory.put(_GRANTS, f"{appid} {openid} {template_id}", str(left))
        entry = [
            ("TemplateId", template_id),
            ("SubscribeStatusString", "accept" if accepts else "reject"),
            *([("PopupScene", 1)] if accepts else []),
        ]
        kind = receipts.ASKED if accepts else receipts.CHANGED
        outer = "SubscribeMsgPopupEvent" if accepts else "SubscribeMsgChangeEvent"
        now = self._desk.clock.now()
        return receipts.event(appid, kind, openid, now, [(outer, [("List", entry)])])

    def _granted(self, appid: str, openid: str, template: SubscriptionTemplate) -> int:
        stored = self._desk.memory.get(_GRANTS, f"{appid} {openid} {template.template_id}")
        return template.granted if stored is None else int(stored)

    def _allow_answers(self, appid: str, openid: str, allowed: tuple[int, float]) -> None:
        """What ends later stays."""
        stored = self._desk.memory.get(_ANSWERS, f"{appid} {openid}")
        now = self._desk.clock.now()
        left, lasting_s = allowed
        before = json.loads(stored) if stored else {"left": 0, "ends": 0.0}
        if before["left"] > 0 and (before["ends"] is None or before["ends"] > now + lasting_s):
            return
        state = {"left": left, "ends": now + lasting_s}
        self._desk.memory.put(_ANSWERS, f"{appid} {openid}", json.dumps(state))
