"""Who allows messages by which channel, and who takes it back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SMS_MARKETING, _SMS_WITHDRAWN = 0.66, 0.07
_WECHAT_MARKETING, _UNFOLLOWED = 0.78, 0.12
_PUSH_ON, _PUSH_OFF_LATER = 0.72, 0.08
NEVER = -1


@dataclass(frozen=True, slots=True)
class Consents:
    """Times are wall-clock seconds or NEVER; `push_*` have one element per device row, the others per
    person."""

    sms_marketing: NDArray[np.bool_]
    sms_withdrawn_at: NDArray[np.int64]
    wechat_marketing: NDArray[np.bool_]
    unfollowed_at: NDArray[np.int64]
    push_on: NDArray[np.bool_]
    push_off_at: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Given:
    """When each permission was first asked for, per person and per device row."""

    crm: NDArray[np.int64]
    official: NDArray[np.int64]
    device: NDArray[np.int64]


def draw_consents(rng: np.random.Generator, given: Given, end: int) -> Consents:
    """Answers at the time of asking, and withdrawals between then and `end`."""
    persons, devices = len(given.crm), len(given.device)
    sms = rng.random(persons) < _SMS_MARKETING
    push = rng.random(devices) < _PUSH_ON
    everyone = np.ones(persons, dtype=np.bool_)
    return Consents(
        sms_marketing=sms,
        sms_withdrawn_at=_later(rng, given.crm, sms, _SMS_WITHDRAWN, end),
        wechat_marketing=rng.random(persons) < _WECHAT_MARKETING,
        unfollowed_at=_later(rng, given.official, everyone, _UNFOLLOWED, end),
        push_on=push,
        push_off_at=_later(rng, given.device, push, _PUSH_OFF_LATER, end),
    )


def _later(
    rng: np.random.Generator, given: NDArray[np.int64], granted: NDArray[np.bool_], share: float, end: int
) -> NDArray[np.int64]:
    withdraws = granted & (rng.random(len(given)) < share)
    span = np.maximum(end - given - 1, 0)
    return np.where(withdraws, given + 1 + (span * rng.random(len(given))).astype(np.int64), NEVER)
