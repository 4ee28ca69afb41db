"""What the stand-in for WeChat is told: accounts, templates, articles, followers, limits."""

import re
from dataclasses import dataclass

from sandbox.directory import Directory
from sandbox.document import Reader

PLACEHOLDER = re.compile(r"\{\{(\w+)\.DATA\}\}")


@dataclass(frozen=True, slots=True)
class Account:
    appid: str
    secret: str
    original_id: str
    """gh_...: the sender of events."""
    callback_token: str
    """Signs events; needed with receipts_url."""
    receipts_url: str
    """Where events go; empty = nowhere."""


@dataclass(frozen=True, slots=True)
class Template:
    template_id: str
    content: str
    """With {{name.DATA}} placeholders."""
    marketing: bool
    """Sold something: refused with 40249."""

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(PLACEHOLDER.findall(self.content))


@dataclass(frozen=True, slots=True)
class SubscriptionTemplate:
    template_id: str
    content: str
    """With {{name.DATA}} placeholders; the names begin with their kind: thing1."""
    granted: int
    """For so many notices each person has given a grant before the sandbox started."""

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(PLACEHOLDER.findall(self.content))


@dataclass(frozen=True, slots=True)
class WechatSettings:
    accounts: dict[str, Account]
    templates: dict[str, Template]
    subscription_templates: dict[str, SubscriptionTemplate]
    articles: dict[str, str]
    """Text of each article by its media_id."""
    followers: Directory
    daily_messages: int
    """Template messages per account and calendar day, China time."""
    calls_per_minute: int
    mass_calls_per_minute: int
    mass_repeat_s: float
    """A clientmsgid may be tried again so long after its first call; before it is 45066."""
    mass_per_person_month: int
    """Mass messages that reach a person in a calendar month, China time; what is above is passed over."""
    answers: int
    """So many customer-service messages each person may be sent before turning to the account for the first time."""
    token_s: float


def read(reader: Reader) -> WechatSettings:
    """Read the section `wechat`; problems go to the reader."""
    subscriptions = map(_subscription_template, reader.mappings("subscription_templates"))
    settings = WechatSettings(
        accounts={each.appid: each for each in map(_account, reader.mappings("accounts"))},
        templates={each.template_id: each for each in map(_template, reader.mappings("templates"))},
        subscription_templates={each.template_id: each for each in subscriptions},
        articles=dict(map(_article, reader.mappings("articles"))),
        followers=Directory.read(reader.mapping("followers")),
        daily_messages=reader.whole("daily_messages", 100_000),
        calls_per_minute=reader.whole("calls_per_minute", 600_000, low=1),
        mass_calls_per_minute=reader.whole("mass_calls_per_minute", 60, low=1),
        mass_repeat_s=reader.number("mass_repeat_s", 60.0),
        mass_per_person_month=reader.whole("mass_per_person_month", 4),
        answers=reader.whole("answers", 0),
        token_s=reader.number("token_s", 7_200.0, low=1.0, high=7_200.0),
    )
    reader.close()
    return settings


def _account(reader: Reader) -> Account:
    receipts_url = reader.text("receipts_url", "")
    account = Account(
        appid=reader.text("appid"),
        secret=reader.text("secret"),
        original_id=reader.text("original_id", "gh_sandbox"),
        callback_token=reader.text("callback_token", None if receipts_url else ""),
        receipts_url=receipts_url,
    )
    reader.close()
    return account


def _template(reader: Reader) -> Template:
    template = Template(reader.text("template_id"), reader.text("content"), reader.flag("marketing", False))
    reader.close()
    return template


def _subscription_template(reader: Reader) -> SubscriptionTemplate:
    template = SubscriptionTemplate(
        reader.text("template_id"), reader.text("content"), reader.whole("granted", 0)
    )
    reader.close()
    return template


def _article(reader: Reader) -> tuple[str, str]:
    article = reader.text("media_id"), reader.text("content")
    reader.close()
    return article
