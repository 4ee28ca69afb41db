"""Domain values as answers, and feedback as records of the front door."""

from activation.api.render_policy import CLASSES
from activation.app.reach import Estimate
from activation.domain.campaign import Campaign, State
from activation.domain.delivery import TERMINAL, Delivery
from activation.domain.delivery import DeliveryState as S
from activation.domain.feedback import Feedback
from activation.domain.ledger import Report, Step
from huaxiang.activation.v1 import campaign_pb2, campaign_service_pb2, delivery_service_pb2
from huaxiang.identity.v1 import record_pb2
from servicekit.values import timestamp_of

SOURCE = "activation"
_STATES = {
    State.DRAFT: campaign_pb2.CAMPAIGN_STATE_DRAFT,
    State.PLANNING: campaign_pb2.CAMPAIGN_STATE_PLANNING,
    State.RUNNING: campaign_pb2.CAMPAIGN_STATE_RUNNING,
    State.PAUSED: campaign_pb2.CAMPAIGN_STATE_PAUSED,
    State.DRAINING: campaign_pb2.CAMPAIGN_STATE_DRAINING,
    State.COMPLETED: campaign_pb2.CAMPAIGN_STATE_COMPLETED,
    State.CANCELLED: campaign_pb2.CAMPAIGN_STATE_CANCELLED,
    State.FAILED: campaign_pb2.CAMPAIGN_STATE_FAILED,
}
_CHANNELS = {
    "sms": record_pb2.CHANNEL_SMS,
    "wechat": record_pb2.CHANNEL_WECHAT,
    "push": record_pb2.CHANNEL_PUSH,
    "email": record_pb2.CHANNEL_EMAIL,
}


def campaign(stored: Campaign) -> campaign_pb2.Campaign:
    """A campaign as stored."""
    draft = stored.draft
    message = campaign_pb2.Campaign(
        campaign_id=draft.campaign_id,
        display_name=draft.display_name,
        snapshot_id=draft.snapshot_id,
        channel=draft.channel,
        provider_account=draft.provider_account,
        message_class=CLASSES[draft.message_class],
        template=campaign_pb2.MessageTemplate(
            template_id=draft.template_id,
            sign_name=draft.sign_name,
            parameters=draft.parameters,
            url=draft.url,
            text=draft.text,
        ),
        holdout_basis_points=draft.holdout_basis_points,
        holdout_salt=draft.holdout_salt,
        brand=draft.brand,
        priority=draft.priority,
        topic=draft.topic,
        broadcast=draft.broadcast,
        state=_STATES[stored.state],
        state_note=stored.note,
        etag=stored.etag,
    )
    if stored.expire_time is not None:
        message.expire_time.CopyFrom(timestamp_of(stored.expire_time))
    return message


def report(counted: Report) -> campaign_pb2.CampaignReport:
    """The count of a campaign's rows."""
    return campaign_pb2.CampaignReport(
        planned=sum(counted.by_state.values()),
        holdout=counted.of(S.HOLDOUT),
        suppressed=counted.suppressed,
        open=sum(count for state, count in counted.by_state.items() if state not in TERMINAL),
        accepted=counted.accepted,
        delivered=counted.of(S.DELIVERED),
        undelivered=counted.of(S.UNDELIVERED),
        no_receipt=counted.of(S.NO_RECEIPT),
        rejected=counted.rejected,
        abandoned=counted.of(S.ABANDONED),
        expired=counted.of(S.EXPIRED, S.CANCELLED),
        clicked=counted.clicked,
    )


def reach(estimate: Estimate) -> campaign_service_pb2.EstimateReachResponse:
    """Who can be reached."""
    return campaign_service_pb2.EstimateReachResponse(
        member_count=estimate.members,
        looked_at_count=estimate.looked_at,
        policy_version=estimate.policy_version,
        accounts=[
            campaign_service_pb2.AccountReach(
                provider_account=each.account.name,
                channel=each.account.caps.name,
                reachable=each.reachable,
                waiting=each.waiting,
                held_back=each.held_back,
            )
            for each in estimate.accounts
        ],
    )


def delivery(stored: Delivery) -> delivery_service_pb2.Delivery:
    """A row."""
    return delivery_service_pb2.Delivery(
        delivery_id=stored.delivery_id,
        campaign_id=stored.campaign_id,
        person_id=stored.person_id,
        channel=stored.channel,
        state=int(stored.state),  # type: ignore[arg-type]  # the numbers are the proto's
        reason=stored.reason,
        attempt_count=stored.attempts,
        update_time=timestamp_of(stored.update_time),
    )


def step(happened: Step) -> delivery_service_pb2.DeliveryStep:
    """Something that happened to a row."""
    return delivery_service_pb2.DeliveryStep(
        time=timestamp_of(happened.time),
        state=int(happened.state),  # type: ignore[arg-type]  # the numbers are the proto's
        reason=happened.reason,
    )


def record(feedback: Feedback) -> bytes:
    """A serialized record: the event is anchored on the person's birth key, so the linker has nothing to do."""
    message = record_pb2.Record(
        source=SOURCE,
        record_id=feedback.record_id,
        time=timestamp_of(feedback.time),
        anchor_key_id=feedback.birth_key_id,
    )
    message.event.type = feedback.event_type
    for name in ("campaign_id", "delivery_id", "channel", "reason"):
        if value := getattr(feedback, name):
            message.event.properties[name].text_value = value
    if feedback.withdrawn_address:
        message.consents.add(
            purpose="marketing",
            channel=_CHANNELS[feedback.channel],
            address=feedback.withdrawn_address,
            scope=feedback.withdrawn_scope,
            granted=False,
            evidence=f"reply to delivery {feedback.delivery_id}",
        )
    return message.SerializeToString()
