"""Values to bytes and back: how columns are kept in the store. Self-contained, so that no dictionary can be lost.

A pack is a JSON header (texts in order of their code) after its uint32 length, then the counts as uint16, the offsets
as uint16 and the codes as int64, all little-endian, compressed.
"""

import datetime as dt
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_MICROSECOND = dt.timedelta(microseconds=1)


def scalar_of(code: int, kind: Kind, texts: Callable[[int], str]) -> Scalar:
    """The value of a code of a ValueBlock."""
    match kind:
        case Kind.BOOL:
            return bool(code)
        case Kind.TEXT:
            return texts(code)
        case Kind.DATE:
            return dt.date.fromordinal(code + EPOCH_DAY)
        case Kind.DATETIME:
            return EPOCH + code * _MICROSECOND
        case _:
            return code


def code_of(value: Scalar, texts: dict[str, int]) -> int:
    """The code of a value; a text gets the next code of `texts`."""
    match value:
        case bool():
            return int(value)
        case str():
            return texts.setdefault(value, len(texts))
        case dt.datetime():
            return (value - EPOCH) // _MICROSECOND
        case dt.date():
            return value.toordinal() - EPOCH_DAY
        case _:
            return value


def unpacked(
    offsets: npt.NDArray[np.uint16],
    counts: npt.NDArray[np.uint16],
    codes: npt.NDArray[np.int64],
    kind: Kind,
    texts: Callable[[int], str],
    *,
    multi_valued: bool,
) -> dict[int, Value | None]:
    """offset -> value; None where the count says unknown."""
    found: dict[int, Value | None] = {}
    numbers = codes.tolist()
    place = 0
    for offset, count in zip(offsets.tolist(), counts.tolist(), strict=True):
        values = tuple(scalar_of(number, kind, texts) for number in numbers[place : place + count])
        place += count
        found[offset] = (values if multi_valued else values[0]) if values else None
    return found


def pack(values: Iterable[tuple[int, Value]]) -> bytes:
    """Bytes of (offset, value) pairs in ascending order of the offset."""
    texts: dict[str, int] = {}
    offsets: list[int] = []
    counts: list[int] = []
    codes: list[int] = []
    for offset, value in values:
        elements = value if isinstance(value, tuple) else (value,)
        offsets.append(offset)
        counts.append(len(elements))
        codes.extend(code_of(element, texts) for element in elements)
    header = json.dumps(list(texts), ensure_ascii=False).encode()
    body = b"".join(
        [
            struct.pack("<II", len(header), len(offsets)),
            header,
            np.asarray(offsets, dtype="<u2").tobytes(),
            np.asarray(counts, dtype="<u2").tobytes(),
            np.asarray(codes, dtype="<i8").tobytes(),
        ]
    )
    return zlib.compress(body, level=1)


def unpack(packed: bytes, kind: Kind, *, multi_valued: bool) -> Mapping[int, Value]:
    """offset -> value of what `pack` made."""
    body = zlib.decompress(packed)
    header_bytes, length = struct.unpack_from("<II", body)
    start = struct.calcsize("<II")
    texts = json.loads(body[start : start + header_bytes])
    start += header_bytes
    offsets = np.frombuffer(body, dtype="<u2", count=length, offset=start)
    counts = np.frombuffer(body, dtype="<u2", count=length, offset=start + 2 * length)
    codes = np.frombuffer(body, dtype="<i8", offset=start + 4 * length)
    found = unpacked(offsets, counts, codes, kind, texts.__getitem__, multi_valued=multi_valued)
    return cast(Mapping[int, Value], found)
