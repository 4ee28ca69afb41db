"""E-mail: a template in both languages, sent to a mail server that reports successes too."""

from pathlib import Path

from activation.channels.email.channel import EmailAccount, EmailChannel
from activation.channels.email.templates import MailTemplate
from activation.channels.port import Channel, Message

from channel_rigs.kind import MANY, SECRET, SERVICE, Kind, Means, listed

SENDER = "华象商城 <news@mail.example>"
BOUNCES = "bounce@back.example"
TEMPLATES = {
    "T1": MailTemplate("您的${thing}", "您的${thing}已到店\n", "<p>您的<b>${thing}</b>已到店</p>"),
    "T2": MailTemplate("plain", "${thing}"),
}


def mailboxes(count: int) -> list[str]:
    return [f"person-{at}@mailbox.example" for at in range(count)]


def section(receipts_url: str, folder: Path) -> dict[str, object]:
    return {
        "accounts": [{"username": "shop", "password": SECRET, "receipts_url": receipts_url}],
        "people": {"listed_file": listed(folder, "mailboxes.txt", mailboxes(MANY))},
        "max_bytes": 64_000,
        "reports_success": True,
    }


def make(means: Means, secret: str, url: str) -> Channel:
    account = EmailAccount(SENDER, "shop", secret, BOUNCES)
    return EmailChannel(account, TEMPLATES, means.now, url.replace("http://", "smtp://"))


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, "T1", parameters={"thing": words}), f"您的{words}已到店"


KINDS = {
    "email": Kind(
        provider="smtp",
        action="mail",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, "T2", parameters={"thing": "长" * 30_000}),
        addresses=mailboxes,
        stranger="nobody@mailbox.example",
    )
}
