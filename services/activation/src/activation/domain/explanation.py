"""Why a person got a message or not, in a sentence."""

from collections.abc import Sequence

from activation.domain.caps import Cap
from activation.domain.delivery import Delivery, DeliveryState
from activation.domain.ledger import Grounds, Step

S = DeliveryState
_STATES = {
    S.HOLDOUT: "Not sent: the person is in the control group {whose}.",
    S.READY: "Not sent yet: it waits for its turn.",
    S.CLAIMED: "Not sent yet: a worker has it in hand.",
    S.SUBMITTING: "Being sent to the provider at this moment.",
    S.RETRY_WAIT: "Not sent yet: {why}.",
    S.UNKNOWN: "It may have been sent: the provider gave no readable answer, and is asked.",
    S.ACCEPTED: "Sent: the provider took it; no receipt has come yet.",
    S.REJECTED: "Not sent: the provider refused it ({why}).",
    S.DELIVERED: "Sent, and delivered.",
    S.UNDELIVERED: "Sent, but not delivered ({why}).",
    S.NO_RECEIPT: "Sent: the provider took it, and never told whether it arrived.",
    S.ABANDONED: "It may have been sent: nobody can tell any more, and it is not sent again.",
    S.EXPIRED: "Not sent: the campaign's time was over before it could be.",
    S.CANCELLED: "Not sent: {why}.",
    S.SUPPRESSED: "Not sent: {why}.",
}
REASONS = {
    "no_consent": "the person never allowed messages for this purpose at an address of the channel",
    "withdrawn": "the person took the permission back, or it has lapsed",
    "minor": "the person is under 14 and nobody allowed messages to it for minors",
    "no_profiling": "the person objects to profiling, and the audience was chosen by what is known of persons",
    "reserved": "a campaign of higher priority is to send within a day and takes what the caps leave",
    "no_address": "no address of the person on this channel is known",
    "no_person": "nobody has this id any more",
    "duplicate_address": "another person of the campaign has the same address and was written to there",
    "suppressed": "the address is on the list of those to be left in peace",
    "quiet_hours": "it is not an hour at which the person may be written to; it waits for the next one",
    "no_hours": "there is no hour at which both the policy and the provider allow it",
    "ERASED": "the person was erased",
}
_CHANNEL = {"": "messages", "sms": "SMS", "wechat": "WeChat messages", "push": "pushes", "email": "e-mails"}
_PERIOD = {"day": "a day", "week": "a week", "month": "a month"}


def in_words(delivery: Delivery, steps: Sequence[Step], grounds: Grounds | None, caps: Sequence[Cap]) -> str:
    """One or two sentences in English; no personal data."""
    whose = (
        "of the whole tenant for this quarter" if delivery.reason == "control_group" else "of the campaign"
    )
    said = _STATES[delivery.state].format(whose=whose, why=_why(delivery, grounds, caps))
    waited = any(step.reason == "quiet_hours" for step in steps)
    late = waited and delivery.state not in (S.RETRY_WAIT, S.SUPPRESSED)
    return f"{said} It had waited for an hour at which the person may be written to." if late else said


def _why(delivery: Delivery, grounds: Grounds | None, caps: Sequence[Cap]) -> str:
    reason = delivery.reason
    if reason.startswith("capped_") and grounds is not None:
        period = reason.removeprefix("capped_")
        for cap, count in zip(caps, grounds.counts, strict=False):
            if cap.period.value == period and count >= cap.limit:
                brand = f" of brand {cap.brand}" if cap.brand else ""
                return (
                    f"policy version {grounds.policy_version} allows {cap.limit} {cap.message_class} "
                    f"{_CHANNEL[cap.channel]}{brand} {_PERIOD[period]}, and the person had {count}"
                )
    if reason in REASONS:
        return REASONS[reason]
    if delivery.state is S.CANCELLED:
        return "the campaign was cancelled"
    if delivery.state is S.RETRY_WAIT:
        return f"the provider put it off ({reason})" if reason else "the provider put it off"
    return reason or "no reason was given"
