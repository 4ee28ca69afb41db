"""What came back of a message, as facts for the front door: events, and permissions taken back."""

import datetime as dt
import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Feedback:
    """An event about a delivery. `record_id` follows from what the provider said, so a repeat is the same record.

    With `withdrawn_address` the person takes the marketing permission of that address back.
    """

    record_id: str
    event_type: str
    time: dt.datetime
    campaign_id: str
    delivery_id: str
    channel: str
    reason: str
    birth_key_id: int
    withdrawn_address: str = field(default="", repr=False)
    withdrawn_scope: str = ""


def record_id(account: str, dedupe_key: str, event_type: str) -> str:
    """32 hex digits: blake2b-128 over account, the provider's key and the kind of event."""
    text = "\x1f".join([account, dedupe_key, event_type])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
