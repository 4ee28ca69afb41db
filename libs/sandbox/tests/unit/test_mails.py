"""The reader of mails: what it takes, what it refuses, and that nothing else comes of any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.provider import Refusal
from sandbox.smtp.verify import read_mail

FIELDS = {
    "From": "a@b.example",
    "To": "c@d.example",
    "Subject": "=?utf-8?B?56S8?=\r\n =?utf-8?B?54mp?=",
    "Date": "Thu, 11 Jun 2026 04:00:00 +0000",
    "Message-ID": "<d1@b.example>",
    "MIME-Version": "1.0",
    "List-Unsubscribe": "<mailto:x@b.example>, <https://go.example/u>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "Content-Type": 'multipart/alternative; boundary="b1"',
}
BODY = (
    "--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n5oKo5aW9DQo=\r\n"
    "--b1\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b1--\r\n"
)


def mail(body: str = BODY, **changed: str | None) -> bytes:
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    fields = {name: value for name, value in (FIELDS | named).items() if value is not None}
    return (
        "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n" + body.encode()
    )


def test_a_mail_is_read_as_a_person_sees_it():
    read = read_mail(mail(), {})
    assert (read.message_id, read.key, read.subject, read.text) == ("d1@b.example", "d1", "礼物", "您好")
    assert read.marketing
    assert "您好" not in repr(read)


@pytest.mark.parametrize(
    ("kind", "encoding", "body", "text"),
    [
        ("text/plain", None, "one\r\ntwo\r\n", "one\ntwo"),
        ("text/plain; charset=utf-8", "quoted-printable", "=E6=82=A8=\r\n=E5=A5=BD", "您好"),
        (None, None, "bare", "bare"),
    ],
)
def test_plain_mails(kind, encoding, body, text):
    content = mail(body, Content_Type=kind, Content_Transfer_Encoding=encoding, List_Unsubscribe_Post=None)
    read = read_mail(content, {})
    assert (read.text, read.marketing) == (text, False)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (mail(Date=None), b"5.6.0"),
        (mail(Date="soon"), b"5.6.0"),
        (mail(Subject="x\r\nsubject: y"), b"5.6.0"),
        (mail(Message_ID="d1@b.example"), b"5.6.0"),
        (mail(Content_Type="text/html"), b"5.6.0"),
        (mail(Content_Type="multipart/mixed"), b"5.6.0"),
        (mail(BODY.replace("--b1--", "")), b"5.6.0"),
        (mail("x" * 999, Content_Type=None), b"5.6.0"),
        (mail("礼", Content_Type=None), b"5.6.0"),
        (mail(List_Unsubscribe=None), b"5.7.1"),
        (mail(List_Unsubscribe="<http://go.example/u>"), b"5.7.1"),
        (mail(List_Unsubscribe_Post="yes"), b"5.7.1"),
        (mail(), b"5.7.20"),
        (mail(DKIM_Signature="v=1; nonsense"), b"5.7.20"),
    ],
)
def test_what_is_refused(content, code):
    keys = {"s._domainkey.b.example": "v=DKIM1; p="} if code == b"5.7.20" else {}
    with pytest.raises(Refusal) as raised:
        read_mail(content, keys)
    assert raised.value.reply.body.startswith(code)


@given(
    changed=st.dictionaries(
        st.sampled_from(sorted(FIELDS)),
        st.none() | st.text(st.characters(codec="ascii"), max_size=40),
        max_size=3,
    ),
    body=st.just(BODY) | st.text(max_size=60),
)
def test_any_mail_is_read_or_refused(changed, body):
    for keys in ({}, {"s._domainkey.b.example": "v=DKIM1; p="}):
        try:
            read_mail(mail(body, **changed), keys)
        except Refusal:
            continue


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with pytest.raises(Refusal):
        read_mail(content, {})
