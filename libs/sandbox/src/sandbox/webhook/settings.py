"""What the stand-in for a webhook's receiver is told: how calls are signed, whom and what it knows."""

from dataclasses import dataclass, field

from sandbox.directory import Directory
from sandbox.document import Reader


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    secrets: tuple[str, ...] = field(repr=False)
    """whsec_...: one of them must have signed, unless a public key has."""
    public_keys: tuple[str, ...]
    """whpk_..."""
    contact_channel: str
    """sms, wechat, push or email: what the addresses are."""
    templates: frozenset[str]
    """Empty = every template_id is known."""
    people: Directory
    open: bool
    """False: the endpoint is closed for good and says so with 410."""


def read(reader: Reader) -> WebhookSettings:
    """Read the section `webhook`; problems go to the reader."""
    settings = WebhookSettings(
        secrets=reader.texts("secrets"),
        public_keys=reader.texts("public_keys"),
        contact_channel=reader.choice("contact_channel", ("sms", "wechat", "push", "email"), "push"),
        templates=frozenset(reader.texts("templates")),
        people=Directory.read(reader.mapping("people")),
        open=reader.flag("open", True),
    )
    if not settings.secrets and not settings.public_keys:
        reader.problems.append(f"{reader.path} must hold secrets or public_keys")
    reader.close()
    return settings
