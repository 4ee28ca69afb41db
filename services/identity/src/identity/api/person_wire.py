"""Persons on the wire, by column: the bytes that a Person message of each would give."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from identity.api.wire import NOTHING, entries, field, number, text, varint
from identity.domain.bulk_rows import NewPersons
from identity.domain.person import ReachableChannel

_STATE, _KEYS, _ATTRIBUTES, _CHANNELS = 3, 5, 7, 8
_PERSON_ID, _KEY_ID, _BIRTH_HASH = b"\x08", b"\x08", b"\x31"
Bytes = npt.NDArray[np.uint8]


def new_persons(persons: NewPersons) -> list[bytes]:
    """The encoded persons, without their versions."""
    if not len(persons.person_ids):
        return []
    columns = [entries(_ATTRIBUTES, text(1, name), values) for name, values in persons.attributes]
    reached = {channels: NOTHING.join(map(_channel, channels)) for channels in set(persons.channels)}
    return [
        NOTHING.join(parts)
        for parts in zip(
            _heads(persons), *columns, [reached[channels] for channels in persons.channels], strict=True
        )
    ]


def _heads(persons: NewPersons) -> list[bytes]:
    """All before the attributes. Numbers of one message mostly take as many bytes, so that heads are rows of a matrix;
    where they do not, those of as many are."""
    ids = np.array(persons.person_ids, dtype=np.uint64)
    first = np.array(persons.first_key_ids, dtype=np.uint64)
    hashes = np.array(persons.birth_hashes, dtype="<u8")
    width = len(persons.namespaces)
    kinds = (
        _sizes(ids) * 100 + _sizes(first) * 10 + _sizes(first + np.uint64(width - 1)) + 1_000 * (hashes == 0)
    )
    heads: list[bytes] = [NOTHING] * len(ids)
    for kind in np.unique(kinds).tolist():
        chosen = np.flatnonzero(kinds == kind)
        matrix = _matrix(persons, ids[chosen], first[chosen], hashes[chosen])
        if matrix is None:
            for at in chosen.tolist():
                heads[at] = _head(persons, at)
            continue
        content, size = matrix.tobytes(), matrix.shape[1]
        for n, at in enumerate(chosen.tolist()):
            heads[at] = content[n * size : (n + 1) * size]
    return heads


def _matrix(
    persons: NewPersons,
    ids: npt.NDArray[np.uint64],
    first: npt.NDArray[np.uint64],
    hashes: npt.NDArray[np.uint64],
) -> Bytes | None:
    """A row for each person; None when the keys of one person do not take as many bytes each."""
    size = int(_sizes(first[:1])[0])
    last = first + np.uint64(len(persons.namespaces) - 1)
    if (_sizes(last) != size).any():
        return None
    count = len(ids)
    parts: list[Bytes] = [_constant(_PERSON_ID, count), _varints(ids)]
    parts.append(_constant(number(_STATE, int(persons.state)), count))
    for n, namespace in enumerate(persons.namespaces):
        tail = text(2, namespace)
        before = bytes([_KEYS << 3 | 2]) + varint(len(_KEY_ID) + size + len(tail)) + _KEY_ID
        parts += [_constant(before, count), _varints(first + np.uint64(n)), _constant(tail, count)]
    if hashes[0]:
        parts += [_constant(_BIRTH_HASH, count), hashes.view(np.uint8).reshape(count, 8)]
    return np.concatenate(parts, axis=1)


def _sizes(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """How many bytes each takes as a varint; at least one."""
    found: npt.NDArray[np.int64] = np.ones(len(numbers), dtype=np.int64)
    for bits in range(7, 64, 7):
        found += numbers >= np.uint64(1 << bits)
    return found


def _varints(numbers: npt.NDArray[np.uint64]) -> Bytes:
    """Varints of as many bytes each."""
    size = int(_sizes(numbers[:1])[0])
    found = np.stack([(numbers >> np.uint64(7 * n)).astype(np.uint8) & 0x7F for n in range(size)], axis=1)
    found[:, :-1] |= 0x80
    return found


def _constant(content: bytes, count: int) -> Bytes:
    return np.broadcast_to(np.frombuffer(content, dtype=np.uint8), (count, len(content)))


def _head(persons: NewPersons, at: int) -> bytes:
    keys = enumerate(persons.namespaces, persons.first_key_ids[at])
    hash_ = persons.birth_hashes[at]
    return NOTHING.join(
        (
            _PERSON_ID + varint(persons.person_ids[at]),
            number(_STATE, int(persons.state)),
            *[field(_KEYS, _KEY_ID + varint(key_id) + text(2, namespace)) for key_id, namespace in keys],
            _BIRTH_HASH + hash_.to_bytes(8, "little") if hash_ else NOTHING,
        )
    )


def _channel(channel: ReachableChannel) -> bytes:
    purposes: Sequence[bytes] = [field(2, purpose.encode()) for purpose in channel.purposes]
    return field(_CHANNELS, text(1, channel.channel.name.lower()) + NOTHING.join(purposes))
