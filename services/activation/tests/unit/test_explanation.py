"""Why a person got a message or not, in a sentence for every state and reason."""

from datetime import UTC, date, datetime

import pytest
from activation.domain.caps import Cap, Period
from activation.domain.delivery import Delivery, DeliveryState
from activation.domain.explanation import REASONS, in_words
from activation.domain.ledger import Grounds, Step

S = DeliveryState
NOW = datetime(2026, 6, 11, tzinfo=UTC)
CAPS = (
    Cap("marketing", "sms", "", Period.DAY, 1),
    Cap("marketing", "", "north", Period.WEEK, 2),
)
GROUNDS = Grounds(3, "Asia/Shanghai", date(2026, 6, 11), (0, 2))


def told(state: DeliveryState, reason: str = "", waited: bool = False) -> str:
    row = Delivery("t1", "d", "c1", 1, "aliyun_sms", state, reason, 1, 1, 5, NOW)
    steps = [Step(NOW, S.READY, "")]
    if waited:
        steps.append(Step(NOW, S.RETRY_WAIT, "quiet_hours"))
    return in_words(row, steps, GROUNDS, CAPS)


@pytest.mark.parametrize("state", DeliveryState)
@pytest.mark.parametrize("reason", ["", "isv.CODE", "capped_day", "control_group", *REASONS])
def test_every_state_and_reason_has_a_sentence(state: DeliveryState, reason: str) -> None:
    said = told(state, reason)
    assert said[0].isupper()
    assert said.endswith(".")
    assert not {"{", "}"} & set(said)


@pytest.mark.parametrize(
    ("state", "reason", "sentence"),
    [
        (
            S.SUPPRESSED,
            "capped_week",
            "Not sent: policy version 3 allows 2 marketing messages of brand north a week, and the person had 2.",
        ),
        (S.SUPPRESSED, "isv.CODE", "Not sent: isv.CODE."),
        (S.REJECTED, "isv.CODE", "Not sent: the provider refused it (isv.CODE)."),
        (S.RETRY_WAIT, "isv.BUSY", "Not sent yet: the provider put it off (isv.BUSY)."),
        (S.CANCELLED, "", "Not sent: the campaign was cancelled."),
        (S.HOLDOUT, "", "Not sent: the person is in the control group of the campaign."),
        (
            S.HOLDOUT,
            "control_group",
            "Not sent: the person is in the control group of the whole tenant for this quarter.",
        ),
    ],
)
def test_the_reason_is_told_with_its_numbers(state: DeliveryState, reason: str, sentence: str) -> None:
    assert told(state, reason) == sentence


def test_waiting_for_an_hour_is_told_when_it_is_over() -> None:
    late = "It had waited for an hour at which the person may be written to."
    assert told(S.DELIVERED, waited=True) == f"Sent, and delivered. {late}"
    assert late not in told(S.RETRY_WAIT, "quiet_hours", waited=True)
