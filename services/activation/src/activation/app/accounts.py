"""Provider accounts as the use cases know them, and how long each waits for what."""

from dataclasses import dataclass, field

from activation.channels.port import Caps, Channel, Message, MessageClass
from activation.domain.campaign import MARKETING, Draft


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of the suite's clock. `settle_s` (None: the channel's own): from a submission to the first question what
    became of it; `poll_s`: between two questions; `polls`: so often in a row the provider must not know a message
    before it may be sent again; `no_receipt_s`: from acceptance to NO_RECEIPT."""

    settle_s: float | None = None
    poll_s: float = 600.0
    polls: int = 2
    no_receipt_s: float = 72 * 3_600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of the machine. A submission that has no result after twice `submit_timeout_s` is UNKNOWN; a claim not
    written down after `lease_s` is given back."""

    lease_s: float = 60.0
    submit_timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account: its channel, and the scope of addresses it reaches (an app id, or empty)."""

    name: str
    channel: Channel
    scope: str
    calls_per_s: int
    timings: Timings = field(default_factory=Timings)

    @property
    def caps(self) -> Caps:
        return self.channel.caps

    @property
    def settle_s(self) -> float:
        """From a submission to the first question what became of it."""
        return self.caps.settle_s if self.timings.settle_s is None else self.timings.settle_s


def message_of(draft: Draft) -> Message:
    """The message as channels know it: to them a one-time password is transactional."""
    marketing = draft.message_class == MARKETING
    return Message(
        message_class=MessageClass.MARKETING if marketing else MessageClass.TRANSACTIONAL,
        template_id=draft.template_id,
        sign_name=draft.sign_name,
        parameters=draft.parameters,
        url=draft.url,
    )


def key_about(tenant: str, campaign_id: str) -> str:
    """What a campaign's key is bound to."""
    return f"campaign/{tenant}/{campaign_id}"
