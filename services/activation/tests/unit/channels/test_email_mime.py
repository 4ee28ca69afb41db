"""Mails as they are written, read again by Python's own reader."""

from email import message_from_bytes, policy

import pytest
from activation.channels.email import batch_smtp
from activation.channels.email.batch_smtp import Mail
from activation.channels.email.mime import ADDRESS, MissingValueError, Sender, Skeleton, encoded
from activation.channels.email.templates import MailTemplate, Text, read_templates
from hypothesis import given
from hypothesis import strategies as st

SENDER = Sender("华象商城 <news@mail.example>")
TEMPLATE = MailTemplate("${name}的礼物", "您好${name}：\n.点\n${gift}", "<p>${name}：${gift}</p>")
words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60)


def skeleton(template: MailTemplate = TEMPLATE, *, marketing: bool = False, **parameters: str) -> Skeleton:
    return Skeleton(template, SENDER, parameters, marketing=marketing)


def parsed(content: bytes):
    mail = message_from_bytes(content, policy=policy.default)
    assert mail.defects == []
    return mail


def test_a_mail_is_what_the_template_says():
    url = "https://go.example/u/abc"
    mail = parsed(
        skeleton(marketing=True, gift="<茶>").mail(
            "a@b.example", "d1", {"name": "王", "unsubscribe_url": url}
        )
    )
    assert {name: str(mail[name]) for name in mail if name != "Content-Type"} == {
        "From": "华象商城 <news@mail.example>",
        "To": "a@b.example",
        "Subject": "王的礼物",
        "Message-ID": "<d1@mail.example>",
        "MIME-Version": "1.0",
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    plain, markup = (mail.get_body(preferencelist=(kind,)).get_content() for kind in ("plain", "html"))
    assert plain.replace("\r\n", "\n") == "您好王：\n.点\n<茶>\n"
    assert markup.strip() == "<p>王：&lt;茶&gt;</p>"


def test_the_field_that_unsubscribes_stays_on_one_line():
    url = "https://go.example/" + "u" * 880
    content = skeleton(marketing=True, gift="").mail(
        "a@b.example", "d1", {"name": "", "unsubscribe_url": url}
    )
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in content


@given(name=words, gift=words)
def test_any_words_cross_the_wire_as_they_are(name, gift):
    content = skeleton(gift="x").mail("a@b.example", "d1", {"name": name, "gift": gift})
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    mail = Mail(b"back@b.example", b"a@b.example", content)
    assert batch_smtp.read(batch_smtp.write([mail, mail])) == [mail, mail]
    plain = parsed(content).get_body(preferencelist=("plain",)).get_content()
    said = f"您好{name}：\n.点\n{gift}"
    assert plain.replace("\r\n", "\n") == (said if said.endswith("\n") else said + "\n")


def test_recipients_own_values_win_and_others_keep_the_messages():
    made = skeleton(name="各位", gift="茶")
    texts = [
        parsed(made.mail("a@b.example", "d1", own)).get_body(preferencelist=("plain",)).get_content()
        for own in ({}, {"gift": "酒"}, {})
    ]
    assert ["茶" in text for text in texts] == [True, False, True]


def test_what_nobody_gives_is_missed_and_values_are_not_looked_at_again():
    made = skeleton(gift="${name}")
    assert made.missing({}) == ["name"]
    with pytest.raises(MissingValueError, match="name"):
        made.mail("a@b.example", "d1", {})
    assert Text("${a}-${b}").fill({"a": "${b}", "b": "<>"}) == "${b}-<>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello", b"Hello"),
        ("a\r\nBcc: x@y.example", b"a Bcc: x@y.example"),
        ("=?utf-8?B?YQ==?=", b"=?utf-8?B?PT91dGYtOD9CP1lRPT0/PQ==?="),
        ("礼物", b"=?utf-8?B?56S854mp?="),
        ("", b""),
    ],
)
def test_header_texts(text, expected):
    assert encoded(text) == expected


def test_a_long_subject_is_folded_between_letters():
    subject = "您的包裹已到店" * 20
    content = skeleton(MailTemplate(subject, "x")).mail("a@b.example", "d1", {})
    assert str(parsed(content)["Subject"]) == subject
    assert max(map(len, content.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("address", ["a@b", "a+b@c.example", "o'neil@x-y.example", "a" * 64 + "@b.example"])
def test_addresses(address):
    assert ADDRESS.fullmatch(address)


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b", "a@b@c", "a b@c", "a@b>\r\nRCPT TO:<c@d", "é@b", "a" * 65 + "@b", "a@" + "b" * 260],
)
def test_no_addresses(address):
    assert not ADDRESS.fullmatch(address)


@pytest.mark.parametrize("batch", [b"x", b"MAIL FROM:<a>\r\n", b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx"])
def test_a_batch_that_is_cut_is_refused(batch):
    with pytest.raises(ValueError, match=r"no |without"):
        batch_smtp.read(batch)


@pytest.mark.parametrize("content", [b"x", b".x\r\n", b"a\r\n.\r\nb\r\n"])
def test_a_content_that_would_change_on_the_wire_is_refused(content):
    with pytest.raises(ValueError, match="dot"):
        batch_smtp.write([Mail(b"a", b"b", content)])


def test_templates_are_read_from_a_folder(tmp_path):
    (tmp_path / "T1.txt").write_text("Subject: ${a} 你好\n\n第一行\n", encoding="utf-8")
    (tmp_path / "T1.html").write_text("<p>", encoding="utf-8")
    (tmp_path / "T2.txt").write_text("Subject: x\r\ny", encoding="utf-8", newline="")
    assert read_templates(str(tmp_path)) == {
        "T1": MailTemplate("${a} 你好", "第一行\n", "<p>"),
        "T2": MailTemplate("x", "y"),
    }
    assert read_templates("") == {}
    (tmp_path / "T3.txt").write_text("no subject")
    with pytest.raises(ValueError, match=r"T3\.txt does not begin"):
        read_templates(str(tmp_path))
    with pytest.raises(ValueError, match="holds no"):
        read_templates(str(tmp_path / "none"))
