"""Mails in batches over kept connections; nothing protects from sending twice what was sent and not answered."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from activation.channels import answers
from activation.channels.email import batch_smtp, bounces
from activation.channels.email.batch_smtp import Mail
from activation.channels.email.connections import MAX_CONNECTIONS, ClosedError, Connections, Door, UnfitError
from activation.channels.email.conversation import GOES_DOWN, LostError, Phase, Progress, Said
from activation.channels.email.dkim import DkimSigner
from activation.channels.email.mime import ADDRESS, MAX_URL_CHARS, UNSUBSCRIBE_URL, URL, Sender, Skeleton
from activation.channels.email.templates import MailTemplate
from activation.channels.error_table import ErrorTable, Meaning, load
from activation.channels.port import (
    Batch,
    BatchRefusedError,
    Caps,
    Idempotency,
    Inbound,
    KeyScope,
    Message,
    MessageClass,
    Outcome,
    Problem,
    Receipt,
    ReceiptKind,
    Scope,
    Target,
    Verdict,
)
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

ACTION = "mail"
MAX_SKELETONS = 32
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""Of a stored request; mails that are too long together are sent one by one."""
CAPS = Caps(
    name="email",
    contact_channel="email",
    max_batch=50,
    groups_by=(),
    idempotency=Idempotency.NONE,
    key_scope=KeyScope.TARGET,
    keys_from_provider=False,
    max_key_bytes=64,
    receipt=ReceiptKind.PUSH,
    marketing_allowed=True,
)
BOUNCES = re.compile(rf"(?={ADDRESS.pattern})[^@+]{{1,31}}@.*")
"""Where a key finds room behind the name."""
KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The delivery's id: of it Message-ID and return path are made."""
_AGAIN = re.compile(r"\b(\d{1,5}) ?(s|sec|secs|seconds?|m|min|mins|minutes?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EmailAccount:
    sender: str
    """Name <address>, whom mails come from."""
    username: str = ""
    password: str = field(default="", repr=False)
    bounce_address: str = ""
    """Where mails come back to, each to name+<delivery id>@domain; empty: to the sender."""
    dkim_selector: str = ""
    """Empty: the mail server signs, or nobody."""
    dkim_key: str = field(default="", repr=False)
    ca_file: str = ""
    """Authorities that the server's certificate may come from; empty: the system's."""
    connections: str = str(MAX_CONNECTIONS)
    """At once, as a number; many servers take only some from one customer."""


class EmailChannel:
    """Class U. A mail is certainly not sent until the dot behind its content is written; without an answer to that it
    is UNKNOWN and stays so."""

    caps = CAPS

    def __init__(
        self,
        account: EmailAccount,
        templates: Mapping[str, MailTemplate],
        now: Callable[[], datetime],
        base_url: str,
    ) -> None:
        """`base_url` is like smtp://host:587, see Door; `now` the suite's clock, aware. Raises ValueError when the
        account cannot be used, without showing its secrets."""
        self._sender = Sender(account.sender)
        self._bounces = account.bounce_address
        if self._bounces and not BOUNCES.fullmatch(self._bounces):
            raise ValueError("bounce_address: is no address with at most 31 characters before the @")
        if bool(account.dkim_selector) != bool(account.dkim_key):
            raise ValueError("dkim_selector: goes with dkim_key")
        self._signer = (
            DkimSigner(self._sender.domain, account.dkim_selector, account.dkim_key)
            if account.dkim_selector
            else None
        )
        door = Door.at(base_url, account.username, account.password, self._sender.domain, account.ca_file)
        if not account.connections.isdecimal() or not 1 <= int(account.connections) <= MAX_CONNECTIONS:
            raise ValueError(f"connections: is not between 1 and {MAX_CONNECTIONS}")
        self._connections = Connections(door, int(account.connections))
        self._templates = templates
        self._now = now
        self._errors: ErrorTable = load(__package__ or "")
        self._skeletons: OrderedDict[object, Skeleton] = OrderedDict()

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        template = self._template(message)
        if template is None and message.template_id:
            hint = "no such template stands in the account's folder of templates"
            return (Problem("template_id", "TEMPLATE_UNKNOWN", hint),)
        if template is None:
            hint = "name a template_id, or set parameters.subject and parameters.text"
            return (Problem("template_id", "TEMPLATE_MISSING", hint),)
        skeleton = self._skeleton(message, template)
        return tuple(fault for target in targets for fault in self._faults(message, skeleton, target))

    def build(self, batch: Batch) -> WireRequest:
        if not 1 <= len(batch.targets) <= CAPS.max_batch:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a batch holds 1 to {CAPS.max_batch}")
        template = self._template(batch.message)
        if template is None:
            raise BatchRefusedError("the account has no such template, and the message no text")
        skeleton = self._skeleton(batch.message, template)
        mails = []
        for target in batch.targets:
            if not KEY.fullmatch(target.key):
                raise BatchRefusedError("a key must have 1 to 64 letters, digits, _ and -")
            if fault := next(self._faults(batch.message, skeleton, target), None):
                raise BatchRefusedError(f"{fault.field}: {fault.hint}")
            content = skeleton.mail(target.address, target.key, target.parameters)
            mails.append(Mail(self._return_path(target.key), target.address.encode(), content))
        body = batch_smtp.write(mails)
        if len(body) > MAX_BATCH_BYTES:
            raise BatchRefusedError(f"{len(body)} bytes; a batch holds {MAX_BATCH_BYTES}")
        return WireRequest(
            action=ACTION,
            method="SMTP",
            path="",
            query=(),
            content_type=batch_smtp.CONTENT_TYPE,
            body=body,
            deliveries=tuple(target.delivery_id for target in batch.targets),
            keys=tuple(target.key for target in batch.targets),
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        progress = Progress([])
        lost: dict[int, str] = {}
        try:
            async with asyncio.timeout(timeout_s):
                for mail in batch_smtp.read(wire.body):
                    progress.mails.append(self._dated(mail))
                    await asyncio.sleep(0)  # a signature takes its time; others have their turn between two
                rest = await self._send_all(progress, lost)
        except TimeoutError:
            _lose(progress, lost, "TIMEOUT")
            rest = _not_sent("TIMEOUT")
        return tuple(
            Outcome(delivery, Verdict.UNKNOWN, lost[place])
            if place in lost
            else self._outcome(delivery, wire.keys[place], progress.said.get(place), rest)
            for place, delivery in enumerate(wire.deliveries)
        )

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        return bounces.receipts(callback, self._sender.domain)

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        return bounces.inbound(callback, self._sender.domain)

    def answer(self, callback: Callback) -> CallbackAnswer:
        return CallbackAnswer(200, "text/plain", b"")

    async def close(self) -> None:
        self._connections.close()

    async def _send_all(self, progress: Progress, lost: dict[int, str]) -> Outcome:
        """Send what can be sent, on as many connections as it takes. Returns what holds for mails that nothing was said
        of; `lost` takes why nothing was said although the dot was written."""
        while progress.place < len(progress.mails):
            before = progress.place
            try:
                conversation, fresh = await self._connections.take()
            except UnfitError as error:
                return Outcome("", Verdict.REJECTED, str(error), Scope.ACCOUNT)
            except ClosedError as error:
                return _not_sent(str(error)) if error.said is None else self._refused("", error.said)
            try:
                await conversation.send(progress)
            except LostError as error:
                _lose(progress, lost, error.reason)
                if fresh and progress.place == before:
                    return _not_sent(error.reason)
            except BaseException:
                conversation.abort()
                raise
            finally:
                self._connections.give_back(conversation)
            if progress.stopped is not None:
                return self._refused("", progress.stopped)
        return _not_sent("")

    def _outcome(self, delivery: str, key: str, said: Said | None, rest: Outcome) -> Outcome:
        """What was said of a mail; `rest` when nothing was."""
        if said is None:
            return replace(rest, delivery_id=delivery)
        if said.phase is Phase.END and said.reply.done:
            return Outcome(delivery, Verdict.ACCEPTED, message_id=f"{key}@{self._sender.domain}")
        return self._refused(delivery, said)

    def _refused(self, delivery: str, said: Said) -> Outcome:
        code = f"{said.reply.code} {said.reply.enhanced}".rstrip()
        return self._meaning(said).outcome(delivery, code, batch=1, after_s=_again_s(said.reply.text))

    def _meaning(self, said: Said) -> Meaning:
        reply = said.reply
        if reply.code == GOES_DOWN:
            code = f"{reply.code} {reply.enhanced}".rstrip()
        elif said.phase is Phase.RCPT and reply.code >= 500 and "relay" in reply.text.lower():
            code = "relay"
        else:
            code = reply.enhanced or str(reply.code)
        return self._errors.meaning(f"{said.phase.value} {code}")

    def _dated(self, mail: Mail) -> Mail:
        """The mail as it goes out: with the time of its submission and, where the account signs, signed."""
        now = self._now()
        content = b"Date: " + format_datetime(now.astimezone(UTC)).encode() + b"\r\n" + mail.content
        if self._signer is not None:
            content = self._signer.header(content, int(now.timestamp())) + content
        return replace(mail, content=content)

    def _template(self, message: Message) -> MailTemplate | None:
        if message.template_id:
            return self._templates.get(message.template_id)
        subject, text = message.parameters.get("subject", ""), message.parameters.get("text", "")
        return MailTemplate(subject, text, message.parameters.get("html", "")) if subject and text else None

    def _skeleton(self, message: Message, template: MailTemplate) -> Skeleton:
        parameters = _parameters(message)
        key = (message.template_id, message.message_class, *sorted(parameters.items()))
        known = self._skeletons.pop(key, None)
        marketing = message.message_class is MessageClass.MARKETING
        known = known or Skeleton(template, self._sender, parameters, marketing=marketing)
        self._skeletons[key] = known  # the latest stands last
        if len(self._skeletons) > MAX_SKELETONS:
            self._skeletons.popitem(last=False)
        return known

    def _faults(self, message: Message, skeleton: Skeleton, target: Target) -> Iterator[Problem]:
        """What is wrong with one mail."""
        url = target.parameters.get(UNSUBSCRIBE_URL) or message.parameters.get(UNSUBSCRIBE_URL, "")
        marketing = message.message_class is MessageClass.MARKETING
        checks = (
            (
                ADDRESS.fullmatch(target.address),
                "address",
                "ADDRESS_MALFORMED",
                "an address is like a@b.example",
            ),
            (
                url or not marketing,
                f"parameters.{UNSUBSCRIBE_URL}",
                "UNSUBSCRIBE_MISSING",
                "marketing needs a URL that unsubscribes with one click",
            ),
            (
                not url or URL.fullmatch(url),
                f"parameters.{UNSUBSCRIBE_URL}",
                "URL_MALFORMED",
                f"it starts with https:// and has {MAX_URL_CHARS} characters at most, none of them white or not ASCII",
            ),
            (
                not skeleton.missing(target.parameters),
                "parameters",
                "PARAMETERS_MISSING",
                f"the template wants {', '.join(skeleton.missing(target.parameters))}",
            ),
        )
        for holds, name, reason, hint in checks:
            if not holds:
                yield Problem(name, reason, hint, target.delivery_id)

    def _return_path(self, key: str) -> bytes:
        if not self._bounces:
            return self._sender.address.encode()
        name, _, domain = self._bounces.partition("@")
        return f"{name}+{key}@{domain}".encode()


def _parameters(message: Message) -> dict[str, str]:
    """What the message gives to its template: where a tap leads is its `url`."""
    return {"url": message.url, **message.parameters} if message.url else dict(message.parameters)


def _lose(progress: Progress, lost: dict[int, str], reason: str) -> None:
    """The conversation ended: if the dot of a mail was written, nobody knows of it."""
    if progress.dotted:
        lost[progress.place] = reason
        progress.place += 1
        progress.dotted = False


def _not_sent(reason: str) -> Outcome:
    """Nobody's outcome yet."""
    return Outcome("", Verdict.RETRY, reason, after_s=answers.NOT_CONNECTED_RETRY_S)


def _again_s(text: str) -> float | None:
    """How long a refusal asks to wait, where it says so: greylisting and limits of speed often do."""
    found = _AGAIN.search(text)
    if found is None:
        return None
    unit_s = 60.0 if found.group(2).lower().startswith("m") else 1.0
    return min(float(found.group(1)) * unit_s, answers.MAX_RETRY_AFTER_S)
