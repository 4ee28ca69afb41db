"""A campaign: one audience, one message, one channel; and the states it goes through."""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

CAMPAIGN_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MAX_NAME_CHARS = 128
MAX_NOTE_CHARS = 256
MAX_HOLDOUT_BASIS_POINTS = 9_999
MAX_PARAMETERS = 32
MAX_PARAMETER_CHARS = 256
MAX_URL_CHARS = 1_024
MAX_TEXT_CHARS = 500
"""Of an SMS; providers take no more."""
OTP, TRANSACTIONAL, MARKETING = "otp", "transactional", "marketing"
CLASSES = (OTP, TRANSACTIONAL, MARKETING)
"""What a message is; in the order in which they are sent."""
MAX_PRIORITY = 1_000
MAX_REFERENCE_CHARS = 128
"""Of a snapshot, template, sign, salt and brand, and of a parameter's name."""
DEFAULT_LIFE = dt.timedelta(hours=24)
"""A delivery that was not sent this long after the start is given up, unless the campaign says otherwise."""
OTP_LIFE = dt.timedelta(minutes=10)
"""The same for one-time passwords: nobody waits for one any longer."""


class State(StrEnum):
    """See campaign.proto; COMPLETED is derived from the deliveries, never a cursor's end."""

    DRAFT = "draft"
    PLANNING = "planning"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDED = frozenset({State.COMPLETED, State.CANCELLED, State.FAILED})
SENDS = frozenset({State.RUNNING, State.DRAINING})
"""Rows may be submitted; in DRAINING there are none, until an unknown one turns out not to have been sent."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a caller states of a campaign."""

    campaign_id: str
    display_name: str
    snapshot_id: str
    channel: str
    provider_account: str
    message_class: str
    template_id: str
    sign_name: str
    parameters: Mapping[str, str]
    url: str
    holdout_basis_points: int
    holdout_salt: str
    expire_time: dt.datetime | None
    brand: str
    priority: int = 0
    topic: str = ""
    text: str = ""
    broadcast: bool = False

    @property
    def salt(self) -> str:
        """The salt of the holdout."""
        return self.holdout_salt or self.campaign_id

    @property
    def purpose(self) -> str:
        """What consent is needed for."""
        return MARKETING if self.message_class == MARKETING else "service"

    @property
    def life(self) -> dt.timedelta:
        """From the start to giving up what was not sent, unless `expire_time` says when."""
        return OTP_LIFE if self.message_class == OTP else DEFAULT_LIFE


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as stored. `epoch` rises with every pause, resume and cancel: who began before may not send after.

    `planned_through` is the last person id whose row is written, `plan_done` that all are; `traceparent` is the trace
    of the call that started it. `purposes` are those of the sensitive tags behind the snapshot: marketing needs the
    consent to each, too. `control_salt` and `control_basis_points` are those of the tenant's control group at the
    start; with 0 nobody is held back for it.
    """

    tenant: str
    draft: Draft
    state: State
    note: str
    epoch: int
    create_time: dt.datetime
    start_time: dt.datetime | None = None
    planned_through: int = 0
    plan_done: bool = False
    traceparent: str = ""
    purposes: tuple[str, ...] = ()
    control_salt: str = ""
    control_basis_points: int = 0

    @property
    def campaign_id(self) -> str:
        return self.draft.campaign_id

    @property
    def etag(self) -> str:
        """16 hex digits that change with every change."""
        text = json.dumps(asdict(self), default=str, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def expire_time(self) -> dt.datetime | None:
        """When unsent deliveries are given up; None before the start."""
        if self.draft.expire_time is not None or self.start_time is None:
            return self.draft.expire_time
        return self.start_time + self.draft.life

    def at(self, state: State, note: str = "", *, fence: bool = False) -> "Campaign":
        """The campaign in another state; `fence` also makes every running submission attempt too late."""
        return replace(self, state=state, note=note[:MAX_NOTE_CHARS], epoch=self.epoch + fence)

    def after_pause(self) -> State:
        """Where a resumed campaign goes on."""
        return State.RUNNING if self.plan_done else State.PLANNING


def problem_of(draft: Draft) -> tuple[str, str] | None:
    """The first field that breaks its limits and how, None when all is well."""
    checks = [
        (
            bool(CAMPAIGN_ID.fullmatch(draft.campaign_id)),
            "campaign_id",
            "is a lower-case letter, then letters, digits, _ and -, 64 characters at most",
        ),
        (
            len(draft.display_name) <= MAX_NAME_CHARS,
            "display_name",
            f"is longer than {MAX_NAME_CHARS} characters",
        ),
        (bool(draft.snapshot_id), "snapshot_id", "is missing: freeze a segment's members first"),
        (bool(draft.message_class), "message_class", "is missing: marketing, transactional or otp"),
        (
            0 <= draft.holdout_basis_points <= MAX_HOLDOUT_BASIS_POINTS,
            "holdout_basis_points",
            f"is not between 0 and {MAX_HOLDOUT_BASIS_POINTS}",
        ),
        (
            draft.message_class != OTP or draft.holdout_basis_points == 0,
            "holdout_basis_points",
            "is not 0: one-time passwords are held back from nobody",
        ),
        (0 <= draft.priority <= MAX_PRIORITY, "priority", f"is not between 0 and {MAX_PRIORITY}"),
        *(
            (len(value) <= MAX_REFERENCE_CHARS, name, f"is longer than {MAX_REFERENCE_CHARS} characters")
            for name, value in (
                ("snapshot_id", draft.snapshot_id),
                ("template.template_id", draft.template_id),
                ("template.sign_name", draft.sign_name),
                ("holdout_salt", draft.holdout_salt),
                ("brand", draft.brand),
                ("topic", draft.topic),
            )
        ),
        (len(draft.parameters) <= MAX_PARAMETERS, "template.parameters", f"are more than {MAX_PARAMETERS}"),
        (
            all(
                len(name) <= MAX_REFERENCE_CHARS and len(value) <= MAX_PARAMETER_CHARS
                for name, value in draft.parameters.items()
            ),
            "template.parameters",
            f"hold a name of more than {MAX_REFERENCE_CHARS} characters or a text of more than {MAX_PARAMETER_CHARS}",
        ),
        (len(draft.text) <= MAX_TEXT_CHARS, "template.text", f"is longer than {MAX_TEXT_CHARS} characters"),
        (len(draft.url) <= MAX_URL_CHARS, "template.url", f"is longer than {MAX_URL_CHARS} characters"),
    ]
    for holds, name, problem in checks:
        if not holds:
            return f"campaign.{name}", problem
    return None
