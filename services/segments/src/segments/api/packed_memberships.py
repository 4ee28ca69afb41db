"""Memberships of many persons as bytes of the contract, without a message for each."""

from collections.abc import Sequence

import numpy as np

PERSONS_FIELD, PERSON_ID_FIELD, MEMBERS_FIELD = 1 << 3 | 2, 1 << 3, 2 << 3 | 2
"""Tags of `persons`, and of what a PersonMembership has: field number << 3 | wire type."""
FRESHNESS_FIELD, EVALUATE_US_FIELD = 2 << 3 | 2, 4 << 3
"""Tags of `freshness`, and of the duration in it."""
LONGEST_US = 3_600_000_000
ID_BYTES = 5
"""Every number takes so many bytes, whatever it is: a varint may have more than it needs, and rows of one width are
written at once."""
SEGMENTS_MOST = 119
"""So that the length of a person's message is one byte."""
ROWS_FROM = 16
"""Persons from which on writing all at once takes less time than one by one."""
_SHIFTS = 7 * np.arange(ID_BYTES, dtype=np.int64)[:, None]
_MORE = np.asarray([0x80] * (ID_BYTES - 1) + [0], np.int64)[:, None]


def packed_persons(person_ids: Sequence[int], members: Sequence[bytes]) -> bytes:
    """The field `persons` of a CheckMembershipResponse.

    `person_ids`  0 to below 2^32
    `members`     for each of 1 to SEGMENTS_MOST segments, a byte 1 or 0 for each person
    """
    if len(person_ids) < ROWS_FROM:
        inside = zip(*members, strict=True)
        return b"".join(map(_packed_person, person_ids, map(bytes, inside)))
    return _packed_rows(person_ids, members)


def packed_duration(microseconds: int) -> bytes:
    """`evaluate_us` of the field `freshness`, to stand behind the rest of it: readers put a message that comes
    in parts together. Up to an hour."""
    us = min(microseconds, LONGEST_US)
    number = (
        us & 0x7F | 0x80,
        us >> 7 & 0x7F | 0x80,
        us >> 14 & 0x7F | 0x80,
        us >> 21 & 0x7F | 0x80,
        us >> 28,
    )
    return bytes((FRESHNESS_FIELD, 1 + ID_BYTES, EVALUATE_US_FIELD, *number))


def _packed_person(person_id: int, members: bytes) -> bytes:
    segments, rest = len(members), person_id
    row = bytearray((PERSONS_FIELD, 3 + ID_BYTES + segments, PERSON_ID_FIELD))
    for _ in range(ID_BYTES - 1):
        row.append(rest & 0x7F | 0x80)
        rest >>= 7
    row += bytes((rest, MEMBERS_FIELD, segments))
    return bytes(row + members)


def _packed_rows(person_ids: Sequence[int], members: Sequence[bytes]) -> bytes:
    ids, segments = np.asarray(person_ids, np.int64), len(members)
    first = 3 + ID_BYTES
    rows = np.empty((first + 2 + segments, len(ids)), np.uint8)
    rows[0] = PERSONS_FIELD
    rows[1] = first + segments
    rows[2] = PERSON_ID_FIELD
    rows[3:first] = ((ids >> _SHIFTS) & 0x7F) | _MORE
    rows[first] = MEMBERS_FIELD
    rows[first + 1] = segments
    for place, each in enumerate(members):
        rows[first + 2 + place] = np.frombuffer(each, np.uint8)
    return rows.tobytes("F")
