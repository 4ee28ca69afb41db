"""The mail server: takes every mail it is given, also the same one twice, and delivers each."""

from sandbox.carrier import Message
from sandbox.doors import Door
from sandbox.exchange import Exchange
from sandbox.faults import Rule
from sandbox.provider import Call, Desk, Reply
from sandbox.smtp.door import RECIPIENT, USERNAME, SmtpDoor
from sandbox.smtp.receipts import SmtpCourier, reports
from sandbox.smtp.settings import MailAccount, SmtpSettings
from sandbox.smtp.verify import Mail, read_mail, refuse

NAME = "smtp"
ACTION = "mail"


class Smtp:
    """SMTP has no key: nothing is recognised as sent before."""

    name = NAME

    def __init__(self, settings: SmtpSettings, desk: Desk) -> None:
        self.settings = settings
        self._desk = desk
        self.courier = SmtpCourier(settings)

    def door(self, exchange: Exchange) -> Door:
        """SMTP."""
        return SmtpDoor(self, exchange)

    def action(self, call: Call) -> str:
        return ACTION

    def account(self, username: str, password: str) -> MailAccount | None:
        """The account that logs in so."""
        account = self.settings.accounts.get(username)
        return account if account is not None and account.password == password else None

    def handle(self, call: Call) -> Reply:
        """A whole mail, whose recipient is known."""
        if len(call.body) > self.settings.max_bytes:
            raise refuse(552, "5.3.4 the mail is too big")
        mail = read_mail(call.body, self.settings.dkim_keys)
        message = self._message(call, mail)
        effect_id, response = self._desk.carrier.send(message)
        owed = reports(message, call, self._desk.clock.now(), response, self.settings.reports_success)
        self._desk.owe(NAME, effect_id, owed)
        return Reply(250, f"2.0.0 Ok: queued as {effect_id}".encode())

    def broken(self, status: int) -> Reply:
        """Whatever HTTP would say: the server goes down."""
        return Reply(421, b"4.3.2 the server goes down")

    def throttled(self, rule: Rule) -> Reply:
        return Reply(451, f"4.7.1 too many mails, try again in {rule.retry_after_s} seconds".encode())

    def recipients(self, call: Call) -> int:
        """A mail is taken whole or not at all."""
        return 0

    def expire_tokens(self) -> None:
        """Passwords do not expire."""

    def _message(self, call: Call, mail: Mail) -> Message:
        address = call.headers[RECIPIENT]
        return Message(
            provider=NAME,
            channel="email",
            account=call.headers[USERNAME],
            action=ACTION,
            address=address,
            key=mail.key,
            message_id=mail.message_id,
            topic=mail.subject,
            marketing=mail.marketing,
            text=mail.text,
            request_digest=call.digest,
            failure="5.1.1",
            failed=not self.settings.people.reachable(address),
        )
