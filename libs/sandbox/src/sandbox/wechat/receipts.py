"""Events as WeChat pushes them: XML in plain mode, signed in the query by the account's callback token."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from sandbox.carrier import Message
from sandbox.clock import Clock
from sandbox.reports import Push, Report
from sandbox.responses import Response
from sandbox.wechat.settings import WechatSettings

RETRY_AFTER_S = (5.0, 5.0, 5.0)
FINISHED, UNSUBSCRIBED = "TEMPLATESENDJOBFINISH", "unsubscribe"


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
        body = _xml(known.original_id, kind, payload)
        return Push(f"{known.receipts_url}{join}{query}", body, {"Content-Type": "text/xml"})

    def accepted(self, status: int, body: bytes) -> bool:
        return status == 200 and body.strip() in (b"success", b"")


def reports(message: Message, msgid: int, at_epoch_s: float, response: Response) -> list[Report]:
    """The end of the sending, and the event of leaving if the person does."""
    status = "success" if response.delivered else response.failure or message.failure
    finished = {
        "openid": message.address,
        "created": int(at_epoch_s + response.delivered_after_s),
        "msgid": msgid,
        "status": status,
    }
    owed = [Report(message.account, FINISHED, response.delivered_after_s, finished)]
    if response.delivered and response.reply:
        left = {"openid": message.address, "created": int(at_epoch_s + response.replied_after_s)}
        owed.append(Report(message.account, UNSUBSCRIBED, response.replied_after_s, left))
    return owed


def _xml(original_id: str, kind: str, payload: Mapping[str, object]) -> bytes:
    lines = [
        f"<ToUserName><![CDATA[{original_id}]]></ToUserName>",
        f"<FromUserName><![CDATA[{payload['openid']}]]></FromUserName>",
        f"<CreateTime>{payload['created']}</CreateTime>",
        "<MsgType><![CDATA[event]]></MsgType>",
        f"<Event><![CDATA[{kind}]]></Event>",
    ]
    if kind == FINISHED:
        lines += [f"<MsgID>{payload['msgid']}</MsgID>", f"<Status><![CDATA[{payload['status']}]]></Status>"]
    return "\n".join(["<xml>", *lines, "</xml>"]).encode()
