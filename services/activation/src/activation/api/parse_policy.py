"""Policies as domain values."""

import datetime as dt
import re

from activation.domain.campaign import MARKETING, TRANSACTIONAL
from activation.domain.caps import Cap, Period
from activation.domain.hours import Hours
from activation.domain.policy import MARKETING_HOURS, NamedPeriod, Policy
from huaxiang.activation.v1 import campaign_pb2, policy_pb2
from servicekit.errors import InvalidField

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")
_CLASSES = {
    campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL: TRANSACTIONAL,
    campaign_pb2.MESSAGE_CLASS_MARKETING: MARKETING,
}
PERIODS = {
    policy_pb2.CAP_PERIOD_DAY: Period.DAY,
    policy_pb2.CAP_PERIOD_WEEK: Period.WEEK,
    policy_pb2.CAP_PERIOD_MONTH: Period.MONTH,
}


def policy(message: policy_pb2.Policy) -> Policy:
    """What a caller states; fields set by the service are ignored. Raises InvalidField."""
    marketing = transactional = None
    if message.HasField("marketing_hours"):
        marketing = _hours(message.marketing_hours, "policy.marketing_hours")
    if message.HasField("transactional_hours"):
        transactional = _hours(message.transactional_hours, "policy.transactional_hours")
    return Policy(
        caps=tuple(_cap(each, f"policy.caps[{number}]") for number, each in enumerate(message.caps)),
        marketing_hours=marketing or MARKETING_HOURS,
        transactional_hours=transactional,
        control_basis_points=message.control_basis_points,
        control_salt=message.control_salt,
    )


def period(message: policy_pb2.NamedPeriod) -> NamedPeriod:
    """What a caller proposes; fields set by the service are ignored. Raises InvalidField."""
    return NamedPeriod(
        message.name,
        _day(message.first_day, "period.first_day"),
        _day(message.last_day, "period.last_day"),
        tuple(_cap(each, f"period.caps[{number}]") for number, each in enumerate(message.caps)),
    )


def _day(text: str, field: str) -> dt.date:
    try:
        if _DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidField(field, "is no day, for example 2026-11-01")


def _cap(message: policy_pb2.Cap, field: str) -> Cap:
    period = PERIODS.get(message.period)
    if period is None:
        raise InvalidField(f"{field}.period", "is missing: day, week or month")
    message_class = _CLASSES.get(message.message_class, "")
    return Cap(message_class, message.channel, message.brand, period, message.limit)


def _hours(message: policy_pb2.Hours, field: str) -> Hours:
    return Hours(_minute(message.start, f"{field}.start"), _minute(message.end, f"{field}.end"))


def _minute(text: str, field: str) -> int:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise InvalidField(field, "is no time of a day, for example 08:00")
    return int(found[1]) * 60 + int(found[2])
