"""What the stand-in for a mail server is told: who may send, who has a mailbox, what it insists on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.directory import Directory
from sandbox.document import Reader


@dataclass(frozen=True, slots=True)
class MailAccount:
    username: str
    password: str = field(repr=False)
    receipts_url: str
    """Where mails that come back are posted to; empty = nowhere."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    accounts: Mapping[str, MailAccount]
    people: Directory
    max_bytes: int
    pipelining: bool
    dkim_keys: Mapping[str, str]
    """DNS names of DKIM keys with their records; when there is one, every mail must be signed by one."""
    reports_success: bool
    """Tell of delivered mails as well; most servers tell of failures alone."""


def read(reader: Reader) -> SmtpSettings:
    """Read the section `smtp`; problems go to the reader."""
    settings = SmtpSettings(
        accounts={each.username: each for each in map(_account, reader.mappings("accounts"))},
        people=Directory.read(reader.mapping("people")),
        max_bytes=reader.whole("max_bytes", 1024 * 1024, low=1_000),
        pipelining=reader.flag("pipelining", True),
        dkim_keys=dict(map(_dkim_key, reader.mappings("dkim_keys"))),
        reports_success=reader.flag("reports_success", False),
    )
    reader.close()
    return settings


def _account(reader: Reader) -> MailAccount:
    account = MailAccount(reader.text("username"), reader.text("password"), reader.text("receipts_url", ""))
    reader.close()
    return account


def _dkim_key(reader: Reader) -> tuple[str, str]:
    named = reader.text("name"), reader.text("record")
    reader.close()
    return named
