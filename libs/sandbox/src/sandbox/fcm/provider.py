"""The message service: one registration token a call, no memory of what was sent."""

import secrets

from sandbox.carrier import Message
from sandbox.directory import Leavers
from sandbox.faults import Rule
from sandbox.fcm import answers, requests
from sandbox.fcm.requests import Content
from sandbox.fcm.settings import FcmSettings, Project
from sandbox.fcm.verify import Tokens
from sandbox.provider import Call, Desk, Reply
from sandbox.rates import RateWindow
from sandbox.reports import Unreported
from sandbox.screen import Screen

NAME = "fcm"
TOKEN, SEND = "token", "messages:send"


class Fcm:
    """FCM and Google's token endpoint behind one port. What is on a device's screen is replaced by its tag."""

    name = NAME
    courier = Unreported()

    def __init__(self, settings: FcmSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self._tokens = Tokens(settings, desk.clock, desk.memory)
        self._leavers = Leavers("fcm.left", desk.memory, desk.clock)
        self._screen = Screen("fcm.screen", desk)
        self._rates = {
            each: RateWindow(desk.clock, settings.calls_per_minute, 60.0) for each in settings.projects
        }

    def action(self, call: Call) -> str:
        if call.path == "/token":
            return TOKEN
        return SEND if _project_id(call) else "unknown"

    def handle(self, call: Call) -> Reply:
        match self.action(call):
            case "token":
                return self._tokens.issue(call)
            case "messages:send":
                return self._send(call)
        return answers.status("NOT_FOUND", "The requested URL was not found on this server.")

    def broken(self, status: int) -> Reply:
        reply = answers.fcm_error(
            "UNAVAILABLE" if status == 503 else "INTERNAL", "Internal error encountered."
        )
        return Reply(status, reply.body, reply.headers)

    def throttled(self, rule: Rule) -> Reply:
        return answers.fcm_error("QUOTA_EXCEEDED", "Quota exceeded.", rule.retry_after_s)

    def recipients(self, call: Call) -> int:
        return 0

    def expire_tokens(self) -> None:
        self._tokens.expire()

    def _send(self, call: Call) -> Reply:
        project = self._tokens.check(call, _project_id(call))
        rate = self._rates[project.project_id]
        if not rate.take():
            return answers.fcm_error("QUOTA_EXCEEDED", "Quota exceeded.", rate.reset_s)
        content = requests.read_message(call)
        self._check_device(project, content.token)
        name = f"projects/{project.project_id}/messages/0:{secrets.token_hex(16)}"
        self._show(call, project, content, name)
        return Reply.json(200, {"name": name})

    def _check_device(self, project: Project, token: str) -> None:
        settings = self._settings
        if token in settings.foreign:
            raise answers.refuse_message("SENDER_ID_MISMATCH", "SenderId mismatch")
        if not settings.devices.knows(token):
            message = "The registration token is not a valid FCM registration token"
            raise answers.refuse_message("INVALID_ARGUMENT", message)
        if not settings.devices.reachable(token) or self._leavers.holds(token):
            raise answers.refuse_message("UNREGISTERED", "Requested entity was not found.")
        if token in settings.apple and not project.apns_key:
            raise answers.refuse_message("THIRD_PARTY_AUTH_ERROR", "Auth error from APNS or Web Push Service")

    def _show(self, call: Call, project: Project, content: Content, name: str) -> None:
        message = Message(
            provider=NAME,
            channel="push",
            account=project.project_id,
            action=SEND,
            address=content.token,
            key=content.tag,
            message_id=name,
            topic=project.project_id,
            marketing=False,
            text=content.text,
            request_digest=call.digest,
            failure="NOT_DISPLAYED",
        )
        response = self._screen.show(message)
        if response is not None and response.delivered and response.reply:
            self._leavers.add(content.token, response.replied_after_s)


def _project_id(call: Call) -> str:
    """Of POST /v1/projects/<project id>/messages:send, else empty."""
    _, begins, rest = call.path.partition("/v1/projects/")
    project_id, ends, beyond = rest.partition("/messages:send")
    return project_id if begins and ends and not beyond and "/" not in project_id else ""
