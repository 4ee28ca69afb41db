"""Regions: what lies where in the file of a column, and the head that says so.

A file is a head, then regions at multiples of 4,096 bytes. The head is 8 bytes that say what it is, its own length and
checksum as uint32, and a JSON object. An arena has a hole behind it, which takes no room on the disk: where containers
of later versions are written once the file is mapped, into memory that is the process's own. All numbers are
little-endian; checksums are CRC-32.
"""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"HXCOL\x00\x00\x01"
PAGE_BYTES = 4_096
CHECK_BYTES = 1 << 22
"""Bytes of which a checksum is taken at once."""
_START = struct.Struct("<8sII")


@dataclass(frozen=True, slots=True)
class Region:
    """`bytes` at `start` in the file behind its head, then `hole` bytes of zeros that are not stored."""

    name: str
    type: str
    shape: tuple[int, ...]
    start: int
    bytes: int
    hole: int
    checksum: int

    @property
    def end(self) -> int:
        """With the hole."""
        return self.start + self.bytes + self.hole


@dataclass(frozen=True, slots=True)
class Head:
    """`facts` of the column beside its arrays."""

    column: str
    facts: Mapping[str, Any]
    regions: tuple[Region, ...]

    @property
    def bytes(self) -> int:
        """Of the file behind this head."""
        return self.regions[-1].end

    def region(self, name: str) -> Region:
        """Raises StopIteration when there is none."""
        return next(each for each in self.regions if each.name == name)


def packed(head: Head) -> bytes:
    """Up to where the first region may start."""
    body = json.dumps(asdict(head), ensure_ascii=False, sort_keys=True).encode()
    start = _START.pack(MAGIC, len(body), zlib.crc32(body))
    return (start + body).ljust(page_end(len(start) + len(body)), b"\0")


def checksum_of(head: bytes) -> int:
    """Of what `packed` made: it stands for the whole file, whose regions' checksums are in it."""
    return int(_START.unpack_from(head)[2])


def unpacked(data: memoryview) -> tuple[Head, int]:
    """What `packed` made, at the start of `data`, and where it ends. Raises ValueError saying what is wrong."""
    if len(data) < _START.size:
        raise ValueError("it is too short for a head")
    magic, length, checksum = _START.unpack_from(data)
    body = bytes(data[_START.size : _START.size + length])
    if magic != MAGIC:
        raise ValueError("it does not start as the file of a column of this format does")
    if len(body) < length or zlib.crc32(body) != checksum:
        raise ValueError("the checksum of its head is another one")
    read = json.loads(body)
    regions = tuple(Region(**{**each, "shape": tuple(each["shape"])}) for each in read["regions"])
    return Head(read["column"], read["facts"], regions), page_end(_START.size + length)


def laid_out(
    column: str, facts: Mapping[str, Any], arrays: Sequence[tuple[str, npt.NDArray[Any], int]]
) -> Head:
    """A head for arrays in this order, each with at least so many bytes of a hole behind it."""
    regions, start = [], 0
    for name, array, hole in arrays:
        end = page_end(start + array.nbytes + hole)
        checksum = checksum_in(bytes_of(array))
        rest = end - start - array.nbytes
        regions.append(Region(name, str(array.dtype), array.shape, start, array.nbytes, rest, checksum))
        start = end
    return Head(column, facts, tuple(regions))


def bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """Of a contiguous array."""
    return array.reshape(-1).view(np.uint8).data


def checksum_in(data: memoryview, found: int = 0) -> int:
    """CRC-32 of bytes behind those with the checksum `found`."""
    for start in range(0, len(data), CHECK_BYTES):
        found = zlib.crc32(data[start : start + CHECK_BYTES], found)
    return found


def page_end(place: int) -> int:
    """The next multiple of a page."""
    return -(-place // PAGE_BYTES) * PAGE_BYTES
