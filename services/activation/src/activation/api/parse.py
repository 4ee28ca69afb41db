"""Requests as domain values."""

import datetime as dt

from activation.app.reach import Question
from activation.domain.campaign import MARKETING, OTP, TRANSACTIONAL, Draft
from activation.domain.delivery import DeliveryState
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.activation.v1 import campaign_pb2, campaign_service_pb2, delivery_service_pb2
from servicekit.errors import InvalidField
from servicekit.values import NotAValue, moment

_CLASSES = {
    campaign_pb2.MESSAGE_CLASS_UNSPECIFIED: "",
    campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL: TRANSACTIONAL,
    campaign_pb2.MESSAGE_CLASS_MARKETING: MARKETING,
    campaign_pb2.MESSAGE_CLASS_OTP: OTP,
}


def draft(message: campaign_pb2.Campaign) -> Draft:
    """What a caller states of a campaign; fields set by the service are ignored."""
    return Draft(
        campaign_id=message.campaign_id,
        display_name=message.display_name.strip(),
        snapshot_id=message.snapshot_id,
        channel=message.channel,
        provider_account=message.provider_account,
        message_class=_CLASSES.get(message.message_class, ""),
        template_id=message.template.template_id,
        sign_name=message.template.sign_name,
        parameters=dict(message.template.parameters),
        url=message.template.url,
        holdout_basis_points=message.holdout_basis_points,
        holdout_salt=message.holdout_salt,
        expire_time=_expire_time(message.expire_time) if message.HasField("expire_time") else None,
        brand=message.brand,
        priority=message.priority,
        topic=message.topic,
        text=message.template.text,
        broadcast=message.broadcast,
    )


def reach(request: campaign_service_pb2.EstimateReachRequest) -> Question:
    """A question for reach."""
    return Question(
        snapshot_id=request.snapshot_id,
        message_class=_CLASSES.get(request.message_class, ""),
        brand=request.brand,
        topic=request.topic,
        broadcast=request.broadcast,
        accounts=tuple(request.provider_accounts),
        max_looked_at=request.max_looked_at,
    )


def state(number: int) -> DeliveryState | None:
    """None for unspecified. Raises InvalidField for a number of no state."""
    if number == delivery_service_pb2.DELIVERY_STATE_UNSPECIFIED:
        return None
    try:
        return DeliveryState(number)
    except ValueError:
        raise InvalidField("state", f"{number} is no state of this version") from None


def _expire_time(message: Timestamp) -> dt.datetime:
    try:
        return moment(message)
    except NotAValue as problem:
        raise InvalidField("campaign.expire_time", str(problem)) from None
