"""Mails that come back, as RFC 3464 and RFC 5965 show them and as mail servers write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from activation.channels.email import bounces
from activation.channels.port import CallbackMalformedError, InboundKind, ReceiptStatus
from activation.channels.wire import Callback
from hypothesis import given
from hypothesis import strategies as st

DOMAIN = "mail.example"
REPORT = """\
Date: Thu, 7 Jul 1994 17:16:05 -0400
From: Mail Delivery Subsystem <MAILER-DAEMON@CS.UTK.EDU>
To: <bounce+0123456789abcdef@back.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
      boundary="RAA14128.773615765/CS.UTK.EDU"

--RAA14128.773615765/CS.UTK.EDU

The original message was received at Thu, 7 Jul 1994 17:15:49 -0400

--RAA14128.773615765/CS.UTK.EDU
content-type: message/delivery-status

Reporting-MTA: dns; cs.utk.edu

{original}Final-Recipient: rfc822;louisl@larry.slip.umd.edu
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 426 connection timed out
{attempt}
--RAA14128.773615765/CS.UTK.EDU
{returned}
--RAA14128.773615765/CS.UTK.EDU--
"""
RETURNED = """\
content-type: message/rfc822

From: news@mail.example
To: A Person <person@mailbox.example>
Message-ID: <0123456789abcdef@mail.example>
Subject: x

y
"""
HEADER = RETURNED.replace("message/rfc822", "text/rfc822-headers").replace("\ny\n", "")
COMPLAINT = """\
From: <abusedesk@example.com>
Date: Thu, 8 Mar 2005 17:40:36 EDT
To: <bounce+0123456789abcdef@back.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1"

--part1
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.

--part1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <user@example.com>
Arrival-Date: Thu, 8 Mar 2005 14:00:00 -0400

--part1
{returned}
--part1--
"""


def post(text: str) -> Callback:
    return Callback("POST", "", {}, text.replace("\n", "\r\n").encode())


def report(action="failed", status="5.1.1", returned=RETURNED, original="", attempt="") -> Callback:
    filled = REPORT.format(
        action=action, status=status, returned=returned, original=original, attempt=attempt
    )
    return post(filled)


@pytest.mark.parametrize("returned", [RETURNED, HEADER])
def test_the_mail_that_came_back_tells_which_it_was(returned):
    (receipt,) = bounces.receipts(report(returned=returned), DOMAIN)
    assert (receipt.message_id, receipt.address) == (
        "0123456789abcdef@mail.example",
        "person@mailbox.example",
    )
    assert (receipt.status, receipt.code, receipt.unreachable) == (ReceiptStatus.FAILED, "5.1.1", True)
    assert receipt.at == datetime(1994, 7, 7, 21, 16, 5, tzinfo=UTC)
    assert bounces.inbound(report(), DOMAIN) == ()
    assert "person" not in repr(receipt)


def test_without_it_the_address_it_came_to_tells():
    nothing = "Content-Type: text/plain\n\n"
    (receipt,) = bounces.receipts(report(returned=nothing), DOMAIN)
    assert (receipt.message_id, receipt.address) == (
        "0123456789abcdef@mail.example",
        "louisl@larry.slip.umd.edu",
    )
    original = "Original-Recipient: rfc822;person@mailbox.example\n"
    (receipt,) = bounces.receipts(report(returned=nothing, original=original), DOMAIN)
    assert receipt.address == "person@mailbox.example"


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("failed", "5.1.1", (ReceiptStatus.FAILED, True)),
        ("Failed", "5.2.2 (mailbox full)", (ReceiptStatus.FAILED, False)),
        ("failed", "4.4.7", (ReceiptStatus.FAILED, False)),
        ("delivered", "2.0.0", (ReceiptStatus.DELIVERED, False)),
        ("delayed", "4.4.1", None),
        ("relayed", "2.0.0", None),
    ],
)
def test_only_what_lasts_is_a_receipt(action, status, expected):
    said = [(each.status, each.unreachable) for each in bounces.receipts(report(action, status), DOMAIN)]
    assert said == ([] if expected is None else [expected])


def test_a_repeated_report_has_the_same_key_and_the_last_attempt_is_when_it_failed():
    attempt = "Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400\n"
    first, again = (bounces.receipts(report(attempt=each), DOMAIN)[0] for each in ("", attempt))
    assert first.dedupe_key == again.dedupe_key
    assert again.at == datetime(1994, 7, 7, 17, 15, 49, tzinfo=timezone(timedelta(hours=-4)))
    (delivered,) = bounces.receipts(report("delivered", "2.0.0"), DOMAIN)
    assert delivered.dedupe_key != first.dedupe_key


@pytest.mark.parametrize("kind", ["abuse", "Fraud", "opt-out"])
def test_a_complaint_is_an_opt_out(kind):
    (complaint,) = bounces.inbound(post(COMPLAINT.format(kind=kind, returned=RETURNED)), DOMAIN)
    assert (complaint.kind, complaint.address) == (InboundKind.OPT_OUT, "person@mailbox.example")
    assert complaint.message_id == "0123456789abcdef@mail.example"
    assert complaint.at == datetime(2005, 3, 8, 18, tzinfo=UTC)
    assert bounces.receipts(post(COMPLAINT.format(kind=kind, returned=RETURNED)), DOMAIN) == ()


def test_a_complaint_without_the_mail_names_its_recipient():
    nothing = "Content-Type: text/plain\n\n"
    (complaint,) = bounces.inbound(post(COMPLAINT.format(kind="abuse", returned=nothing)), DOMAIN)
    assert complaint.address == "user@example.com"
    assert bounces.inbound(post(COMPLAINT.format(kind="not-spam", returned=nothing)), DOMAIN) == ()


def test_what_names_no_mail_of_ours_speaks_for_nobody():
    nothing = "Content-Type: text/plain\n\n"
    bounce = report(returned=nothing).body
    complaint = post(COMPLAINT.format(kind="abuse", returned=nothing)).body
    for forged in (bounce, complaint):
        callback = Callback("POST", "", {}, forged.replace(b"bounce+0123456789abcdef@", b"bounce@"))
        assert bounces.receipts(callback, DOMAIN) == ()
        assert bounces.inbound(callback, DOMAIN) == ()


@pytest.mark.parametrize(
    "text", ["Subject: back in June\n\nI am away.\n", "", "Content-Type: multipart/report\n\n"]
)
def test_a_mail_that_reports_nothing_says_nothing(text):
    assert bounces.receipts(post(text), DOMAIN) == ()
    assert bounces.inbound(post(text), DOMAIN) == ()


@pytest.mark.parametrize(
    "callback",
    [
        report().body.replace(b"Date: Thu, 7 Jul 1994 17:16:05 -0400", b"Date: someday"),
        report().body.replace(b"message/delivery-status", b"text/plain"),
        b"x" * (1024 * 1024 + 1),
    ],
    ids=["no time", "no fields", "too long"],
)
def test_a_report_that_cannot_be_read_is_malformed(callback):
    with pytest.raises(CallbackMalformedError):
        bounces.receipts(Callback("POST", "", {}, callback), DOMAIN)


LINES = (report().body + post(COMPLAINT.format(kind="abuse", returned=RETURNED)).body).split(b"\r\n")


@given(
    kept=st.lists(st.sampled_from(LINES) | st.binary(max_size=30), max_size=40),
    kind=st.sampled_from(["delivery-status", "feedback-report"]),
    boundary=st.sampled_from(["part1", "RAA14128.773615765/CS.UTK.EDU"]),
)
def test_whatever_comes_back_is_read_or_malformed(kept, kind, boundary):
    head = f'Content-Type: multipart/report; report-type={kind}; boundary="{boundary}"'.encode()
    callback = Callback("POST", "", {}, b"\r\n".join([head, b"", *kept]))
    for read in (bounces.receipts, bounces.inbound):
        try:
            read(callback, DOMAIN)
        except CallbackMalformedError:
            continue
