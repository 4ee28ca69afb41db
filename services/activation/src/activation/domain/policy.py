"""What a tenant lets be sent: caps, hours, the control group."""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from activation.domain.campaign import MARKETING, MAX_HOLDOUT_BASIS_POINTS, MAX_REFERENCE_CHARS, TRANSACTIONAL
from activation.domain.caps import Cap, Kind, Period
from activation.domain.hours import DAY_MINUTES, Hours

MAX_CAPS = 50
MAX_CAP_LIMIT = 10_000
MAX_PERIOD_DAYS = 62
PERIOD_NAME = re.compile(r"[a-z0-9-]{1,64}")
CONTACT_CHANNELS = ("sms", "wechat", "push", "email")
MARKETING_HOURS = Hours(8 * 60, 21 * 60)
"""Unless the tenant says otherwise."""
MAINLAND_SMS_HOURS = Hours(8 * 60, 22 * 60)
"""Marketing by SMS to numbers of mainland China never leaves outside these, there."""
MAINLAND_ZONE = "Asia/Shanghai"
MAINLAND_PREFIX = "+86"


@dataclass(frozen=True, slots=True)
class NamedPeriod:
    """Days of the recipient, first to last, with caps of their own."""

    name: str
    first_day: dt.date
    last_day: dt.date
    caps: tuple[Cap, ...]

    def meets(self, other: "NamedPeriod") -> bool:
        """Whether a day belongs to both."""
        return self.first_day <= other.last_day and other.first_day <= self.last_day


@dataclass(frozen=True, slots=True)
class Policy:
    """As a tenant states it; an absent window is open at any hour. `periods` never meet."""

    caps: tuple[Cap, ...] = ()
    marketing_hours: Hours = MARKETING_HOURS
    transactional_hours: Hours | None = None
    control_basis_points: int = 0
    control_salt: str = ""
    periods: tuple[NamedPeriod, ...] = ()

    def caps_on(self, kind: Kind, day: dt.date) -> tuple[Cap, ...]:
        """The caps that cover a kind of message on a recipient's day, in the policy's order: those of a period on its
        days take the place of the ones that are alike but for the limit, and follow the others."""
        caps = {_key(cap): cap for cap in self.caps}
        for period in self.periods:
            if period.first_day <= day <= period.last_day:
                caps |= {_key(cap): cap for cap in period.caps}
        return tuple(cap for cap in caps.values() if cap.covers(kind))

    def hours_of(self, message_class: str) -> Hours | None:
        """When messages of a class may be sent; None at any hour."""
        return {MARKETING: self.marketing_hours, TRANSACTIONAL: self.transactional_hours}.get(message_class)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A version of a tenant's policy; 0 is the default that nobody stored."""

    policy: Policy = field(default_factory=Policy)
    version: int = 0
    update_time: dt.datetime | None = None
    subject: str = ""

    @property
    def etag(self) -> str:
        """16 hex digits that change with every version."""
        text = f"{self.version} {dumped(self.policy)}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def problem_of(policy: Policy) -> tuple[str, str] | None:
    """The first field that breaks its limits and how, None when all is well."""
    if problem := _caps_problem("policy", policy.caps):
        return problem
    for name, hours in (
        ("marketing_hours", policy.marketing_hours),
        ("transactional_hours", policy.transactional_hours),
    ):
        if hours is not None and not 0 <= hours.start < hours.end <= DAY_MINUTES:
            return f"policy.{name}", "does not start before it ends, on one day, as 08:00 to 21:00"
    if not 0 <= policy.control_basis_points <= MAX_HOLDOUT_BASIS_POINTS:
        return "policy.control_basis_points", f"is not between 0 and {MAX_HOLDOUT_BASIS_POINTS}"
    if len(policy.control_salt) > MAX_REFERENCE_CHARS:
        return "policy.control_salt", f"is longer than {MAX_REFERENCE_CHARS} characters"
    return None


def period_problem(period: NamedPeriod) -> tuple[str, str] | None:
    """The first field that breaks its limits and how, None when all is well."""
    if not PERIOD_NAME.fullmatch(period.name):
        return "period.name", "is not 1 to 64 characters of a-z, 0-9 and -"
    days = (period.last_day - period.first_day).days + 1
    if not 1 <= days <= MAX_PERIOD_DAYS:
        return "period.last_day", f"makes the period {days} days long, 1 to {MAX_PERIOD_DAYS} are allowed"
    if not period.caps:
        return "period.caps", "is empty"
    return _caps_problem("period", period.caps)


def control_salt(policy: Policy, tenant: str, day: dt.date) -> str:
    """The salt of the control group on a day: the same for all campaigns of a quarter."""
    quarter = f"{day.year}Q{(day.month + 2) // 3}"
    return "\x1f".join(["control", policy.control_salt or tenant, quarter])


def dumped(policy: Policy) -> str:
    """As JSON; equal policies give equal texts."""
    return json.dumps(asdict(policy), ensure_ascii=False, sort_keys=True, default=str)


def loaded(text: str) -> Policy:
    """The way back of `dumped`."""
    fields: dict[str, Any] = json.loads(text)
    caps = _caps(fields.pop("caps"))
    periods = tuple(map(period_of, fields.pop("periods", ())))
    marketing, transactional = (
        _hours(fields.pop("marketing_hours")),
        _hours(fields.pop("transactional_hours")),
    )
    return Policy(caps, marketing or MARKETING_HOURS, transactional, periods=periods, **fields)


def period_of(stored: Mapping[str, Any]) -> NamedPeriod:
    """A period as `asdict` and JSON left it."""
    first, last = (dt.date.fromisoformat(stored[name]) for name in ("first_day", "last_day"))
    return NamedPeriod(stored["name"], first, last, _caps(stored["caps"]))


def _caps(stored: Sequence[Mapping[str, Any]]) -> tuple[Cap, ...]:
    return tuple(Cap(**{**each, "period": Period(each["period"])}) for each in stored)


def _key(cap: Cap) -> tuple[Kind, Period]:
    """What no two caps have in common."""
    return Kind(cap.message_class, cap.channel, cap.brand), cap.period


def _hours(stated: Mapping[str, int] | None) -> Hours | None:
    return None if stated is None else Hours(**stated)


def _caps_problem(field: str, caps: Sequence[Cap]) -> tuple[str, str] | None:
    if len(caps) > MAX_CAPS:
        return f"{field}.caps", f"are more than {MAX_CAPS}"
    seen: set[tuple[Kind, Period]] = set()
    for number, cap in enumerate(caps):
        if problem := _cap_problem(cap):
            return f"{field}.caps[{number}].{problem[0]}", problem[1]
        if _key(cap) in seen:
            return f"{field}.caps[{number}]", "differs from an earlier one in its limit at most"
        seen.add(_key(cap))
    return None


def _cap_problem(cap: Cap) -> tuple[str, str] | None:
    if cap.message_class not in (MARKETING, TRANSACTIONAL):
        return "message_class", "is not marketing or transactional"
    if cap.channel and cap.channel not in CONTACT_CHANNELS:
        return "channel", f"is none of {', '.join(CONTACT_CHANNELS)}"
    if len(cap.brand) > MAX_REFERENCE_CHARS:
        return "brand", f"is longer than {MAX_REFERENCE_CHARS} characters"
    if not 0 <= cap.limit <= MAX_CAP_LIMIT:
        return "limit", f"is not between 0 and {MAX_CAP_LIMIT}"
    return None
