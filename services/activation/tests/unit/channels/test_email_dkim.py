"""Our DKIM signatures before dkimpy, which checks them as a receiver does."""

import base64

import dkim
import pytest
from activation.channels.email.dkim import DkimSigner
from activation.channels.email.mime import Sender, Skeleton
from activation.channels.email.templates import MailTemplate
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

DATE = b"Date: Thu, 11 Jun 2026 04:00:00 +0000\r\n"
SENDER = Sender("华象商城 <news@mail.example>")


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65_537, 1_024)


@pytest.fixture(scope="module")
def holds(key):
    """Whether a receiver that knows our public key takes the signature."""
    raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(raw)
    records = {b"s1._domainkey.mail.example.": record}
    return lambda content: dkim.verify(content, dnsfunc=lambda name, **_: records.get(name))


@pytest.fixture(scope="module")
def signer(key) -> DkimSigner:
    return DkimSigner("mail.example", "s1", pem(key))


def mail(subject: str, text: str, html: str = "", url: str = "https://go.example/u") -> bytes:
    skeleton = Skeleton(MailTemplate(subject, text, html), SENDER, {"unsubscribe_url": url}, marketing=True)
    return DATE + skeleton.mail("a@b.example", "d1", {})


@given(
    subject=st.text(max_size=120),
    text=st.text(st.characters(codec="utf-8"), max_size=80),
    markup=st.booleans(),
)
def test_every_mail_of_ours_is_signed_as_receivers_check_it(signer, holds, subject, text, markup):
    content = mail(subject.replace("$", ""), text.replace("$", ""), "<p>" if markup else "")
    assert holds(signer.header(content, 1_781_150_400) + content)


def test_what_is_changed_on_the_way_is_found_out(signer, holds):
    content = mail("礼物", "您好")
    header = signer.header(content, 1_781_150_400)
    for old, new in (
        (b"https://go.example/u", b"https://go.evil.example/u"),
        (b"One-Click", b"Two-Clicks"),
        (b"a@b.example", b"c@b.example"),
        (b"11 Jun", b"12 Jun"),
        (b"5oKo", b"5oKp"),
    ):
        assert old in content
        assert not holds(header + content.replace(old, new))


def test_the_header_may_be_folded_and_spaced_anew(signer, holds):
    content = mail("礼物" * 30, "您好")
    folded = content.replace(b"\r\n =?utf-8?B?", b"\r\n\t =?utf-8?B?").replace(b"To: ", b"to:\r\n  ")
    assert folded != content
    assert holds(signer.header(content, 1_781_150_400) + folded)


@pytest.mark.parametrize("spoilt", ["", "secret-value", pem(ec.generate_private_key(ec.SECP256R1()))])
def test_a_key_that_cannot_sign_is_refused_unshown(spoilt):
    with pytest.raises(ValueError, match="dkim_key") as raised:
        DkimSigner("mail.example", "s1", spoilt)
    assert "secret" not in str(raised.value)


def test_names_that_dns_does_not_know_are_refused(key):
    for domain, selector in (("mail.example", "s 1"), ("mail.example;", "s1"), ("", "s1")):
        with pytest.raises(ValueError, match="dkim_selector"):
            DkimSigner(domain, selector, pem(key))
