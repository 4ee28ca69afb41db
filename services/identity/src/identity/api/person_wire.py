"""Persons on the wire, by column: the bytes that a Person message of each would give."""

from identity.api.wire import NOTHING, entries, field, number, text, varint
from identity.domain.bulk_rows import NewPersons
from identity.domain.person import ReachableChannel

_STATE, _KEYS, _BIRTH_HASH, _ATTRIBUTES, _CHANNELS = 3, 5, b"\x31", 7, 8


def new_persons(persons: NewPersons) -> list[bytes]:
    """The encoded persons, without their versions."""
    state = number(_STATE, int(persons.state))
    tails = [text(2, namespace) for namespace in persons.namespaces]
    columns = [entries(_ATTRIBUTES, text(1, name), values) for name, values in persons.attributes]
    channels: dict[tuple[ReachableChannel, ...], bytes] = {(): NOTHING}
    found: list[bytes] = []
    chunks = zip(*columns, strict=True) if columns else [()] * len(persons.person_ids)
    for person_id, first, birth_hash, said, reached in zip(
        persons.person_ids,
        persons.first_key_ids,
        persons.birth_hashes,
        chunks,
        persons.channels,
        strict=True,
    ):
        if reached not in channels:
            channels[reached] = NOTHING.join(map(_channel, reached))
        found.append(
            NOTHING.join(
                (
                    b"\x08",
                    varint(person_id),
                    state,
                    *[_key(key_id, tail) for key_id, tail in enumerate(tails, first)],
                    _BIRTH_HASH + birth_hash.to_bytes(8, "little") if birth_hash else NOTHING,
                    *said,
                    channels[reached],
                )
            )
        )
    return found


def _key(key_id: int, tail: bytes) -> bytes:
    return field(_KEYS, b"\x08" + varint(key_id) + tail)


def _channel(channel: ReachableChannel) -> bytes:
    purposes = NOTHING.join(field(2, purpose.encode()) for purpose in channel.purposes)
    return field(_CHANNELS, text(1, channel.channel.name.lower()) + purposes)
