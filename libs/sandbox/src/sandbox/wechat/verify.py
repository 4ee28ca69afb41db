"""Access tokens as stable_token hands them out: one that stays, renewed shortly before it ends."""

import json
import secrets

from sandbox.clock import Clock
from sandbox.memory import Memory
from sandbox.provider import Call, Reply
from sandbox.wechat.answers import refuse
from sandbox.wechat.settings import Account, WechatSettings

OVERLAP_S = 300.0
"""A new token is given so long before the old one ends; both are valid meanwhile."""
FORCED_A_DAY = 20
FORCED_GAP_S = 30.0
DAY_S = 86_400.0
KEPT_AFTER_EXPIRY_S = 86_400.0
_VALID, _CURRENT, _FORCED = "wechat.token", "wechat.current_token", "wechat.forced"


class Tokens:
    """Issues and checks access tokens; they survive a restart."""

    def __init__(self, settings: WechatSettings, clock: Clock, memory: Memory) -> None:
        self._settings = settings
        self._clock = clock
        self._memory = memory

    def issue(self, call: Call) -> Reply:
        """POST /cgi-bin/stable_token."""
        asked = read_json(call)
        if asked.get("grant_type") != "client_credential":
            raise refuse(40002)
        account = self._settings.accounts.get(str(asked.get("appid")))
        if account is None:
            raise refuse(40013)
        if not secrets.compare_digest(str(asked.get("secret")).encode(), account.secret.encode()):
            raise refuse(40125)
        if asked.get("force_refresh") is True:
            self._check_forced(account)
            self._end(account)
        token, ends = self._current(account)
        left_s = int(ends - self._clock.now())
        return Reply.json(200, {"access_token": token, "expires_in": left_s})

    def account(self, call: Call) -> Account:
        """The account whose token the call carries, or a refusal."""
        token = call.query.get("access_token", "")
        if not token:
            raise refuse(41001)
        entry = self._memory.get(_VALID, token)
        if entry is None:
            raise refuse(40001)
        appid, _, ends = entry.partition(" ")
        if float(ends) <= self._clock.now():
            raise refuse(42001)
        return self._settings.accounts[appid]

    def expire(self) -> None:
        """End every token at once."""
        for account in self._settings.accounts.values():
            self._end(account)

    def _current(self, account: Account) -> tuple[str, float]:
        now = self._clock.now()
        token, _, ends = (self._memory.get(_CURRENT, account.appid) or " 0").partition(" ")
        if token and float(ends) - now > min(OVERLAP_S, self._settings.token_s / 2):
            return token, float(ends)
        fresh, fresh_ends = secrets.token_urlsafe(48), now + self._settings.token_s
        kept_s = self._settings.token_s + KEPT_AFTER_EXPIRY_S
        self._memory.put(_VALID, fresh, f"{account.appid} {fresh_ends}", for_s=kept_s)
        self._memory.put(_CURRENT, account.appid, f"{fresh} {fresh_ends}", for_s=kept_s)
        return fresh, fresh_ends

    def _end(self, account: Account) -> None:
        token, _, _ = (self._memory.get(_CURRENT, account.appid) or " 0").partition(" ")
        if token:
            self._memory.put(_VALID, token, f"{account.appid} 0", for_s=KEPT_AFTER_EXPIRY_S)
        self._memory.forget(_CURRENT, account.appid)

    def _check_forced(self, account: Account) -> None:
        """At most 20 forced renewals in 24 hours, at least 30 seconds apart."""
        now = self._clock.now()
        times = json.loads(self._memory.get(_FORCED, account.appid) or "[]")
        recent = [at for at in times if at > now - DAY_S]
        if len(recent) >= FORCED_A_DAY:
            raise refuse(45009)
        if recent and now - recent[-1] < FORCED_GAP_S:
            raise refuse(45011)
        self._memory.put(_FORCED, account.appid, json.dumps([*recent, now]), for_s=DAY_S)


def read_json(call: Call) -> dict[str, object]:
    """The body as a JSON object, or a refusal."""
    if call.method != "POST":
        raise refuse(43002)
    try:
        content = json.loads(call.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise refuse(47001)
    return content
