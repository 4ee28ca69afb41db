"""The push service: a request_id is done once, and what repeats it is dropped."""

from sandbox.carrier import Message
from sandbox.directory import Leavers
from sandbox.faults import Rule
from sandbox.getui import answers, requests
from sandbox.getui.receipts import FAILED, UNKNOWN_USER, GetuiCourier, report
from sandbox.getui.requests import Single
from sandbox.getui.settings import App, GetuiSettings
from sandbox.getui.verify import Tokens, read_json
from sandbox.phone_makers import NOT_SHOWN, PhoneMakers
from sandbox.provider import Call, Desk, Reply
from sandbox.rates import RateWindow

NAME = "getui"
AUTH, PUSH_SINGLE = "auth", "push_single"
_ACTIONS = {"auth": AUTH, "push/single/cid": PUSH_SINGLE, "push/single/batch/cid": PUSH_SINGLE}
IGNORED, OFFLINE = "successed_ignore", "successed_offline"
_DONE, _TASK = "getui.request_id", "getui.task"


class Getui:
    """Getui behind one port: /v2/<app id>/..."""

    name = NAME

    def __init__(self, settings: GetuiSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self._tokens = Tokens(settings, desk.clock, desk.memory)
        self._leavers = Leavers("getui.left", desk.memory, desk.clock)
        self._makers = PhoneMakers("getui.shown", desk, settings.marketing_per_day)
        self.courier = GetuiCourier(settings)
        self._rates = {
            app_id: RateWindow(desk.clock, settings.calls_per_minute, 60.0) for app_id in settings.apps
        }

    def action(self, call: Call) -> str:
        return _ACTIONS.get(_place(call)[1], "unknown")

    def handle(self, call: Call) -> Reply:
        app_id, _ = _place(call)
        app, action = self._settings.apps.get(app_id), self.action(call)
        if app is None or action not in (AUTH, PUSH_SINGLE):
            return answers.error(404, "url not found")
        if action == AUTH:
            return self._tokens.issue(call, app)
        self._tokens.check(call, app)
        if not self._rates[app_id].take():
            raise answers.refuse(answers.RATE, "frequency limit")
        asked = read_json(call)
        many = "msg_list" in asked
        singles = requests.read_batch(asked) if many else [requests.read_single(asked)]
        return self._push(call, app, singles)

    def broken(self, status: int) -> Reply:
        return Reply.json(status, {"code": 50001, "msg": "server error"})

    def throttled(self, rule: Rule) -> Reply:
        return answers.error(answers.RATE, "frequency limit", {"Retry-After": str(rule.retry_after_s)})

    def recipients(self, call: Call) -> int:
        return requests.count_batch(call.body)

    def expire_tokens(self) -> None:
        self._tokens.expire()

    def _push(self, call: Call, app: App, singles: list[Single]) -> Reply:
        """One device that is not the app's refuses all; that is found before anything is sent."""
        if not all(self._settings.devices.knows(each.cid) for each in singles):
            raise answers.refuse(answers.PARAMETER, answers.NO_SUCH_TARGET)
        data: dict[str, dict[str, str]] = {}
        for single in singles:
            task_id, status = self._done(app, single) or self._send(call, app, single)
            data[task_id] = {single.cid: status}
        return answers.success(data)

    def _done(self, app: App, single: Single) -> tuple[str, str] | None:
        first = self._desk.memory.get(_DONE, f"{app.app_id} {single.request_id}")
        if first is None:
            return None
        task_id, _, status = first.partition(" ")
        return task_id, status

    def _send(self, call: Call, app: App, single: Single) -> tuple[str, str]:
        memory = self._desk.memory
        task_id = f"OSS-0611_{memory.next_number(_TASK, 1):032x}"
        status = IGNORED if single.cid in self._settings.inactive else OFFLINE
        if status == OFFLINE:
            self._carry(call, app, single, task_id)
        name = f"{app.app_id} {single.request_id}"
        memory.put(_DONE, name, f"{task_id} {status}", for_s=self._settings.request_id_s)
        return task_id, status

    def _carry(self, call: Call, app: App, single: Single, task_id: str) -> None:
        gone = not self._settings.devices.reachable(single.cid) or self._leavers.holds(single.cid)
        shown = gone or not single.marketing or self._makers.show(app.app_id, single.cid)
        message = Message(
            provider=NAME,
            channel="push",
            account=app.app_id,
            action=PUSH_SINGLE,
            address=single.cid,
            key=single.request_id,
            message_id=task_id,
            topic=app.app_id,
            marketing=single.marketing,
            text=single.text,
            request_digest=call.digest,
            failure=UNKNOWN_USER if gone else FAILED if shown else NOT_SHOWN,
            failed=gone or not shown,
        )
        effect_id, response = self._desk.carrier.send(message)
        self._desk.owe(NAME, effect_id, [report(message, self._desk.clock.now(), response)])
        if response.delivered and response.reply:
            self._leavers.add(single.cid, response.replied_after_s)


def _place(call: Call) -> tuple[str, str]:
    """(app id, what is asked) of /v2/<app id>/<what is asked>."""
    _, _, rest = call.path.partition("/v2/")
    app_id, _, asked = rest.partition("/")
    return app_id, asked
