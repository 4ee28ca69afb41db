"""The official account platform: tokens, and the four ways to send a message."""

from collections.abc import Mapping

from sandbox.faults import Rule
from sandbox.provider import Call, Desk, Reply
from sandbox.rates import RateWindow
from sandbox.wechat import answers
from sandbox.wechat.mass import Mass
from sandbox.wechat.people import People
from sandbox.wechat.receipts import WechatCourier
from sandbox.wechat.settings import WechatSettings
from sandbox.wechat.single import NAME, Singles
from sandbox.wechat.verify import Tokens, read_json

_ACTIONS = {
    "/cgi-bin/stable_token": "stable_token",
    "/cgi-bin/message/template/send": "template_send",
    "/cgi-bin/message/subscribe/bizsend": "subscribe_bizsend",
    "/cgi-bin/message/custom/send": "custom_send",
    "/cgi-bin/message/mass/send": "mass_send",
}


class Wechat:
    """WeChat behind one port."""

    name = NAME

    def __init__(self, settings: WechatSettings, desk: Desk) -> None:
        self._desk = desk
        self._tokens = Tokens(settings, desk.clock, desk.memory)
        self._people = People(settings, desk)
        self._singles = Singles(settings, desk, self._people)
        self._mass = Mass(settings, desk, self._people)
        self._rate = RateWindow(desk.clock, settings.calls_per_minute, 60.0)
        self.courier = WechatCourier(settings, desk.clock)

    def action(self, call: Call) -> str:
        return _ACTIONS.get(call.path, "unknown")

    def handle(self, call: Call) -> Reply:
        action = self.action(call)
        if action == "unknown":
            return Reply(404, b"404 page not found", {"Content-Type": "text/plain"})
        if action == "stable_token":
            return self._tokens.issue(call)
        account = self._tokens.account(call)
        if not self._rate.take():
            raise answers.refuse(45011)
        asked = read_json(call)
        match action:
            case "template_send":
                return self._singles.template(call, account, asked)
            case "subscribe_bizsend":
                return self._singles.subscription(call, account, asked)
            case "custom_send":
                return self._singles.answer(call, account, asked)
        return self._mass.send(call, account, asked)

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

    def act(self, asked: Mapping[str, object]) -> None:
        """See People.act."""
        report = self._people.act(asked)
        self._desk.owe(NAME, self._desk.memory.next_number("wechat.act", 1), [report])
