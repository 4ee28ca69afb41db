"""Mails that come back, posted as they came: delivery reports (RFC 3464) and complaints (RFC 5965)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from sandbox.carrier import Message
from sandbox.provider import Call
from sandbox.reports import Push, Report
from sandbox.responses import Response
from sandbox.smtp.settings import SmtpSettings

RETRY_AFTER_S = (60.0, 300.0, 1_800.0)
BOUNCE, COMPLAINT = "bounce", "complaint"

_BOUNCE = """\
From: MAILER-DAEMON@sandbox.invalid
To: {sender}
Date: {date}
Subject: Delivery Status Notification
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"

--=_report
Content-Type: text/plain; charset=us-ascii

This is the mail system. See below.

--=_report
Content-Type: message/delivery-status

Reporting-MTA: dns; sandbox.invalid
Arrival-Date: {date}

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status}
Last-Attempt-Date: {date}

--=_report
Content-Type: text/rfc822-headers

{header}

--=_report--
"""

_COMPLAINT = """\
From: complaints@sandbox.invalid
To: {sender}
Date: {date}
Subject: Complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=_report"

--=_report
Content-Type: text/plain; charset=us-ascii

Somebody calls this mail spam.

--=_report
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: sandbox/1
Version: 1
Original-Mail-From: {sender}
Original-Rcpt-To: {recipient}
Arrival-Date: {date}

--=_report
Content-Type: message/rfc822

{header}

--=_report--
"""


class SmtpCourier:
    """Each mail that comes back is one post."""

    batch = 1
    retry_after_s: Sequence[float] = RETRY_AFTER_S

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        known = self._settings.accounts.get(account)
        if known is None or not known.receipts_url:
            return None
        template = _BOUNCE if kind == BOUNCE else _COMPLAINT
        body = template.format(**payloads[0]).replace("\n", "\r\n").encode()
        return Push(known.receipts_url, body, {"Content-Type": "message/rfc822"})

    def accepted(self, status: int, body: bytes) -> bool:
        return status == 200


def reports(
    message: Message, call: Call, at_epoch_s: float, response: Response, success: bool
) -> list[Report]:
    """A bounce when it failed, and a complaint of whoever replies anything."""
    owed = []
    if success or not response.delivered:
        status = "2.0.0" if response.delivered else response.failure or message.failure
        action = "delivered" if response.delivered else "failed"
        after_s = response.delivered_after_s
        payload = _payload(message, call, at_epoch_s + after_s, action=action, status=status)
        owed.append(Report(message.account, BOUNCE, after_s, payload))
    if response.delivered and response.reply:
        after_s = response.replied_after_s
        payload = _payload(message, call, at_epoch_s + after_s)
        owed.append(Report(message.account, COMPLAINT, after_s, payload))
    return owed


def _payload(message: Message, call: Call, at_epoch_s: float, **more: str) -> dict[str, object]:
    header = call.body.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
    return {
        "sender": call.headers["mail-from"],
        "recipient": message.address,
        "date": format_datetime(datetime.fromtimestamp(at_epoch_s, UTC)),
        "header": header,
        **more,
    }
