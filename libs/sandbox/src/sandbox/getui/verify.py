"""Who is asking: tokens for a signature over key, time and secret."""

import hashlib
import json
import secrets

from sandbox.clock import Clock
from sandbox.getui.answers import AUTH_RATE, BLACKLISTED, PARAMETER, TOKEN, refuse, success
from sandbox.getui.settings import App, GetuiSettings
from sandbox.memory import Memory
from sandbox.provider import Call, Reply
from sandbox.rates import RateWindow

SKEW_S = 600.0
"""Getui says only that a timestamp that is far off may fail."""
AUTHS_PER_MINUTE = 100
_VALID = "getui.token"


class Tokens:
    """Issues and checks tokens; they survive a restart, and a new one does not end the old."""

    def __init__(self, settings: GetuiSettings, clock: Clock, memory: Memory) -> None:
        self._settings = settings
        self._clock = clock
        self._memory = memory
        self._rates = {app_id: RateWindow(clock, AUTHS_PER_MINUTE, 60.0) for app_id in settings.apps}

    def issue(self, call: Call, app: App) -> Reply:
        """POST /auth."""
        if not self._rates[app.app_id].take():
            raise refuse(AUTH_RATE, "auth frequency limit")
        asked = read_json(call)
        stamp = asked.get("timestamp")
        if asked.get("appkey") != app.app_key:
            raise refuse(PARAMETER, "appkey is invalid")
        if not isinstance(stamp, str) or not (stamp.isascii() and stamp.isdigit() and len(stamp) == 13):
            raise refuse(PARAMETER, "timestamp is invalid")
        if abs(int(stamp) / 1000 - self._clock.now()) > SKEW_S:
            raise refuse(PARAMETER, "timestamp is invalid")
        expected = hashlib.sha256(f"{app.app_key}{stamp}{app.master_secret}".encode()).hexdigest()
        if not secrets.compare_digest(str(asked.get("sign")).encode(), expected.encode()):
            raise refuse(PARAMETER, "sign is invalid")
        if app.blacklisted:
            raise refuse(BLACKLISTED, "appId in blacklist")
        token = secrets.token_hex(32)
        ends = self._clock.now() + self._settings.token_s
        self._memory.put(_VALID, f"{app.app_id} {token}", for_s=self._settings.token_s)
        return success({"token": token, "expire_time": str(int(ends * 1000))})

    def check(self, call: Call, app: App) -> None:
        """Refuse a call whose token is not one of this app's, or has ended."""
        token = call.headers.get("token", "")
        if not token or self._memory.get(_VALID, f"{app.app_id} {token}") is None:
            raise refuse(TOKEN, "token is invalid")

    def expire(self) -> None:
        """End every token at once."""
        self._memory.forget_all(_VALID)


def read_json(call: Call) -> dict[str, object]:
    """The body as a JSON object, or a refusal."""
    if call.method != "POST":
        raise refuse(405, "method not allowed")
    try:
        content = json.loads(call.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise refuse(1, "the body is not a JSON object")
    return content
