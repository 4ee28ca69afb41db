"""What the stand-in for Tencent Cloud SMS is told: apps, signs, templates, limits."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sandbox.document import Reader

PLACEHOLDER = re.compile(r"\{(\d+)\}", re.ASCII)


class Kind(StrEnum):
    """What a template was approved for."""

    OTP = "otp"
    NOTICE = "notice"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class App:
    """One SMS app, and the keys of the account that it belongs to."""

    secret_id: str
    secret_key: str
    sdk_app_id: str
    receipts_url: str
    """Where status reports go; empty = nowhere."""
    replies_url: str
    """Where replies go; empty = nowhere."""
    session_context: bool
    """Pulled statuses carry the SessionContext: Tencent switches it on when asked to."""
    state: str
    """ok, arrears, disabled, denied or no_package: every send is refused accordingly."""


@dataclass(frozen=True, slots=True)
class Sign:
    name: str
    approved: bool


@dataclass(frozen=True, slots=True)
class Template:
    template_id: str
    kind: Kind
    content: str
    """With {1}, {2} placeholders, without the sign."""
    approved: bool

    @property
    def variables(self) -> int:
        """How many values it takes: its highest number."""
        return max(map(int, PLACEHOLDER.findall(self.content)), default=0)


@dataclass(frozen=True, slots=True)
class NumberLimits:
    """Messages of an app to one number; 0 = as many as one likes. A customer sets them in Tencent's console."""

    thirty_seconds: int
    hour: int
    day: int
    same_content_day: int


@dataclass(frozen=True, slots=True)
class TencentSmsSettings:
    apps: dict[str, App]
    """By secret_id."""
    signs: dict[str, Sign]
    templates: dict[str, Template]
    per_number: NumberLimits
    query_lag_s: float
    """A message shows in pulled statuses only so long after its report (suite's clock)."""
    calls_per_s: int
    pulls_per_s: int
    """Questions for the statuses of one number."""
    parameter_max_chars: int
    daily_messages: int
    """Per app and calendar day, China time."""
    blocked: frozenset[str]
    """Numbers in E.164 that are never reached: accepted, then reported as failed."""
    blacklisted: frozenset[str]
    """Numbers in E.164 on the list of those who want nothing: refused."""


STATES = ("ok", "arrears", "disabled", "denied", "no_package")


def read(reader: Reader) -> TencentSmsSettings:
    """Read the section `tencent_sms`; problems go to the reader."""
    settings = TencentSmsSettings(
        apps={each.secret_id: each for each in map(_app, reader.mappings("apps"))},
        signs={each.name: each for each in map(_sign, reader.mappings("signs"))},
        templates={each.template_id: each for each in map(_template, reader.mappings("templates"))},
        per_number=_limits(reader.mapping("per_number")),
        query_lag_s=reader.number("query_lag_s", 5.0),
        calls_per_s=reader.whole("calls_per_s", 3_000, low=1),
        pulls_per_s=reader.whole("pulls_per_s", 20, low=1),
        parameter_max_chars=reader.whole("parameter_max_chars", 12, low=1),
        daily_messages=reader.whole("daily_messages", 10_000_000),
        blocked=frozenset(reader.texts("blocked")),
        blacklisted=frozenset(reader.texts("blacklisted")),
    )
    reader.close()
    return settings


def _app(reader: Reader) -> App:
    app = App(
        secret_id=reader.text("secret_id"),
        secret_key=reader.text("secret_key"),
        sdk_app_id=reader.text("sdk_app_id"),
        receipts_url=reader.text("receipts_url", ""),
        replies_url=reader.text("replies_url", ""),
        session_context=reader.flag("session_context", True),
        state=reader.choice("state", STATES, "ok"),
    )
    reader.close()
    return app


def _sign(reader: Reader) -> Sign:
    sign = Sign(reader.text("name"), reader.flag("approved", True))
    reader.close()
    return sign


def _template(reader: Reader) -> Template:
    template = Template(
        template_id=reader.text("template_id"),
        kind=Kind(reader.choice("kind", [kind.value for kind in Kind])),
        content=reader.text("content"),
        approved=reader.flag("approved", True),
    )
    reader.close()
    return template


def _limits(reader: Reader) -> NumberLimits:
    limits = NumberLimits(
        thirty_seconds=reader.whole("thirty_seconds", 1),
        hour=reader.whole("hour", 5),
        day=reader.whole("day", 10),
        same_content_day=reader.whole("same_content_day", 5),
    )
    reader.close()
    return limits
