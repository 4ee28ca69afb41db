"""Policies and what they decided, as answers."""

from collections.abc import Sequence

from activation.api.parse_policy import PERIODS
from activation.domain.campaign import MARKETING, OTP, TRANSACTIONAL
from activation.domain.caps import Cap
from activation.domain.hours import Hours
from activation.domain.ledger import Grounds
from activation.domain.policy import NamedPeriod, StoredPolicy
from activation.domain.proposal import Proposal, Standing
from huaxiang.activation.v1 import campaign_pb2, delivery_service_pb2, policy_pb2
from servicekit.values import timestamp_of

CLASSES = {
    TRANSACTIONAL: campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL,
    MARKETING: campaign_pb2.MESSAGE_CLASS_MARKETING,
    OTP: campaign_pb2.MESSAGE_CLASS_OTP,
}
_STANDINGS = {
    Standing.PROPOSED: policy_pb2.NAMED_PERIOD_STATE_PROPOSED,
    Standing.APPROVED: policy_pb2.NAMED_PERIOD_STATE_APPROVED,
    Standing.WITHDRAWN: policy_pb2.NAMED_PERIOD_STATE_WITHDRAWN,
}
_PERIODS = {period: number for number, period in PERIODS.items()}


def policy(stored: StoredPolicy) -> policy_pb2.Policy:
    """A version of a policy."""
    stated = stored.policy
    message = policy_pb2.Policy(
        version=stored.version,
        etag=stored.etag,
        subject=stored.subject,
        caps=[cap(each) for each in stated.caps],
        marketing_hours=_hours(stated.marketing_hours),
        transactional_hours=None
        if stated.transactional_hours is None
        else _hours(stated.transactional_hours),
        control_basis_points=stated.control_basis_points,
        control_salt=stated.control_salt,
        periods=[_period(each) for each in stated.periods],
    )
    for each in message.periods:
        each.state = policy_pb2.NAMED_PERIOD_STATE_APPROVED
    if stored.update_time is not None:
        message.update_time.CopyFrom(timestamp_of(stored.update_time))
    return message


def proposal(stored: Proposal) -> policy_pb2.NamedPeriod:
    """A period, wherever it stands."""
    message = _period(stored.period)
    message.state = _STANDINGS[stored.standing]
    message.proposed_by = stored.proposed_by
    message.approved_by = stored.approved_by
    return message


def _period(stated: NamedPeriod) -> policy_pb2.NamedPeriod:
    return policy_pb2.NamedPeriod(
        name=stated.name,
        first_day=stated.first_day.isoformat(),
        last_day=stated.last_day.isoformat(),
        caps=[cap(each) for each in stated.caps],
    )


def cap(stated: Cap) -> policy_pb2.Cap:
    """A cap."""
    return policy_pb2.Cap(
        message_class=CLASSES[stated.message_class],
        channel=stated.channel,
        brand=stated.brand,
        period=_PERIODS[stated.period],
        limit=stated.limit,
    )


def decision(grounds: Grounds, caps: Sequence[Cap]) -> delivery_service_pb2.Decision:
    """What was looked at; `caps` in the order of the counts."""
    return delivery_service_pb2.Decision(
        policy_version=grounds.policy_version,
        time_zone=grounds.zone,
        local_day=grounds.day.isoformat(),
        caps=[
            delivery_service_pb2.CountedCap(cap=cap(each), count=count)
            for each, count in zip(caps, grounds.counts, strict=False)
        ],
    )


def _hours(hours: Hours) -> policy_pb2.Hours:
    return policy_pb2.Hours(start=_clock(hours.start), end=_clock(hours.end))


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
