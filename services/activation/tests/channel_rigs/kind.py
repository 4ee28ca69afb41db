"""What the contract suite has to know of a channel."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from activation.channels.port import Channel, Message, MessageClass
from activation.channels.transport import Transport

SECRET = "provider-secret-for-tests"
SERVICE = MessageClass.TRANSACTIONAL
MANY = 1_000
"""So many addresses a provider knows where it knows only some."""


@dataclass(frozen=True)
class Means:
    """What channels are made with."""

    transport: Transport
    now: Callable[[], datetime]
    new_id: Callable[[], str]


@dataclass(frozen=True)
class Kind:
    """One way to use one channel."""

    provider: str
    """The sandbox's name of the provider."""
    action: str
    """The provider's name of what sends."""
    section: Callable[[str, Path], dict[str, object]]
    """(receipts URL, a folder for files) -> the provider's section of the sandbox's settings."""
    make: Callable[[Means, str, str], Channel]
    """(means, secret, base URL) -> the channel."""
    says: Callable[[str], tuple[Message, str]]
    """A message with these words in it, and the whole text that the person must see."""
    bad_message: Message
    """Refused for the campaign's sake."""
    addresses: Callable[[int], list[str]]
    stranger: str = ""
    """An address that the provider refuses; empty when there is none."""
    local: Callable[[str], str] = str
    """The address as the provider writes it."""
    names_messages: bool = True
    """The answer to a sending names the message."""
    tells_acts: bool = True
    """The provider tells what people do with a message."""


def listed(folder: Path, name: str, addresses: list[str]) -> str:
    """A file that lists what the provider knows."""
    file = folder / name
    file.write_text("\n".join(addresses))
    return str(file)
