"""The port of a channel: one provider account to send through. Pure of storage, policy and rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from activation.channels.wire import Callback, CallbackAnswer, WireRequest

MAX_PARAMETERS = 32
MAX_PARAMETER_CHARS = 256
MAX_URL_CHARS = 1_024


class Idempotency(StrEnum):
    """What protects against sending twice, and so what resolves an UNKNOWN."""

    KEYED = "A"
    """The provider sends a key once within a window: submit the same WireRequest again inside it."""
    QUERYABLE = "B"
    """The provider can be asked what it sent: the channel is Reconcilable."""
    REPLACING = "C"
    """Sending again replaces: submit again at any time."""
    NONE = "U"
    """Nothing: an UNKNOWN stays one, or is risked again by policy."""


class KeyScope(StrEnum):
    """What one key stands for."""

    BATCH = "batch"
    """All targets of a batch carry the batch's key."""
    TARGET = "target"
    """Each target carries its own."""


class ReceiptKind(StrEnum):
    """How the provider tells what became of a message."""

    PUSH = "push"
    TOTALS = "totals"
    """Pushed, but of a message as a whole: only what is true of all its targets can be told."""
    POLL = "poll"
    NONE = "none"


class MessageClass(StrEnum):
    """What a message is, by law and by the provider's rules."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


class Verdict(StrEnum):
    """What a submission did for one target."""

    ACCEPTED = "accepted"
    """The provider took it, now or at an earlier submission of the same key. It may still fail to arrive."""
    REJECTED = "rejected"
    """Certainly not sent by this submission, and the same request would be refused again; see scope."""
    DEFER = "defer"
    """Certainly not sent; the provider wants it later, after `after_s`. Not a failure of anybody."""
    RETRY = "retry"
    """Certainly not sent; try again after `after_s`, as a new batch with a new key if need be."""
    UNKNOWN = "unknown"
    """It may have been sent. Never treat as failed: resolve it by the channel's Idempotency."""


class Scope(StrEnum):
    """What a rejection is about."""

    RECIPIENT = "recipient"
    """This address; nobody else is concerned."""
    CAMPAIGN = "campaign"
    """The template, sign or parameters: every target will be refused; pause the campaign."""
    ACCOUNT = "account"
    """The provider account: keys, money, quota; stop everything on it and raise an alarm, fail no target."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What a channel can and cannot; constant for the life of the channel."""

    name: str
    """aliyun_sms, wechat_template, jpush: what a campaign names."""
    contact_channel: str
    """sms, wechat or push: the channel of identity's contact points and consents."""
    max_batch: int
    """Targets in one request."""
    groups_by: tuple[str, ...]
    """What the targets of a batch must share beside the message: "parameters" when one text goes to all."""
    idempotency: Idempotency
    key_scope: KeyScope
    keys_from_provider: bool
    """The channel is a KeySource: reserve keys and store them before the batch is submitted."""
    max_key_bytes: int
    receipt: ReceiptKind
    marketing_allowed: bool
    min_batch: int = 1
    """Fewer targets the provider does not take."""
    idempotency_window_s: float | None = None
    """KEYED: how long the provider remembers a key from its first use."""
    settle_s: float = 0.0
    """QUERYABLE: how long after a submission it makes sense to ask for the first time."""
    absence_s: float = 0.0
    """QUERYABLE: how long after a submission a message that the provider does not show may still have been sent, where
    that is longer than settle_s; until then the channel calls it UNANSWERED, never ABSENT."""
    marketing_hours: tuple[int, int] | None = None
    """Hours [first, last) of the recipient's day in which the provider takes marketing; None = always."""
    needs_grant: bool = False
    """Each message uses up a permission that the person gave for it."""
    human_confirm: bool = False
    """Accepted means that a task was created for an employee."""
    region: str = "CN"
    calls_per_minute: int | None = None
    """What the provider allows an ordinary account; None = not published. An account may have more or less."""
    messages_per_day: int | None = None
    """Likewise, per calendar day of the provider."""
    marketing_per_person_day: int | None = None
    """What a device shows of an app's marketing in a day of the provider; more is accepted and not shown."""
    messages_per_person_month: int | None = None
    """What the provider lets a person have in a calendar month, from all senders of the account."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a campaign sends."""

    message_class: MessageClass
    template_id: str = ""
    """The provider's id of the approved template; empty where the provider has none."""
    sign_name: str = ""
    """The registered SMS signature, without 【】."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Values of the template's variables; for push the text itself: title and alert."""
    url: str = ""
    """Where a tap leads."""


@dataclass(frozen=True, slots=True)
class Target:
    """One delivery in a batch. Neither address nor parameters show in repr: they are personal data."""

    delivery_id: str
    key: str
    """The idempotency key; with KeyScope.BATCH the batch's."""
    address: str = field(repr=False)
    """As identity gives it: E.164 phone, openid, registration id."""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Win over the message's."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes into one request; 1 to caps.max_batch targets, in the order of the outcomes."""

    key: str
    message: Message
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a message or a target cannot be sent through this channel; found before anything is sent."""

    field: str
    reason: str
    """Upper snake case and stable, such as MARKETING_REFUSED, TEMPLATE_MISSING, ADDRESS_MALFORMED."""
    hint: str
    """How to repair it; no personal data."""
    delivery_id: str = ""
    """Empty when the message itself is at fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict for one target."""

    delivery_id: str
    verdict: Verdict
    reason: str = ""
    """The provider's code, or TIMEOUT, CUT, UNREADABLE, HTTP_<status>, NOT_CONNECTED; empty when accepted."""
    scope: Scope | None = None
    """Only with REJECTED."""
    after_s: float = 0.0
    """Only with DEFER and RETRY: at least so long, in seconds of the suite's clock."""
    alone: bool = False
    """Only with RETRY: one target of the batch is at fault, nobody says which; send each alone."""
    message_id: str = ""
    """The provider's id for the message or the whole batch; receipts may carry it."""
    unreachable: bool = False
    """Only with REJECTED for the recipient's sake: the address will never work, by the provider's own words."""
    gone_since: datetime | None = None
    """Only when unreachable, and only where the provider says it: the address has not worked since then, so one that
    was registered later is another and may work. Aware, UTC."""


class Found(StrEnum):
    """What a query knows of one target."""

    SENT = "sent"
    ABSENT = "absent"
    """The provider shows no such message now; before settle_s has passed that proves nothing."""
    UNANSWERED = "unanswered"
    """The query failed; ask again later."""


class ReceiptStatus(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of a query for one target."""

    delivery_id: str
    found: Found
    status: ReceiptStatus | None = None
    """With SENT: what became of it; None when not known yet."""
    code: str = ""
    """The provider's status code, or why the query went unanswered."""
    message_id: str = ""
    """With SENT: the provider's id, where the answer tells it; receipts may carry it and nothing else."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message, as pushed. Match by (key, address) or by (message_id, address)."""

    dedupe_key: str
    """The same for every repeat of this receipt; carries no personal data."""
    key: str
    message_id: str
    address: str = field(repr=False)
    """As identity gives it, so that it can be hashed alike; empty when it is about every target of the message."""
    status: ReceiptStatus
    code: str
    at: datetime
    """When it became so, by the provider; aware, UTC."""
    unreachable: bool = False
    """The address will never work: suppress it."""


class InboundKind(StrEnum):
    OPT_OUT = "opt_out"
    """The person wants no more messages on this channel."""
    REPLY = "reply"
    CLICK = "click"
    GRANT = "grant"
    """The person allows some messages more; see Inbound.grants."""
    GRANTS_ENDED = "grants_ended"
    """The person takes back what was allowed."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a person did, as the provider pushed it."""

    dedupe_key: str
    kind: InboundKind
    address: str = field(repr=False)
    at: datetime
    key: str = ""
    message_id: str = ""
    """Which message it answers, where the provider says so."""
    template_id: str = ""
    """GRANT and GRANTS_ENDED: for messages of this template; empty where the channel's grants know no templates."""
    grants: int = 0
    """GRANT: for so many messages. Without an end they add to those there are; with one they take the place of those
    that end before."""
    ends_at: datetime | None = None


class ChannelError(Exception):
    """Base of what a channel raises; everything else a provider does is an Outcome."""


class BatchRefusedError(ChannelError):
    """The batch breaks the channel's caps; the caller has to build another. Nothing was sent."""


class KeysUnavailableError(ChannelError):
    """The provider gave no keys; nothing was sent. Try again after `after_s` seconds (suite's clock)."""

    def __init__(self, reason: str, after_s: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


class CallbackForgedError(ChannelError):
    """The callback does not prove that it comes from the provider. Answer 403 and keep nothing."""


class CallbackMalformedError(ChannelError):
    """The callback is authentic as far as can be told, but not readable. Keep the raw bytes for a human."""


class Channel(Protocol):
    """One provider account. Safe for concurrent use in one event loop; keeps only tokens in memory."""

    @property
    def caps(self) -> Caps: ...

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        """What would be refused, found without asking anybody; the message's problems first."""
        ...

    def build(self, batch: Batch) -> WireRequest:
        """Write the request: a function of the batch alone, without credentials, date or nonce.

        Store its bytes (encrypted) before submitting: an UNKNOWN of class A is resolved by submitting the
        same bytes again. Raises BatchRefusedError when the batch breaks the caps.
        """
        ...

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        """Sign and send once; one outcome per delivery, in order. Never raises for the provider.

        `timeout_s` is machine time for all of it. Only failures before a connection stood are "certainly not
        sent"; anything later without a readable answer is UNKNOWN, and so is 5xx. 429 is RETRY. An expired
        token is renewed and the request sent once more, as that answer says that nothing was done.

        On a second submission of the same wire only ACCEPTED settles the first: every other verdict speaks of
        this submission alone and leaves the target UNKNOWN.

        Cancelling it leaves every target UNKNOWN.
        """
        ...

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        """The receipts in a callback, in its order; empty when it carries other things.

        Raises CallbackForgedError and CallbackMalformedError. Reads nothing but its argument, so it can run
        long after the callback was answered.
        """
        ...

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        """What people did, from the same callbacks as parse_receipts; the same errors."""
        ...

    def answer(self, callback: Callback) -> CallbackAnswer:
        """What the provider wants to hear once the callback is stored; also the reply to its probes (GET).

        Raises CallbackForgedError.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Reconcilable(Protocol):
    """A channel whose provider can be asked what it sent: exactly the channels of Idempotency.QUERYABLE."""

    async def query(self, wire: WireRequest, submitted_at: datetime, timeout_s: float) -> tuple[Finding, ...]:
        """Ask for every delivery of `wire`; one finding each, in its order. Never raises for the provider.

        `submitted_at` is the suite's time of the submission. Serves as well to poll for the outcome of
        accepted deliveries whose receipt never came. Costs one or more calls per target.
        """
        ...


@runtime_checkable
class KeySource(Protocol):
    """A channel whose keys come from the provider: exactly those with caps.keys_from_provider."""

    async def reserve_keys(self, count: int, timeout_s: float) -> tuple[str, ...]:
        """Fetch `count` fresh keys, 1 to 1,000; they last caps.idempotency_window_s from now.

        Unused keys are lost without harm. Raises KeysUnavailableError.
        """
        ...


@runtime_checkable
class SharesCallbacks(Protocol):
    """A channel whose provider has one URL for all channels of an account: what comes there is read by each of them."""

    @property
    def callback_source(self) -> str:
        """The same for channels that share, such as the provider and its account; never empty."""
        ...
