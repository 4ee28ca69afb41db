"""The push service: cids from its own pool, each pushed once."""

import json
from dataclasses import dataclass

from sandbox.carrier import Message
from sandbox.directory import Leavers
from sandbox.faults import Rule
from sandbox.jpush import answers, requests
from sandbox.jpush.receipts import JpushCourier, reports, unknown_target
from sandbox.jpush.requests import Content
from sandbox.jpush.settings import App, JpushSettings
from sandbox.jpush.verify import CidPool, read_json, verify
from sandbox.phone_makers import NOT_SHOWN, PhoneMakers
from sandbox.provider import Call, Desk, Refusal, Reply
from sandbox.rates import RateWindow

NAME = "jpush"
FIRST_MSG_ID = 20_266_000_000_001
_ACTIONS = {
    "/v3/push/cid": "cid",
    "/v3/push": "push",
    "/v3/push/batch/regid/single": "batch_regid_single",
}


@dataclass(frozen=True, slots=True)
class _Origin:
    """The request that a push came in."""

    app_key: str
    action: str
    digest: str
    cid: str


class Jpush:
    """JPush behind one port. A cid that was pushed answers with the first result and pushes nothing."""

    name = NAME

    def __init__(self, settings: JpushSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self._cids = CidPool(desk.memory)
        self._leavers = Leavers("jpush.left", desk.memory, desk.clock)
        self._makers = PhoneMakers("jpush.shown", desk, settings.marketing_per_day)
        self.courier = JpushCourier(settings)
        self._rates = {
            app_key: RateWindow(desk.clock, settings.calls_per_minute, 60.0) for app_key in settings.apps
        }

    def action(self, call: Call) -> str:
        return _ACTIONS.get(call.path, "unknown")

    def handle(self, call: Call) -> Reply:
        app = verify(call, self._settings.apps)
        rate = self._rates[app.app_key]
        allowed = rate.take()
        headers = {
            "X-Rate-Limit-Quota": str(rate.limit),
            "X-Rate-Limit-Remaining": str(rate.remaining),
            "X-Rate-Limit-Reset": str(rate.reset_s),
        }
        reply = self._serve(call, app) if allowed else answers.error(2002, "Rate limit exceeded")
        return Reply(reply.status, reply.body, {**reply.headers, **headers})

    def broken(self, status: int) -> Reply:
        return Reply.json(status, answers.failed(1030 if status == 503 else 1000, "Internal error"))

    def throttled(self, rule: Rule) -> Reply:
        headers = {"Retry-After": str(rule.retry_after_s), "X-Rate-Limit-Reset": str(rule.retry_after_s)}
        return answers.error(2002, "Rate limit exceeded", headers)

    def recipients(self, call: Call) -> int:
        return requests.count_batch(call.body)

    def expire_tokens(self) -> None:
        """The master secret does not expire."""

    def _serve(self, call: Call, app: App) -> Reply:
        try:
            match self.action(call):
                case "cid":
                    return self._cids.issue(call, app)
                case "push":
                    return self._push(call, app)
                case "batch_regid_single":
                    return self._push_batch(call, app)
        except Refusal as refusal:
            return refusal.reply
        return Reply(404, b"", {})

    def _push(self, call: Call, app: App) -> Reply:
        asked = read_json(call)
        content = requests.read_content(asked)
        ids = requests.registration_ids(asked)
        cid = asked.get("cid", "")
        sendno = _sendno(asked)
        if cid and (not isinstance(cid, str) or not self._cids.issued(app, cid)):
            raise answers.refuse(1003, "cid is not from the pool of this app, or older than a day")
        if cid and (first := self._cids.first(str(cid))) is not None:
            return Reply.json(200, {"sendno": sendno, "msg_id": first})
        known = [each for each in ids if self._settings.devices.knows(each)]
        if not known:
            raise answers.refuse(1011, "cannot find user by this audience")
        msg_id = self._next_msg_id()
        origin = _Origin(app.app_key, self.action(call), call.digest, str(cid))
        for registration_id in known:
            self._send(origin, content, msg_id, registration_id)
        for registration_id in set(ids) - set(known):
            self._desk.owe(
                NAME,
                f"{msg_id} {registration_id}",
                [unknown_target(app.app_key, msg_id, registration_id, self._desk.clock.now())],
            )
        if cid:
            self._cids.use(str(cid), msg_id)
        return Reply.json(200, {"sendno": sendno, "msg_id": msg_id})

    def _push_batch(self, call: Call, app: App) -> Reply:
        if not app.vip:
            raise answers.refuse(2006, "the interface is for VIP apps only")
        pushes = requests.push_list(read_json(call))
        action, digest = self.action(call), call.digest
        entries = {}
        for cid, asked in pushes.items():
            entries[cid] = self._push_single(app, _Origin(app.app_key, action, digest, cid), asked)
        return Reply.json(200, entries)

    def _push_single(self, app: App, origin: "_Origin", asked: dict[str, object]) -> dict[str, object]:
        """One entry of a batch; an error concerns this entry alone."""
        target, cid = asked.get("target"), origin.cid
        if not self._cids.issued(app, cid):
            return answers.failed(1003, "cid is not from the pool of this app, or older than a day")
        if (first := self._cids.first(cid)) is not None:
            return {"msg_id": first}
        if not isinstance(target, str) or not target:
            return answers.failed(1002, "target is required")
        try:
            content = requests.read_content(asked)
        except Refusal as refusal:
            return dict(json.loads(refusal.reply.body))
        if not self._settings.devices.knows(target):
            return answers.failed(1011, "cannot find user by this audience")
        msg_id = self._next_msg_id()
        self._send(origin, content, msg_id, target)
        self._cids.use(cid, msg_id)
        return {"msg_id": msg_id}

    def _send(self, origin: "_Origin", content: Content, msg_id: str, registration_id: str) -> None:
        gone = not self._settings.devices.reachable(registration_id) or self._leavers.holds(registration_id)
        shown = gone or not content.marketing or self._makers.show(origin.app_key, registration_id)
        message = Message(
            provider=NAME,
            channel="push",
            account=origin.app_key,
            action=origin.action,
            address=registration_id,
            key=origin.cid,
            message_id=msg_id,
            topic=origin.app_key,
            marketing=content.marketing,
            text=content.text,
            request_digest=origin.digest,
            failure="not_delivered" if shown else NOT_SHOWN,
            failed=gone or not shown,
        )
        effect_id, response = self._desk.carrier.send(message)
        self._desk.owe(NAME, effect_id, reports(message, self._desk.clock.now(), response))
        if response.delivered and response.reply:
            self._leavers.add(registration_id, response.replied_after_s)

    def _next_msg_id(self) -> str:
        return str(self._desk.memory.next_number("jpush.msg_id", FIRST_MSG_ID))


def _sendno(asked: dict[str, object]) -> str:
    options = asked.get("options")
    return str(options.get("sendno", 0)) if isinstance(options, dict) else "0"
