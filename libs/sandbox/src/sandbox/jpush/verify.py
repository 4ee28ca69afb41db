"""Basic authorisation by appKey and masterSecret, and the pool of cids."""

import base64
import binascii
import json
import secrets
import uuid
from collections.abc import Mapping

from sandbox.jpush.answers import refuse
from sandbox.jpush.settings import App
from sandbox.memory import Memory
from sandbox.provider import Call, Reply

CID_S = 86_400.0
POOL_MAX, POOL_MAX_FREE = 1_000, 10
_ISSUED, _USED = "jpush.cid", "jpush.cid_used"


def verify(call: Call, apps: Mapping[str, App]) -> App:
    """The app that the call is authorised for, or a refusal with 1004."""
    kind, _, encoded = call.headers.get("authorization", "").partition(" ")
    try:
        app_key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise refuse(1004, "Authorization must be Basic base64(appKey:masterSecret)") from None
    app = apps.get(app_key)
    if kind != "Basic" or app is None:
        raise refuse(1004, "Authen failed")
    if not secrets.compare_digest(secret.encode(), app.master_secret.encode()):
        raise refuse(1004, "Authen failed")
    if app.banned:
        raise refuse(2003, "The appKey is in black list.")
    return app


class CidPool:
    """Hands out cids and remembers for a day what each was used for."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def issue(self, call: Call, app: App) -> Reply:
        """GET /v3/push/cid: for the free plan a count above 10 counts as 10."""
        text = call.query.get("count", "1")
        if not text.isdecimal() or not 1 <= int(text) <= POOL_MAX:
            raise refuse(1003, f"count must be from 1 to {POOL_MAX}")
        wanted = int(text) if app.vip else min(int(text), POOL_MAX_FREE)
        cids = [f"{app.app_key}-{uuid.uuid4()}" for _ in range(wanted)]
        self._memory.put_all(_ISSUED, [(cid, app.app_key) for cid in cids], for_s=CID_S)
        return Reply.json(200, {"cidlist": cids})

    def issued(self, app: App, cid: str) -> bool:
        """Whether the cid came from this app's pool within the last day."""
        return self._memory.get(_ISSUED, cid) == app.app_key

    def first(self, cid: str) -> str | None:
        """The msg_id of the first successful push with this cid."""
        return self._memory.get(_USED, cid)

    def use(self, cid: str, msg_id: str) -> None:
        self._memory.put(_USED, cid, msg_id, for_s=CID_S)


def read_json(call: Call) -> dict[str, object]:
    """The body as a JSON object, or a refusal."""
    if call.method != "POST":
        raise refuse(1001, "only POST is supported")
    try:
        content = json.loads(call.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise refuse(1003, "the body must be a JSON object")
    return content
