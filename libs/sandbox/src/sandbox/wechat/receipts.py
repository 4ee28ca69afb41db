"""Events as WeChat pushes them: XML in plain mode, signed in the query by the account's callback token."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from sandbox.clock import Clock
from sandbox.reports import Push, Report
from sandbox.responses import Response
from sandbox.wechat.settings import WechatSettings

RETRY_AFTER_S = (5.0, 5.0, 5.0)
FINISHED, UNSUBSCRIBED, MASS_FINISHED = "TEMPLATESENDJOBFINISH", "unsubscribe", "MASSSENDJOBFINISH"
ASKED, CHANGED, SENT = "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"
WRITTEN = "text"
"""Not an event: what a person writes."""
Fields = Sequence[tuple[str, object]]
"""Names and values of XML elements; a value is a number, a text, or Fields again."""


def sign(token: str, timestamp: str, nonce: str) -> str:
    """SHA-1 over the three, sorted and joined."""
    return hashlib.sha1(
        "".join(sorted((token, timestamp, nonce))).encode(), usedforsecurity=False
    ).hexdigest()


class WechatCourier:
    """One event per request; any answer of HTTP 200 with "success" or nothing counts as received."""

    batch = 1
    retry_after_s: Sequence[float] = RETRY_AFTER_S

    def __init__(self, settings: WechatSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        known = self._settings.accounts.get(account)
        if known is None or not known.receipts_url:
            return None
        payload = payloads[0]
        timestamp, nonce = str(int(self._clock.now())), str(secrets.randbelow(10**10))
        query = urlencode(
            {
                "signature": sign(known.callback_token, timestamp, nonce),
                "timestamp": timestamp,
                "nonce": nonce,
                "openid": payload["openid"],
            }
        )
        join = "&" if "?" in known.receipts_url else "?"
        body = _body(known.original_id, kind, payload)
        return Push(f"{known.receipts_url}{join}{query}", body, {"Content-Type": "text/xml"})

    def accepted(self, status: int, body: bytes) -> bool:
        return status == 200 and body.strip() in (b"success", b"")


def event(
    account: str, kind: str, openid: str, at_epoch_s: float, fields: Fields = (), *, after_s: float = 0.0
) -> Report:
    """Something to tell the account `after_s` seconds after `at_epoch_s`."""
    payload = {"openid": openid, "created": int(at_epoch_s + after_s), "fields": fields}
    return Report(account, kind, after_s, payload)


def leaving(account: str, openid: str, at_epoch_s: float, response: Response) -> list[Report]:
    """The event of leaving the account, if the person does."""
    if not (response.delivered and response.reply):
        return []
    return [event(account, UNSUBSCRIBED, openid, at_epoch_s, after_s=response.replied_after_s)]


def _body(original_id: str, kind: str, payload: Mapping[str, object]) -> bytes:
    written = kind == WRITTEN
    fields = [
        ("ToUserName", original_id),
        ("FromUserName", payload["openid"]),
        ("CreateTime", payload["created"]),
        ("MsgType", WRITTEN if written else "event"),
        *([] if written else [("Event", kind)]),
        *payload["fields"],  # type: ignore[misc]
    ]
    return f"<xml>\n{_xml(fields)}\n</xml>".encode()


def _xml(fields: Fields) -> str:
    return "\n".join(f"<{name}>{_value(value)}</{name}>" for name, value in fields)


def _value(value: object) -> str:
    if isinstance(value, str):
        return "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return str(value) if isinstance(value, int) else _xml(value)  # type: ignore[arg-type]
