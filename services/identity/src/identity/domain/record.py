"""A record as the front door lets it in: checked, normalised, without what was refused."""

from dataclasses import dataclass
from typing import NamedTuple

from identity.domain.attributes import AttributeStatement
from identity.domain.consents import Channel
from identity.domain.evidence import LinkKind
from identity.domain.normalise import Problem

MAX_FUTURE_S = 600
"""A record this far ahead of the suite's clock is clamped to now; beyond it is refused."""
MAX_KEY_ID = 2**62
UNKNOWN_ANCHOR = "is no key of this tenant that may link: take it from GetContactPoints"


class Identifier(NamedTuple):
    """An identifier in normal form with its scope made explicit; a blocked one, a built-in placeholder, is stored and
    never links. `verified`: the source has proof that it is the person's."""

    namespace: str
    scope: str
    value: str
    blocked: bool = False
    verified: bool = False


class Event(NamedTuple):
    """`properties` are the open ones in their published encoding."""

    type: str
    properties: bytes


class StatedAddress(NamedTuple):
    """An address in normal form."""

    channel: Channel
    scope: str
    address: str


@dataclass(frozen=True, slots=True)
class StatedConsent:
    """A permission given or taken back at an address; times are microseconds since 1970."""

    at: StatedAddress
    purpose: str
    granted: bool
    time_us: int
    expire_us: int | None
    text_version: str
    evidence: str


class Record(NamedTuple):
    """What one source says at one moment. `digest` is of the content as it was sent. `anchor_key_id` is the key that
    a record without identifiers names itself; 0 for none."""

    source: str
    record_id: str
    digest: bytes
    time_us: int
    brand: str
    identifiers: tuple[Identifier, ...]
    event: Event | None
    attributes: tuple[AttributeStatement, ...]
    consents: tuple[StatedConsent, ...]
    contact_points: tuple[StatedAddress, ...]
    anchor_key_id: int = 0
    link_kind: LinkKind = LinkKind.CO_OCCURRENCE


class Refusal(NamedTuple):
    """A part that was not taken: where, why, and how to mend it, without the value itself."""

    field: str
    problem: Problem
    hint: str


class Arrival(NamedTuple):
    """One record of a batch: what is taken of it (None when it is refused as a whole) and what is not."""

    record: Record | None
    refusals: tuple[Refusal, ...]


class ResolvedEvent(NamedTuple):
    """An event as others see it: identifiers replaced by keys; `properties` as in Event."""

    ingest_sequence: int
    source: str
    event_id: str
    brand: str
    type: str
    time_us: int
    anchor_key_id: int
    other_key_ids: tuple[int, ...]
    properties: bytes
