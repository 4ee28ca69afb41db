"""Values as arrays of codes, and as bytes in the store. Self-contained, so that no dictionary can be lost.

A pack is a JSON header (texts in order of their code) after its uint32 length, then the offsets as uint16, the counts
as uint16 and the codes as int64, all little-endian, compressed.
"""

import datetime as dt
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Scalar
from rules.values import Kind

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = dt.timedelta(microseconds=1)
_SIZES = struct.Struct("<III")

Offsets: TypeAlias = npt.NDArray[np.uint16]
Codes: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Coded:
    """Values of persons of one block of one column.

    `offsets` uint16 ascending (person_id & 0xFFFF); `counts` uint16 per offset: how many values, 0 = unknown, more than
    1 only in a multi-valued column; `codes` int64 in the order of the offsets. Codes: bool 0 or 1; number scaled by
    10,000; date days since 1970-01-01; datetime microseconds since 1970; text its code in a dictionary, of which
    `texts` is a part.
    """

    offsets: Offsets
    counts: Offsets
    codes: Codes
    texts: Mapping[int, str] = field(default_factory=dict)


class TooManyValues(ValueError):
    """A column has more distinct values than it can hold in its form."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"{count} values are too many for a multi-valued tag; at most {limit}")


def damage_of(coded: Coded) -> str:
    """What does not fit together; empty when all does."""
    if len(coded.offsets) != len(coded.counts):
        return f"{len(coded.offsets)} offsets with {len(coded.counts)} counts"
    if len(coded.codes) != int(coded.counts.sum(dtype=np.int64)):
        return f"{len(coded.codes)} codes, the counts say {int(coded.counts.sum(dtype=np.int64))}"
    if len(coded.offsets) > 1 and not bool(np.all(coded.offsets[1:] > coded.offsets[:-1])):
        return "offsets that do not ascend"
    return ""


def whole(coded: Coded, size: int) -> Coded:
    """The same of everybody of a block of so many: who is not told of has no value."""
    counts = np.zeros(size, np.uint16)
    counts[coded.offsets] = coded.counts
    return Coded(np.arange(size, dtype=np.int64).astype(np.uint16), counts, coded.codes, coded.texts)


def microseconds(moment: dt.datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(time_us: int) -> dt.datetime:
    """The aware moment of microseconds since 1970, in UTC."""
    return _EPOCH + time_us * _MICROSECOND


def days(day: dt.date) -> int:
    """Since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def day_of(number: int) -> dt.date:
    """The date of days since 1970-01-01."""
    return dt.date.fromordinal(number + _EPOCH_DAY)


def scalar_of(code: int, kind: Kind) -> Scalar:
    """The value of a code; texts have dictionaries instead."""
    match kind:
        case Kind.BOOL:
            return bool(code)
        case Kind.DATE:
            return day_of(code)
        case Kind.DATETIME:
            return moment_of(code)
        case _:
            return code


def code_of(value: Scalar) -> int:
    """The code of a value that is not a text."""
    match value:
        case bool():
            return int(value)
        case dt.datetime():
            return microseconds(value)
        case dt.date():
            return days(value)
        case int():
            return value
        case _:
            raise TypeError(f"a {type(value).__name__} has its code from a dictionary")


def recoded(codes: Codes, code: Callable[[int], int]) -> Codes:
    """The same with every code exchanged; `code` is asked once for each distinct one."""
    distinct, places = np.unique(codes, return_inverse=True)
    exchanged = np.fromiter((code(each) for each in distinct.tolist()), np.int64, len(distinct))
    return exchanged[places]


def pack(coded: Coded) -> bytes:
    """Bytes of a block; `texts` must name every code of a text column, and then codes are numbered anew."""
    codes, texts = coded.codes, []
    if coded.texts:
        numbers: dict[int, int] = {}
        codes = recoded(codes, lambda each: numbers.setdefault(each, len(numbers)))
        texts = [coded.texts[each] for each in numbers]
    header = json.dumps(texts, ensure_ascii=False).encode()
    body = b"".join(
        [
            _SIZES.pack(len(header), len(coded.offsets), len(codes)),
            header,
            coded.offsets.astype("<u2").tobytes(),
            coded.counts.astype("<u2").tobytes(),
            codes.astype("<i8").tobytes(),
        ]
    )
    return zlib.compress(body, level=1)


def unpack(packed: bytes) -> Coded:
    """What `pack` made."""
    body = zlib.decompress(packed)
    header_bytes, persons, values = _SIZES.unpack_from(body)
    start = _SIZES.size
    texts = json.loads(body[start : start + header_bytes])
    start += header_bytes
    offsets = np.frombuffer(body, "<u2", persons, start)
    counts = np.frombuffer(body, "<u2", persons, start + 2 * persons)
    codes = np.frombuffer(body, "<i8", values, start + 4 * persons)
    return Coded(offsets, counts, codes, dict(enumerate(texts)))
