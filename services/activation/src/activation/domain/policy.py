"""What a tenant lets be sent: caps, hours, the control group."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from activation.domain.campaign import MARKETING, MAX_HOLDOUT_BASIS_POINTS, MAX_REFERENCE_CHARS, TRANSACTIONAL
from activation.domain.caps import Cap, Kind, Period
from activation.domain.hours import DAY_MINUTES, Hours

MAX_CAPS = 50
MAX_CAP_LIMIT = 10_000
CONTACT_CHANNELS = ("sms", "wechat", "push", "email")
MARKETING_HOURS = Hours(8 * 60, 21 * 60)
"""Unless the tenant says otherwise."""
MAINLAND_SMS_HOURS = Hours(8 * 60, 22 * 60)
"""Marketing by SMS to numbers of mainland China never leaves outside these, there."""
MAINLAND_ZONE = "Asia/Shanghai"
MAINLAND_PREFIX = "+86"


@dataclass(frozen=True, slots=True)
class Policy:
    """As a tenant states it; an absent window is open at any hour."""

    caps: tuple[Cap, ...] = ()
    marketing_hours: Hours = MARKETING_HOURS
    transactional_hours: Hours | None = None
    control_basis_points: int = 0
    control_salt: str = ""

    def caps_on(self, kind: Kind) -> tuple[Cap, ...]:
        """The caps that cover a kind of message, in the policy's order."""
        return tuple(cap for cap in self.caps if cap.covers(kind))

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
    if len(policy.caps) > MAX_CAPS:
        return "policy.caps", f"are more than {MAX_CAPS}"
    seen: set[tuple[Kind, Period]] = set()
    for number, cap in enumerate(policy.caps):
        if problem := _cap_problem(cap):
            return f"policy.caps[{number}].{problem[0]}", problem[1]
        key = (Kind(cap.message_class, cap.channel, cap.brand), cap.period)
        if key in seen:
            return f"policy.caps[{number}]", "differs from an earlier one in its limit at most"
        seen.add(key)
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


def control_salt(policy: Policy, tenant: str, day: dt.date) -> str:
    """The salt of the control group on a day: the same for all campaigns of a quarter."""
    quarter = f"{day.year}Q{(day.month + 2) // 3}"
    return "\x1f".join(["control", policy.control_salt or tenant, quarter])


def dumped(policy: Policy) -> str:
    """As JSON; equal policies give equal texts."""
    return json.dumps(asdict(policy), ensure_ascii=False, sort_keys=True)


def loaded(text: str) -> Policy:
    """The way back of `dumped`."""
    fields: dict[str, Any] = json.loads(text)
    caps = tuple(Cap(**{**each, "period": Period(each["period"])}) for each in fields.pop("caps"))
    marketing, transactional = (
        _hours(fields.pop("marketing_hours")),
        _hours(fields.pop("transactional_hours")),
    )
    return Policy(caps, marketing or MARKETING_HOURS, transactional, **fields)


def _hours(stated: Mapping[str, int] | None) -> Hours | None:
    return None if stated is None else Hours(**stated)


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
