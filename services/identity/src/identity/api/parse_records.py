"""From record messages to what the front door lets in: limits checked, values normalised, refusals named."""

import hashlib
import re
from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import change_pb2, identifier_pb2, record_pb2
from servicekit.values import microseconds, time_problem

from identity.api.values import name_is_valid, normalise_attribute, normalise_kind
from identity.domain.attributes import AttributeDictionary, AttributeStatement, Release
from identity.domain.consents import Channel
from identity.domain.evidence import LinkKind
from identity.domain.normalise import (
    MAX_SCOPE_CHARS,
    Normaliser,
    Problem,
    Unusable,
    scope_is_valid,
)
from identity.domain.policy import Form, Policy
from identity.domain.record import (
    MAX_FUTURE_S,
    MAX_KEY_ID,
    UNKNOWN_ANCHOR,
    Arrival,
    Event,
    Identifier,
    Record,
    Refusal,
    StatedAddress,
    StatedConsent,
)

MAX_RECORD_ID_CHARS = 128
MAX_BRAND_CHARS = 64
MAX_IDENTIFIERS = 20
MAX_ATTRIBUTES = 64
MAX_CONSENTS = 32
MAX_CONTACT_POINTS = 16
MAX_PROPERTIES = 64
MAX_PROPERTIES_BYTES = 64 * 1024
MAX_TEXT_VERSION_CHARS = 64
MAX_EVIDENCE_CHARS = 256
NANOS_OF_SECOND = 1_000_000_000
ANCHORING_SOURCE = "activation"
"""The source whose records name their anchor: what comes back of a delivery."""
DIGEST_BYTES = 16
_BRAND = re.compile(r"[a-z0-9_-]{0,64}")
FORM_OF_CHANNEL = {
    Channel.SMS: Form.PHONE,
    Channel.WECHAT: Form.TOKEN,
    Channel.PUSH: Form.TOKEN,
    Channel.EMAIL: Form.EMAIL,
}
_LINK_KINDS = {int(kind): kind for kind in LinkKind}
SCOPED_CHANNELS = frozenset({Channel.WECHAT, Channel.PUSH})
NAME_HINT = "is not 1 to 64 characters of a-z, 0-9 and _"
SCOPE_HINT = f"is not at most {MAX_SCOPE_CHARS} characters of A-Z, a-z, 0-9 and _ . : -"


class _Refused(Exception):
    """The record, or the part of it at hand, is not taken."""

    def __init__(self, field: str, problem: Problem, hint: str) -> None:
        super().__init__(field)
        self.refusal = Refusal(field, problem, hint)


class RecordParser:
    """Parses under one policy and dictionary. The only state is the normaliser's memory."""

    def __init__(
        self,
        policy: Policy,
        normaliser: Normaliser,
        dictionary: AttributeDictionary,
        closed_properties: frozenset[str],
    ) -> None:
        self._policy = policy
        self._normaliser = normaliser
        self._dictionary = dictionary
        self._closed_properties = closed_properties

    def under(self, policy: Policy) -> "RecordParser":
        """A parser that takes the policy's own namespaces, too; itself where it has none."""
        if policy.namespaces.keys() == self._policy.namespaces.keys():
            return self
        return RecordParser(policy, self._normaliser.under(policy), self._dictionary, self._closed_properties)

    def parse(
        self, records: Iterable[record_pb2.Record], now_us: int, *, may_anchor: bool = False
    ) -> list[Arrival]:
        """One arrival per record, in order. Brings the messages' texts to normal form in place. `may_anchor`: the
        caller may name anchors."""
        return [self._arrival(message, now_us, may_anchor) for message in records]

    def _arrival(self, message: record_pb2.Record, now_us: int, may_anchor: bool) -> Arrival:
        """Each field is read once: a read of a message makes an object."""
        sent = message.SerializeToString(deterministic=True)
        digest = hashlib.blake2b(sent, digest_size=DIGEST_BYTES).digest()
        source, record_id, brand = message.source, message.record_id, message.brand
        stated, link_kind = message.identifiers, message.link_kind
        attributes, consents, contact_points = message.attributes, message.consents, message.contact_points
        refusals: list[Refusal] = []
        try:
            _check_place(source, record_id, brand, link_kind)
            _limit("identifiers", len(stated), MAX_IDENTIFIERS)
            _limit("attributes", len(attributes), MAX_ATTRIBUTES)
            _limit("consents", len(consents), MAX_CONSENTS)
            _limit("contact_points", len(contact_points), MAX_CONTACT_POINTS)
            anchor_key_id = message.anchor_key_id
            if anchor_key_id:
                _check_anchor(message, may_anchor)
            time_us = _time_of("time", message.time if message.HasField("time") else None, now_us)
            event = None
            if message.HasField("event"):
                event = self._event(message.event, len(sent))
        except _Refused as refused:
            return Arrival(None, (refused.refusal,))
        identifiers = self._identifiers(stated, source, refusals)
        anchored = any(not identifier.blocked for identifier in identifiers)
        record = Record(
            source,
            record_id,
            digest,
            time_us,
            brand,
            identifiers,
            event,
            self._attributes(message, time_us, anchored, refusals) if attributes else (),
            self._consents(message, time_us, now_us, refusals) if consents else (),
            self._contact_points(message, anchored, refusals) if contact_points else (),
            anchor_key_id,
            _LINK_KINDS[link_kind],
        )
        return Arrival(record, tuple(refusals))

    def _identifiers(
        self, stated: Iterable[identifier_pb2.Identifier], source: str, refusals: list[Refusal]
    ) -> tuple[Identifier, ...]:
        taken: list[Identifier] = []
        for index, each in enumerate(stated):
            namespace, scope = each.namespace, each.scope
            normal = self._normaliser.value(namespace, each.value)
            if isinstance(normal, Unusable):
                refusals.append(Refusal(f"identifiers[{index}]", normal.problem, normal.hint))
            elif scope and not scope_is_valid(scope):
                refusals.append(Refusal(f"identifiers[{index}].scope", Problem.FIELD_INVALID, SCOPE_HINT))
            else:
                if not scope:
                    scope = self._policy.scope_of(namespace, scope, source)
                taken.append(Identifier(namespace, scope, normal.text, normal.blocked, each.verified))
                if normal.blocked:
                    refusals.append(
                        Refusal(
                            f"identifiers[{index}]", Problem.VALUE_BLOCKED, "is a placeholder: leave it out"
                        )
                    )
        return tuple(taken)

    def _event(self, message: record_pb2.Event, most_bytes: int) -> Event:
        """The event with its open properties in the published encoding; it has at most `most_bytes`. Raises
        _Refused."""
        type_, properties = message.type, message.properties
        if not name_is_valid(type_):
            raise _Refused("event.type", Problem.FIELD_INVALID, NAME_HINT)
        _limit("event.properties", len(properties), MAX_PROPERTIES)
        if most_bytes > MAX_PROPERTIES_BYTES:
            _limit_bytes(message.ByteSize())
        closed = self._closed_properties
        dropped: list[str] = []
        for name, value in properties.items():
            if not name_is_valid(name):
                raise _Refused("event.properties", Problem.FIELD_INVALID, f"a name {NAME_HINT}")
            kind = value.WhichOneof("kind")
            problem = normalise_kind(value, kind, closed)
            if problem:
                raise _Refused(f"event.properties[{name}]", Problem.FIELD_INVALID, problem)
            if kind is None or name in closed:
                dropped.append(name)
        for name in dropped:
            del properties[name]
        published = change_pb2.ResolvedEvent()
        published.properties.MergeFrom(properties)
        encoded = published.SerializeToString()
        _limit_bytes(len(encoded))  # the normal form of a text may be longer than the text
        return Event(type_, encoded)

    def _attributes(
        self, message: record_pb2.Record, time_us: int, anchored: bool, refusals: list[Refusal]
    ) -> tuple[AttributeStatement, ...]:
        """Whether they are verified, the policy tells (keying.py)."""
        taken: list[AttributeStatement] = []
        for name, value in message.attributes.items():
            definition = self._dictionary.definitions.get(name)
            if definition is None:
                problem = f"is not declared: use one of {', '.join(self._dictionary.definitions)}"
            else:
                problem = normalise_attribute(value, definition) if anchored else _UNANCHORED_HINT
            if problem:
                shown = name if name_is_valid(name) else "?"
                refusals.append(Refusal(f"attributes[{shown}]", Problem.ATTRIBUTE_INVALID, problem))
            else:
                encoded = value.SerializeToString(deterministic=True)
                closed = definition is not None and definition.release is not Release.OPEN
                taken.append(AttributeStatement(name, message.source, time_us, encoded, closed))
        return tuple(taken)

    def _consents(
        self, message: record_pb2.Record, time_us: int, now_us: int, refusals: list[Refusal]
    ) -> tuple[StatedConsent, ...]:
        taken: list[StatedConsent] = []
        for index, stated in enumerate(message.consents):
            field = f"consents[{index}]"
            try:
                taken.append(self._consent(field, stated, time_us, now_us))
            except _Refused as refused:
                refusals.append(refused.refusal)
        return tuple(taken)

    def _consent(self, field: str, stated: record_pb2.Consent, time_us: int, now_us: int) -> StatedConsent:
        if not name_is_valid(stated.purpose):
            raise _Refused(f"{field}.purpose", Problem.FIELD_INVALID, NAME_HINT)
        _check_text(f"{field}.text_version", stated.text_version, MAX_TEXT_VERSION_CHARS)
        _check_text(f"{field}.evidence", stated.evidence, MAX_EVIDENCE_CHARS)
        said_us = _time_of(f"{field}.time", stated.time, now_us) if stated.HasField("time") else time_us
        expire_us = None
        if stated.HasField("expire_time"):
            expire_us = _microseconds(f"{field}.expire_time", stated.expire_time)
        return StatedConsent(
            self.address(field, stated.channel, stated.scope, stated.address),
            stated.purpose,
            stated.granted,
            said_us,
            expire_us,
            stated.text_version,
            stated.evidence,
        )

    def _contact_points(
        self, message: record_pb2.Record, anchored: bool, refusals: list[Refusal]
    ) -> tuple[StatedAddress, ...]:
        taken: list[StatedAddress] = []
        for index, stated in enumerate(message.contact_points):
            field = f"contact_points[{index}]"
            try:
                if not anchored:
                    raise _Refused(field, Problem.FIELD_INVALID, _UNANCHORED_HINT)
                taken.append(self.address(field, stated.channel, stated.scope, stated.address))
            except _Refused as refused:
                refusals.append(refused.refusal)
        return tuple(taken)

    def address(self, field: str, channel: int, scope: str, raw: str) -> StatedAddress:
        """An address in normal form. Raises _Refused."""
        if channel == record_pb2.CHANNEL_UNSPECIFIED or channel not in record_pb2.Channel.values():
            raise _Refused(
                f"{field}.channel", Problem.FIELD_INVALID, "is not one of SMS, WECHAT, PUSH, EMAIL"
            )
        known = Channel(channel)
        if not scope_is_valid(scope):
            raise _Refused(f"{field}.scope", Problem.FIELD_INVALID, SCOPE_HINT)
        if scope and known not in SCOPED_CHANNELS:
            raise _Refused(f"{field}.scope", Problem.FIELD_INVALID, "must be empty for phones and mailboxes")
        normal = self._normaliser.of_form(FORM_OF_CHANNEL[known], raw)
        if isinstance(normal, Unusable):
            raise _Refused(f"{field}.address", normal.problem, normal.hint)
        if normal.blocked:
            raise _Refused(f"{field}.address", Problem.VALUE_BLOCKED, "is a placeholder: leave it out")
        return StatedAddress(known, scope, normal.text)


_UNANCHORED_HINT = "the record has no identifier that may link: send one with it"


def _check_place(source: str, record_id: str, brand: str, link_kind: int) -> None:
    if not name_is_valid(source):
        raise _Refused("source", Problem.FIELD_INVALID, NAME_HINT)
    if not record_id:
        raise _Refused("record_id", Problem.FIELD_INVALID, "is empty: send the record's id in its source")
    _check_text("record_id", record_id, MAX_RECORD_ID_CHARS)
    if brand and not _BRAND.fullmatch(brand):
        raise _Refused(
            "brand", Problem.FIELD_INVALID, f"is not at most {MAX_BRAND_CHARS} of a-z, 0-9, _ and -"
        )
    if link_kind not in _LINK_KINDS:
        raise _Refused("link_kind", Problem.FIELD_INVALID, "is not one of LOGIN, BIND, UNBIND")


def _check_anchor(message: record_pb2.Record, may_anchor: bool) -> None:
    problem = ""
    if not may_anchor or message.source != ANCHORING_SOURCE:
        problem = f"is for the role service and the source {ANCHORING_SOURCE}: send identifiers"
    elif message.identifiers:
        problem = "stands instead of identifiers: send one or the other"
    elif message.anchor_key_id > MAX_KEY_ID:
        problem = UNKNOWN_ANCHOR
    if problem:
        raise _Refused("anchor_key_id", Problem.FIELD_INVALID, problem)


def _limit(field: str, count: int, limit: int) -> None:
    if count > limit:
        raise _Refused(
            field, Problem.LIMIT_EXCEEDED, f"{count} of them, the limit is {limit}: split the record"
        )


def _limit_bytes(size: int) -> None:
    if size > MAX_PROPERTIES_BYTES:
        raise _Refused(
            "event.properties",
            Problem.LIMIT_EXCEEDED,
            f"are more than {MAX_PROPERTIES_BYTES} bytes: send fewer",
        )


def _check_text(field: str, text: str, max_chars: int) -> None:
    if len(text) > max_chars:
        raise _Refused(field, Problem.LIMIT_EXCEEDED, f"has {len(text)} characters, the limit is {max_chars}")
    if not text.isprintable():
        raise _Refused(field, Problem.FIELD_INVALID, "holds control characters")


def _time_of(field: str, time: Timestamp | None, now_us: int) -> int:
    """Microseconds since 1970, clamped to now. Raises _Refused."""
    if time is None:
        raise _Refused(field, Problem.TIME_OUT_OF_RANGE, "is missing: say when it happened")
    seconds, nanos = time.seconds, time.nanos
    if 0 <= seconds * 1_000_000 < now_us and 0 <= nanos < NANOS_OF_SECOND:
        return min(seconds * 1_000_000 + nanos // 1_000, now_us)
    time_us = _microseconds(field, time)
    if time_us < 0:
        raise _Refused(
            field, Problem.TIME_OUT_OF_RANGE, "is before 1970: check the unit and the zone of the clock"
        )
    if time_us > now_us + MAX_FUTURE_S * 1_000_000:
        years = (time_us - now_us) // (365 * 24 * 3600 * 1_000_000)
        ahead = f"{years} years" if years else f"more than {MAX_FUTURE_S // 60} minutes"
        raise _Refused(
            field, Problem.TIME_OUT_OF_RANGE, f"is {ahead} in the future: check the source's clock"
        )
    return min(time_us, now_us)


def _microseconds(field: str, time: Timestamp) -> int:
    """Raises _Refused for a message that is no moment: databases and consumers could not hold it."""
    problem = time_problem(time)
    if problem:
        raise _Refused(field, Problem.TIME_OUT_OF_RANGE, problem)
    return microseconds(time)
