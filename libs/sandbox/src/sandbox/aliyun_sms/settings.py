"""What the stand-in for Aliyun SMS is told: accounts, signs, templates, limits."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sandbox.document import Reader

PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


class Kind(StrEnum):
    """What a template was approved for."""

    OTP = "otp"
    NOTICE = "notice"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Account:
    access_key_id: str
    access_key_secret: str
    receipts_url: str
    """Where SmsReport goes; empty = nowhere."""
    replies_url: str
    """Where SmsUp goes; empty = nowhere."""
    state: str
    """ok, out_of_service, no_balance, abnormal or denied: every send is refused accordingly."""


@dataclass(frozen=True, slots=True)
class Sign:
    name: str
    approved: bool
    otp_only: bool


@dataclass(frozen=True, slots=True)
class Template:
    code: str
    kind: Kind
    content: str
    """With ${name} placeholders, without the sign."""
    approved: bool

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(PLACEHOLDER.findall(self.content))


@dataclass(frozen=True, slots=True)
class AliyunSmsSettings:
    accounts: dict[str, Account]
    signs: dict[str, Sign]
    templates: dict[str, Template]
    query_lag_s: float
    """A message shows in QuerySendDetails only so long after it was sent (suite's clock)."""
    calls_per_s: int
    parameter_max_chars: int
    daily_messages: int
    """Per account and calendar day, China time."""
    blocked: frozenset[str]
    """Numbers that are never reached: accepted, then reported as failed."""


STATES = ("ok", "out_of_service", "no_balance", "abnormal", "denied")


def read(reader: Reader) -> AliyunSmsSettings:
    """Read the section `aliyun_sms`; problems go to the reader."""
    settings = AliyunSmsSettings(
        accounts={each.access_key_id: each for each in map(_account, reader.mappings("accounts"))},
        signs={each.name: each for each in map(_sign, reader.mappings("signs"))},
        templates={each.code: each for each in map(_template, reader.mappings("templates"))},
        query_lag_s=reader.number("query_lag_s", 5.0),
        calls_per_s=reader.whole("calls_per_s", 5_000, low=1),
        parameter_max_chars=reader.whole("parameter_max_chars", 35, low=1),
        daily_messages=reader.whole("daily_messages", 10_000_000),
        blocked=frozenset(reader.texts("blocked")),
    )
    reader.close()
    return settings


def _account(reader: Reader) -> Account:
    account = Account(
        access_key_id=reader.text("access_key_id"),
        access_key_secret=reader.text("access_key_secret"),
        receipts_url=reader.text("receipts_url", ""),
        replies_url=reader.text("replies_url", ""),
        state=reader.choice("state", STATES, "ok"),
    )
    reader.close()
    return account


def _sign(reader: Reader) -> Sign:
    sign = Sign(reader.text("name"), reader.flag("approved", True), reader.flag("otp_only", False))
    reader.close()
    return sign


def _template(reader: Reader) -> Template:
    template = Template(
        code=reader.text("code"),
        kind=Kind(reader.choice("kind", [kind.value for kind in Kind])),
        content=reader.text("content"),
        approved=reader.flag("approved", True),
    )
    reader.close()
    return template
